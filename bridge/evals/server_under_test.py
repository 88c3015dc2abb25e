"""The bridge that is called: one that is started with the bot under test, or one that runs somewhere."""

import asyncio
import os
import re
import secrets
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from bridge.settings import SettingsError, load
from bridge.settings.describe import flag
from bridge.settings.options import OPTIONS, SECRETS

_START_S: Final = 120.0
_END_S: Final = 20.0
_RECORD_S: Final = 15.0
_TAIL_LINES: Final = 15
_NO_RECORD: Final = (ValueError, LookupError, TypeError, RecursionError)
"""What an answer of somebody else's server makes of reading it."""
_READY: Final = re.compile(r"transcripts\s+(wss?)://([^/\s]+)/ws")
_SECRETS_LEFT_OUT: Final = ("BRIDGE_TWILIO_AUTH_TOKEN", "BRIDGE_TWILIO_AUTH_TOKEN_FILE", "BRIDGE_API_TOKEN_FILE")
"""Calls of ours are not signed, and the token is one for this run."""
OURS: Final[Mapping[str, str | bool]] = {
    "host": "127.0.0.1",
    "port": "0",
    "public_url": "",
    "handover_socket": "",
    "records": "",  # in a folder of the run's own, which goes with it: memory holds the newest entries of a call alone
    "record_calls": "",
    "events_url": "",
    "api_tokens_file": "",
    "audiosocket_port": "0",
    "wyoming_port": "0",
    "ari_url": "",
    "sip": False,
}
"""Options that a bridge under test has, whatever a file of options says: it answers us, here, and leaves nothing."""


class ServerFailed(Exception):
    """The bridge under test did not start, or is not there. The text holds what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledBridge:
    """A bridge that can be called."""

    url: str
    """Where the wire is answered: ws://host:port/twilio/stream."""
    token: str = ""
    tls: ssl.SSLContext | bool = True
    kept: bool = False
    """Whether its record of a call can be read."""

    @property
    def http(self) -> str:
        """Its address for programs: http://host:port"""
        parts = urlsplit(self.url)
        return f"{'https' if parts.scheme in {'wss', 'https'} else 'http'}://{parts.netloc}"

    @property
    def headers(self) -> Mapping[str, str]:
        """What opens its doors."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def entries(self, session: aiohttp.ClientSession, call_id: str) -> list[Mapping[str, object]]:
        """Return what is recorded of a call, once it is over.

        Raises:
            ServerFailed: there is no record, or it is not closed in time.
        """
        url = f"{self.http}/calls/{call_id}"
        try:
            async with asyncio.timeout(_RECORD_S):
                while True:
                    async with session.get(url, headers=self.headers, ssl=self.tls) as response:
                        if response.status not in {200, 404}:
                            raise ServerFailed(f"{url} answers {response.status}: {(await response.text())[:200]}")
                        record = (await response.json())["record"] if response.status == 200 else None
                    if record and record["ended_at"]:
                        return list(record["entries"])
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise ServerFailed(f"{url}: the record of the call is not closed after {_RECORD_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ServerFailed(f"{url}: {error}") from None
        except _NO_RECORD as error:
            raise ServerFailed(f"{url} answers what is no record of a call: {error!r}") from None


async def running_at(url: str, *, token: str, tls: ssl.SSLContext | bool) -> CalledBridge:
    """Return the bridge at `url`, where something answers a wire.

    Raises:
        ServerFailed: it refuses the token.
    """
    target = CalledBridge(url=url, token=token, tls=tls)
    try:
        async with aiohttp.ClientSession() as session:
            asked = session.get(f"{target.http}/calls?limit=1", headers=target.headers, ssl=tls)
            async with asked as response:
                status = response.status
    except (aiohttp.ClientError, OSError) as error:
        raise ServerFailed(f"{target.http}: {error}") from None
    if token and status in {401, 403}:
        raise ServerFailed(f"{target.http} refuses the API token ({status}); --token-file holds the one it asks for")
    return CalledBridge(url=url, token=token, tls=tls, kept=status == 200)


def options_of(given: Mapping[str, object], settings: Mapping[str, str | bool]) -> dict[str, str | bool]:
    """Return the options of a bridge: those of a scenario, those that were `given` as flags before them, and OURS.

    Raises:
        SettingsError: one of them is no option, or a value cannot be.
    """
    merged = {**settings, **{name: value for name, value in given.items() if isinstance(value, str | bool)}}
    if unknown := [name for name in settings if name not in OPTIONS or name in SECRETS]:
        raise SettingsError(f"settings.{unknown[0]} is no option of a file; `bridge serve --help-all` has them all")
    usual = load({"config": given.get("config", "")} if given.get("config") else {})
    ours = {name: value for name, value in OURS.items() if name in merged or str(getattr(usual, name)) != str(value)}
    merged |= ours
    load({**merged, **({"config": given["config"]} if given.get("config") else {})})
    return merged


@asynccontextmanager
async def started(
    options: Mapping[str, str | bool], *, config: str = "", path: str, log: Path | None = None
) -> AsyncIterator[CalledBridge]:
    """Start a bridge with `options`, on a free port of this machine; stop it at the end. `path`: that of the wire.

    `log`: what it says is added there.

    Raises:
        ServerFailed: it does not start.
    """
    token = secrets.token_urlsafe(24)
    environ = {name: value for name, value in os.environ.items() if name not in _SECRETS_LEFT_OUT}
    state = await asyncio.to_thread(mkdtemp, prefix="bridge-eval-")
    try:
        process = await asyncio.to_thread(
            subprocess.Popen,
            [
                *(sys.executable, "-m", "bridge", "serve"),
                *(("--config", config) if config else ()),
                *arguments({"state_dir": state, **options}),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environ, "BRIDGE_API_TOKEN": token},
        )
        async with _Output(process, log) as output:
            scheme, address = await output.ready()
            yield CalledBridge(url=f"{scheme}://{address}{path}", token=token, tls=scheme == "ws", kept=True)
    finally:
        await asyncio.to_thread(rmtree, state, ignore_errors=True)


def arguments(options: Mapping[str, str | bool]) -> list[str]:
    """Return `options` as flags of `bridge serve`."""
    found: list[str] = []
    for name, value in options.items():
        if isinstance(value, bool):
            found.append(flag(name) if value else f"--no-{flag(name)[2:]}")
        else:
            found.append(f"{flag(name)}={value}")
    return found


class _Output:
    """What a bridge says: read all the time, so that it never waits for us. It is stopped at the end."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path | None) -> None:
        self._process, self._log = process, log
        self._lines: list[str] = []
        self._address: tuple[str, str] | None = None
        self._told = asyncio.Event()

    async def __aenter__(self) -> Self:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, self._process.stdout)
        self._reading = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)  # Popen sends none to who is gone
        try:
            await asyncio.to_thread(self._process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        await self._reading
        if self._log:
            await asyncio.to_thread(_append, self._log, self._lines)

    async def ready(self) -> tuple[str, str]:
        """Return scheme and address once it takes calls.

        Raises:
            ServerFailed: it never does.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                await self._told.wait()
        if self._address is None:
            tail = "".join(self._lines[max(0, len(self._lines) - _TAIL_LINES) :]).rstrip()
            raise ServerFailed(f"the bridge under test did not start:\n{tail}")
        return self._address

    async def _read(self, reader: asyncio.StreamReader) -> None:
        found: tuple[str, str] | None = None
        async for raw in reader:
            line = raw.decode(errors="replace")
            self._lines.append(line)
            if match := _READY.search(line):
                found = (match[1], match[2])
            if found and line.strip().startswith("voice, bot"):
                self._address = found
                self._told.set()
        self._told.set()


def _append(path: Path, lines: list[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(lines)
