"""Bot servers of this machine: started, waited for, ended; and what a process and its children use."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Kind:
    """How a server is started. In `command` {port} stands for a free one."""

    venv: str
    """Folder of its virtual environment, in the checkout; "" is the one that runs this."""
    command: Sequence[str]
    path: str
    """Of the WebSocket."""
    package: str
    """Whose version tells which release was measured."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return ROOT / self.venv / "bin" / "python" if self.venv else Path(sys.executable)


KINDS: Final[Mapping[str, Kind]] = {
    "bridge": Kind(
        "",
        ("-m", "bridge", "serve", "--port", "{port}", "--bot", "our_bot:ScriptBot", "--log-level", "WARNING"),
        "/twilio/stream",
        "voice-bridge",
    ),
    "pipecat": Kind(".venv-pipecat", ("pipecat_bot.py", "{port}"), "/ws", "pipecat-ai"),
    "livekit": Kind(".venv-livekit", ("livekit_bot.py", "{port}"), "/ws", "livekit-agents"),
}


class DidNotStart(Exception):
    """A server did not open its port."""


@dataclass(frozen=True, slots=True)
class Local:
    """A running server."""

    url: str
    pid: int
    transcripts: Path
    """A line of JSON for each of the caller's turns as the bot was given it: at (Unix seconds), text."""


@asynccontextmanager
async def started(kind: Kind, folder: Path, *, start_s: float = 90.0) -> AsyncIterator[Local]:
    """Start a server, and end it and its children at the end of the block. Its output goes to a log in `folder`.

    Raises:
        DidNotStart: its environment is not there, or it did not open its port within `start_s`.
    """
    if not kind.python.exists():
        raise DidNotStart(f"{kind.package}: there is no {kind.python}; make tools-bench-phone makes it")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    transcripts, log = _files(folder, kind.package)
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            str(kind.python),
            *(part.format(port=port) for part in kind.command),
            stdout=output,
            stderr=output,
            cwd=HERE / "peers",
            env=os.environ
            | {
                "PHONE_TRANSCRIPTS": str(transcripts),
                "PYTHONPATH": f"{HERE / 'peers'}:{ROOT}",
                "XDG_STATE_HOME": str(folder / "state"),  # the bridge keeps a call log
            },
        )
    try:
        await _port_open(port, process, start_s, log)
        yield Local(f"ws://127.0.0.1:{port}{kind.path}", process.pid, transcripts)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(15):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    transcripts, log = folder / f"{name}.transcripts", folder / f"{name}.log"
    transcripts.unlink(missing_ok=True)
    return transcripts, log


async def _port_open(port: int, process: asyncio.subprocess.Process, start_s: float, log: Path) -> None:
    try:
        async with asyncio.timeout(start_s):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.2)
                else:
                    writer.close()
                    return
    except TimeoutError:
        pass
    end = (await asyncio.to_thread(log.read_text)).splitlines()[-5:]
    raise DidNotStart("\n".join([f"no server on port {port} after {start_s:g} s; the end of {log}:", *end]))


@dataclass(frozen=True, slots=True)
class Used:
    """What a process and its children have used so far."""

    cpu_s: float
    rss_mb: float


def used(pid: int) -> Used:
    """Return what `pid` and its children have used; nothing where it is gone."""
    stats = _all_stats()
    family, waiting = set[int](), [pid]
    while waiting:
        one = waiting.pop()
        family.add(one)
        waiting += [child for child, fields in stats.items() if int(fields[1]) == one and child not in family]
    own = [stats[one] for one in family if one in stats]
    # Fields from the state on, by proc(5): 11 and 12 are the time of user and system, 13 and 14 of children that ended.
    cpu_s = sum(int(ticks) for fields in own for ticks in fields[11:15]) / _TICKS
    return Used(cpu_s, sum(int(fields[21]) for fields in own) * _PAGE_MB)


def _all_stats() -> dict[int, list[str]]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
    return found
