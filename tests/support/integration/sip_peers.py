"""A telephone that calls over SIP, baresip from Debian, and the bridge's SIP side without its models."""

import asyncio
import itertools
import shutil
import socket
import sys
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from integration.recordings import prompt

from bridge.admission.lines import Lines
from bridge.leg import LegLost, OpeningLeg
from bridge.legs.sip.from_settings import stack_options
from bridge.legs.sip.link import SipLink
from bridge.metrics import Metrics
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, CallStarted, Dtmf, Malformed, Media, NotTransferred, Play, Played
from telephony.outcome import NotAnswered

Pcm = npt.NDArray[np.int16]
MODULES: Final = Path("/usr/lib/baresip/modules")
PROCESS: Final = (sys.executable, "-m", "bridge.legs.sip.process")

needs_stack = pytest.mark.skipif(find_spec("baresip") is None, reason="the extra sip is not installed")
needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed: apt install it")


def free_port() -> int:
    """Return a port that is free for UDP and TCP, as is the next one.

    Each process has ports of its own, below those that the system gives away: what is free stays free until it is used.
    """
    ports = _own_ports()
    for _ in range(_PORTS_EACH // 2):
        port = next(ports)
        with socket.socket() as tcp, socket.socket() as after, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                after.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise OSError("no free port")


@cache
def _own_ports() -> Iterator[int]:
    """Return every second port of a range, over and over. Its first one stays bound, which keeps others out of it."""
    for first in range(_FIRST_PORT, _END_OF_PORTS, _PORTS_EACH):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        claim.detach()  # bound until the process ends
        return itertools.cycle(range(first + 2, first + _PORTS_EACH, 2))
    raise OSError(f"all ranges of ports between {_FIRST_PORT} and {_END_OF_PORTS} are taken by other tests")


_FIRST_PORT: Final = 3000
_END_OF_PORTS: Final = 9400
_PORTS_EACH: Final = 200  # 32 processes at once


def spoken(name: str, *, after_s: float = 0.0) -> Pcm:
    """Return a prompt, 8 kHz, and silence after it."""
    audio = (prompt(name).audio * 32767).astype(np.int16)
    return np.concatenate((audio, np.zeros(int(after_s * 8000), np.int16)))


async def until(true: Callable[[], object], what: str, *, timeout_s: float = 15.0, every_s: float = 0.02) -> None:
    """Wait for what nothing tells of: a metric, or what a program prints. Fail with `what` where it does not come."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not true():
        if asyncio.get_running_loop().time() > deadline_s:
            pytest.fail(f"within {timeout_s:g} s: not {what}")
        await asyncio.sleep(every_s)


# ---------------------------------------------------------------- the bridge's side


@dataclass
class Taken:
    """A call as the bridge saw it."""

    leg: OpeningLeg
    started: CallStarted
    heard: bytearray = field(default_factory=bytearray)
    concealed_ms: int = 0
    digits: str = ""
    played: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    ended: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Desk:
    """Takes every call and keeps what it brings; with `echo` it says back what it hears."""

    def __init__(self, *, echo: bool = False, say: bytes = b"", lines: int = 1000, rings: bool = False) -> None:
        """With `rings` it lets calls ring until `pick_up` is set."""
        self.ringing, self.pick_up = 0, asyncio.Event()
        if not rings:
            self.pick_up.set()
        self.settings, self.lines, self.metrics = Settings(), Lines(lines), Metrics()
        self.calls: list[Taken] = []
        self.failed: list[str] = []
        self._echo, self._say = echo, say

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        assert wire in {"sip", "ari"}
        self.ringing += 1
        await self.pick_up.wait()
        async with leg:
            await self._take(leg)

    async def _take(self, leg: OpeningLeg) -> None:
        try:
            started = await leg.start(10)
        except (RemoteProtocolError, NotAnswered, LegLost) as error:
            self.failed.append(str(error))
            await leg.close(str(error))
            return
        taken = Taken(leg, started)
        self.calls.append(taken)
        try:
            if self._say:
                await leg.send(Play(self._say))
            await self._follow(taken)
        except LegLost as lost:
            taken.ended = f"lost: {lost}"
        finally:
            taken.over.set()
            await leg.close(taken.ended)

    async def _follow(self, taken: Taken) -> None:
        async for event in taken.leg:
            match event:
                case Media(payload, _, concealed):
                    taken.heard += payload
                    taken.concealed_ms += concealed * taken.started.format.duration_ms(payload)
                    if self._echo:
                        await taken.leg.send(Play(payload))
                case Dtmf(digit):
                    taken.digits += digit
                case Played(mark):
                    taken.played.append(mark)
                case Malformed(message) | NotTransferred(message):
                    taken.trouble.append(message)
                case CallEnded(reason):
                    taken.ended = reason

    async def call(self, number: int = 0) -> Taken:
        """Return a call once it is there."""
        await until(lambda: len(self.calls) > number, f"call number {number} ({self.failed})", timeout_s=20)
        return self.calls[number]

    @property
    def measured(self) -> str:
        """The metrics, as they are read."""
        return self.metrics.text().decode()


@asynccontextmanager
async def sip(desk: Desk, command: Sequence[str] = PROCESS, /, **options: object) -> AsyncIterator[tuple[SipLink, int]]:
    """Run the SIP side of a bridge whose calls go to `desk`; yield it and its port. `options` are settings."""
    port = int(str(options.pop("sip_port", 0))) or free_port()
    settings = Settings.model_validate({"sip": True, "sip_port": port, **options})
    idle_s, send_s = settings.media_timeout, settings.send_timeout
    async with SipLink(stack_options(settings), desk, idle_s=idle_s, send_s=send_s, command=command) as link:
        yield link, port


# ---------------------------------------------------------------- baresip


class Baresip:
    """A telephone that says a WAV file and keeps what it hears."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process, control: int) -> None:
        self._folder, self._process, self._control = folder, process, control
        self.output = ""

    def heard(self) -> Pcm:
        """Return what it heard, once it has ended."""
        return read_wav(next(self._folder.glob("dump-*-dec.wav")))

    def said(self) -> Pcm:
        """Return what it said, once it has ended."""
        return read_wav(next(self._folder.glob("dump-*-enc.wav")))

    async def command(self, name: str, params: str = "") -> None:
        """Have it do something, e.g. "hangup"."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._control)
        text = f'{{"command":"{name}","params":"{params}"}}'
        writer.write(f"{len(text)}:{text},".encode())
        await writer.drain()
        async with asyncio.timeout(5):
            await reader.readuntil(b",")
        writer.close()
        await writer.wait_closed()

    async def press(self, digits: str) -> None:
        """Press keys, one after the other."""
        for digit in digits:
            await self.command("sndcode", digit)
            await asyncio.sleep(0.15)
            await self.command("sndcode", "\\u0004")
            await asyncio.sleep(0.1)

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._process.kill()

    async def end(self) -> None:
        """Switch it off: its recordings are complete."""
        self._process.terminate()
        async with asyncio.timeout(10):
            await self._process.wait()


@asynccontextmanager
async def baresip(
    folder: Path,
    audio: Pcm,
    rate: int = 8000,
    *,
    dial: str = "",
    listen: int = 0,
    codec: str = "PCMU/8000/1",
    account: str = "",
    user: str = "caller",
    extra: str = "",
) -> AsyncIterator[Baresip]:
    """Run one that dials, or waits on port `listen`, says `audio` and hangs up when it is said."""
    control = free_port()
    write_wav(folder / "say.wav", audio, rate)
    modules = "".join(f"module {name}.so\n" for name in ("g711", "g722", "opus", "aufile", "sndfile", "srtp"))
    modules += "".join(f"module_app {name}.so\n" for name in ("account", "menu", "ctrl_tcp"))
    (folder / "config").write_text(
        f"net_interface 127.0.0.1\nsip_listen 127.0.0.1:{listen or free_port()}\n"
        f"audio_source aufile,{folder}/say.wav\naudio_alert aufile,/nonexistent.wav\n"
        f"module_path {MODULES}\nsnd_path {folder}\nctrl_tcp_listen 127.0.0.1:{control}\n{modules}{extra}"
    )
    answer = "auto" if listen else "manual"
    (folder / "accounts").write_text(
        f"<sip:{user}@127.0.0.1>;regint=0;answermode={answer};audio_codecs={codec}{account}\n"
    )
    (folder / "contacts").write_text("\n")
    orders = ("-e", f"/dial {dial}") if dial else ()
    process = await asyncio.create_subprocess_exec(
        *("baresip", "-f", str(folder), *orders), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    phone = Baresip(folder, process, control)
    reader = asyncio.create_task(_keep(phone, process))
    try:
        await until(lambda: "baresip is ready" in phone.output or process.returncode is not None, "baresip at work")
        yield phone
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
        await reader


async def _keep(phone: Baresip, process: asyncio.subprocess.Process) -> None:
    assert process.stdout
    while text := await process.stdout.read(4096):
        phone.output += text.decode(errors="replace")


def read_wav(path: Path) -> Pcm:
    with wave.open(str(path)) as recording:
        return np.frombuffer(recording.readframes(recording.getnframes()), "<i2")


def write_wav(path: Path, audio: Pcm, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as recording:
        recording.setparams((1, 2, rate, 0, "NONE", ""))
        recording.writeframes(audio.astype("<i2").tobytes())


def place(part: Pcm, whole: Pcm) -> tuple[int, float]:
    """Return where `part` fits best in `whole`, and how well: the correlation there, 1.0 where they are equal."""
    if len(whole) < len(part):
        return 0, 0.0
    size = 1 << (len(part) + len(whole)).bit_length()
    found = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    energy = np.concatenate(([0.0], np.cumsum(whole.astype(float) ** 2)))
    there = np.sqrt(np.maximum(energy[len(part) :] - energy[: -len(part)], 1e4 * len(part)))  # noise fits anything
    fit = found[: len(there)] / (there * max(1.0, float(np.linalg.norm(part.astype(float)))))
    at = int(np.argmax(fit))
    return at, float(fit[at])


_PIECE: Final = 1600
"""Samples, a fifth of a second: where a core is busy, packets come in bursts, and every second or so there is silence
in between. So a longer stretch is seldom found whole, though all of it was heard."""


def fits(said: Pcm, heard: Pcm) -> list[float]:
    """Return for each fifth of a second of `said` that is loud, at 8 kHz, how well it is found in `heard`."""
    pieces = [said[at : at + _PIECE] for at in range(0, len(said) - _PIECE, _PIECE)]
    return [place(piece, heard)[1] for piece in pieces if np.abs(piece.astype(int)).mean() > 300]


def fit(said: Pcm, heard: bytes | bytearray | Pcm) -> float:
    """Return how well a fifth of a second of `said` is found in `heard`, in the middle of all its loud ones."""
    audio = np.frombuffer(heard, "<i2") if isinstance(heard, bytes | bytearray) else heard
    return float(np.median(fits(said, audio))) if len(audio) >= 8000 else 0.0


def likeness(name: str, heard: bytes | bytearray | Pcm) -> float:
    """Return how well a prompt is found in what was heard: its `fit`."""
    return fit(spoken(name), heard)


async def recognised(name: str, heard: Callable[[], bytes | bytearray], *, above: float = 0.95) -> None:
    """Wait until a prompt is found in what is heard."""
    await until(lambda: likeness(name, heard()) > above, f"the prompt {name}, heard", timeout_s=40, every_s=0.5)
