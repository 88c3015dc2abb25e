"""The real Asterisk: `scripts/install-asterisk` puts it into build/asterisk, each test file runs one of its own there.

Configuration is written for each run, into a folder of its own below the installed one, with ports of its own, so any
number may run at once. What a test needs it adds by the name of the file; the dialplan ends in the context `test`:

    async with asterisk({
        "extensions.conf": "exten => 200,1,AudioSocket(${UUID()},127.0.0.1:9092)",
        "pjsip.conf": "[bot]\ntype = endpoint\ntransport = tcp\naors = bot\ncontext = test\nallow = ulaw\n"
                      "[bot]\ntype = aor\ncontact = sip:bot@127.0.0.1:5070",
    }) as pbx:
        heard = await pbx.originate("Local/200@test", "vm-intro")

That dials 200 from a caller who says a prompt and records what it hears. Calls to the PBX come to `pbx.sip_port`, UDP
and TCP, into the context that their endpoint names.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiohttp
import numpy as np
import numpy.typing as npt
import pytest
from integration.sip_peers import free_port

from bridge.speaking.wav import read_wav

ROOT: Final = Path(__file__).parents[3] / "build" / "asterisk"
_USER, _PASSWORD = "test", "secret"  # of its REST interface
needs_asterisk = pytest.mark.skipif(
    not (ROOT / ".installed").exists() or os.getuid() != 0 or shutil.which("setpriv") is None,
    reason="no Asterisk: scripts/install-asterisk build/asterisk, as root",
)

_CALLER: Final = """
[caller]
; what the far half of an originated call does
exten => s,1,Answer()
 same => n,MixMonitor({folder}/mixed-${HEARD},r({folder}/${HEARD}))
 same => n,Wait(${PAUSE})
 same => n,ExecIf($["${KEYS}" != "none"]?SendDTMF(${KEYS},200,150))
 same => n,ExecIf($["${SAY}" != "none"]?Playback(${SAY}))
 same => n,Wait(60)
 same => n,Hangup()
"""


@dataclass(frozen=True, slots=True)
class Asterisk:
    """A running one."""

    folder: Path
    """Its files, as this machine sees them."""
    inside: str
    """The same folder, as it sees it itself."""
    sip_port: int
    http_port: int
    process: asyncio.subprocess.Process
    _session: aiohttp.ClientSession

    async def cli(self, command: str) -> str:
        """Return what its console answers to `command`."""
        asked = await asyncio.create_subprocess_exec(
            *_chroot("asterisk", "-C", f"{self.inside}/asterisk.conf", "-rx", command),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(10):
            output, _ = await asked.communicate()
        return output.decode(errors="replace")

    async def ari(self, method: str, path: str, *, query: Mapping[str, str] | None = None, **body: object) -> object:
        """Return what its REST interface answers, e.g. to ("GET", "channels"); None where that is nothing.

        Raises:
            aiohttp.ClientResponseError: it refuses.
        """
        url = f"http://127.0.0.1:{self.http_port}/ari/{path}"
        async with self._session.request(method, url, params=query, json=body or None) as response:
            response.raise_for_status()
            return await response.json() if response.content_length else None

    async def originate(
        self, channel: str, say: str = "", *, keys: str = "", pause_s: float = 0.5, number: str = "100"
    ) -> Path:
        """Call `channel`, e.g. Local/200@test, from a caller who presses `keys` and says the prompt `say`.

        Returns the file of what it heard. `pause_s`: silence before all that, in which the channel makes no frames.
        `number`: the caller's.
        """
        heard = f"heard-{uuid4().hex}.wav"
        where = {"endpoint": channel, "extension": "s", "context": "caller", "priority": "1", "callerId": number}
        says = {"SAY": say or "none", "KEYS": keys or "none", "PAUSE": f"{pause_s:g}", "HEARD": heard}
        await self.ari("POST", "channels", query=where, variables=says)
        return self.folder / heard

    async def until(self, command: str, text: str, *, timeout_s: float = 15) -> str:
        """Return what `command` answers once `text` is in it."""
        async with asyncio.timeout(timeout_s):
            while text not in (answer := await self.cli(command)):  # noqa: ASYNC110  # nothing tells us of it
                await asyncio.sleep(0.2)
        return answer

    async def idle(self, timeout_s: float = 15) -> None:
        """Wait until there is no call any more."""
        await self.until("core show channels count", "0 active channels", timeout_s=timeout_s)

    async def heard(self, path: Path, sample_rate: int = 16_000, *, timeout_s: float = 10) -> npt.NDArray[np.float32]:
        """Return a recording that a call has made, once it is closed: until then its header says that it is empty."""
        async with asyncio.timeout(timeout_s):
            while True:
                with suppress(OSError, ValueError):  # not there, or not begun
                    if len(audio := read_wav(str(path), sample_rate)):
                        return audio
                await asyncio.sleep(0.05)

    @property
    def log(self) -> str:
        return (self.folder / "log" / "messages").read_text(errors="replace")


def _chroot(*command: str) -> list[str]:
    return ["chroot", str(ROOT.resolve()), *command]


@asynccontextmanager
async def asterisk(extra: Mapping[str, str] | None = None) -> AsyncIterator[Asterisk]:
    """Run an Asterisk; `extra`: text that is added to its configuration, by the name of the file.

    In it {folder}, {sip} and {http} stand for its folder and ports.
    """
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=ROOT.resolve() / "var" / "tmp"))
    inside = f"/var/tmp/{folder.name}"
    ports = {"sip": free_port(), "http": free_port()}
    for name in ("run", "db", "log", "spool", "keys"):
        (folder / name).mkdir()
    for name, text in _configuration(inside, extra or {}, ports).items():
        (folder / name).write_text(text)
    _device_nodes()
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL"),  # whatever becomes of the tests
        *_chroot("asterisk", "-f", "-vvv", "-C", f"{inside}/asterisk.conf"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    headers = {"Authorization": aiohttp.encode_basic_auth(_USER, _PASSWORD)}
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            pbx = Asterisk(folder, inside, ports["sip"], ports["http"], process, session)
            await pbx.until("core waitfullybooted", "fully booted", timeout_s=30)
            await pbx.ari("GET", "asterisk/ping")
            yield pbx
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(inside: str, extra: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    directories = {
        "astetcdir": inside,
        "astmoddir": _modules(),
        "astvarlibdir": "/var/lib/asterisk",
        "astdbdir": f"{inside}/db",
        "astkeydir": f"{inside}/keys",
        "astdatadir": "/usr/share/asterisk",
        "astagidir": "/usr/share/asterisk/agi-bin",
        "astspooldir": f"{inside}/spool",
        "astrundir": f"{inside}/run",
        "astlogdir": f"{inside}/log",
    }
    files = {
        "asterisk.conf": "[directories]\n" + "".join(f"{name} => {path}\n" for name, path in directories.items()),
        "modules.conf": "[modules]\nautoload = yes\n",
        "logger.conf": "[general]\n[logfiles]\nmessages = notice,warning,error,verbose\n",
        "extensions.conf": f"[general]\nstatic = yes\n[globals]\n{_CALLER}\n[test]\n",
        "http.conf": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {http}\n",
        "ari.conf": f"[general]\nenabled = yes\n[{_USER}]\ntype = user\npassword = {_PASSWORD}\n",
        "pjsip.conf": "".join(
            f"[{kind}]\ntype = transport\nprotocol = {kind}\nbind = 127.0.0.1:{{sip}}\n" for kind in ("udp", "tcp")
        ),
        "rtp.conf": "[general]\nrtpstart = 21000\nrtpend = 29000\n",
    }
    for name, text in extra.items():
        files[name] = f"{files.get(name, '')}\n{text}\n"
    places = {"{folder}": inside, **{f"{{{name}}}": str(port) for name, port in ports.items()}}
    for mark, value in places.items():
        files = {name: text.replace(mark, value) for name, text in files.items()}
    return files


def _modules() -> str:
    [path] = (ROOT / "usr" / "lib").glob("*/asterisk/modules")
    return f"/{path.relative_to(ROOT)}"


def _device_nodes() -> None:
    """A small Debian comes without those that Asterisk opens."""
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        path = ROOT.resolve() / "dev" / name
        if not path.exists():
            os.mknod(path, 0o020666, os.makedev(1, minor))
