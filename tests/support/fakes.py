"""Stand-ins for what a unit test does not want to wait for: a leg, a VAD, a recogniser, a voice, a bot."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestClient

from bot.api import Bot, CallInfo, Final, Partial, Turn
from bridge.admission.load import Load
from bridge.call.bot_side import SilentBotSide
from bridge.leg import HangupCause
from bridge.server.resources import Resources
from bridge.speech.api import AsrCapabilities, EngineFailed, Hypothesis, Request, Samples, UnsupportedLanguage
from telephony.events import Capabilities, Command, Event, SendInfo, WarmTransfer

PHONE = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, send_ahead_ms=60_000)
TEXT_ONLY = Capabilities(transcripts=True)

T = TypeVar("T")


class FakeLeg:
    """A caller who says what the test feeds, and keeps what we send."""

    def __init__(self, capabilities: Capabilities = PHONE) -> None:
        self.capabilities = capabilities
        self.sent: list[Command] = []
        self.refusal: OSError | None = None
        """Why the other side takes no messages of the bot, or nobody the caller."""
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._changed = asyncio.Event()

    def feed(self, *events: Event) -> None:
        for event in events:
            self._events.put_nowait(event)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            yield await self._events.get()

    async def send(self, command: Command, /) -> None:
        self.sent.append(command)
        self._changed.set()
        if self.refusal and isinstance(command, SendInfo | WarmTransfer):
            raise self.refusal

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        pass

    def of(self, kind: type[T]) -> list[T]:
        return [command for command in self.sent if isinstance(command, kind)]

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something sent makes `happened` true."""
        async with asyncio.timeout(5):
            while not happened():
                self._changed.clear()
                await self._changed.wait()


class FakeCall:
    """What a bot's side did to its call."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.languages: list[str] = []
        self.contexts: list[str] = []

    def stop(self, reason: str) -> None:
        self.ended.append(reason)

    def set_language(self, language: str) -> None:
        self.languages.append(language)

    def set_context(self, context: str) -> None:
        self.contexts.append(context)


def unlimited() -> Load:
    """Return a load that leaves nothing out."""
    return Load(final_wait_s=0, loop_lag_s=0, clock_s=time.monotonic)


def nobody() -> SilentBotSide:
    """The bot's side of a call that has no bot."""
    return SilentBotSide(asyncio.TaskGroup(), FakeCall())


class LoudnessVad:
    """Speech is whatever is loud."""

    window = 512

    async def __call__(self, samples: Samples, /) -> float:
        return 0.9 if float(np.abs(samples).max()) > 0.1 else 0.01


@dataclass
class FakeAsr:
    """Hears "one two three ...", a word for each half second of loud audio; slower or broken when the test says so."""

    name: str = "fake"
    failures: int = 0
    """So many decodes fail first."""
    hold: asyncio.Event | None = None
    """Finals wait for it."""
    script: str | None = None
    """Heard instead, when set; "" is nothing."""
    requests: list[Request] = field(default_factory=list)
    capabilities: AsrCapabilities = field(default_factory=AsrCapabilities)

    async def recovered(self) -> None:
        """It never is gone for long."""

    async def healthy(self) -> bool:
        return not self.failures

    def check_language(self, language: str | None) -> None:
        if language == "Klingon":
            raise UnsupportedLanguage("language: got 'Klingon'")

    async def decode(self, request: Request, /) -> Hypothesis:
        self.requests.append(request)
        if self.failures:
            self.failures -= 1
            raise EngineFailed("out of order")
        if self.hold and request.final:
            await self.hold.wait()
        loud_s = float((np.abs(request.audio) > 0.1).sum()) / 16_000
        counted = " ".join("one two three four five six seven eight".split()[: max(1, round(loud_s * 2))])
        text = (counted if self.script is None else self.script) if loud_s > 0.02 else ""
        rest = text.removeprefix(request.prefix)
        return Hypothesis([f"{word} " for word in rest.split()], "English" if text else "")

    def close(self) -> None:
        pass


class FakeClock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class FakePause:
    """A pause that lasts until the test ends it."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._over, self._begun = asyncio.Semaphore(0), asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.delays.append(seconds)
        self._begun.set()
        await self._over.acquire()

    async def until(self, count: int) -> None:
        """Wait for the `count`th pause to begin."""
        async with asyncio.timeout(5):
            while len(self.delays) < count:
                self._begun.clear()
                await self._begun.wait()

    async def end(self) -> None:
        """End it, and let what waited for it run up to its next wait."""
        self._over.release()
        for _ in range(10):
            await asyncio.sleep(0)


@dataclass(eq=False)
class FakeEngine:
    """One engine of a pool: it does what its script says, decode by decode, and then answers its name."""

    name: str = "a"
    script: list[Exception | asyncio.Event] = field(default_factory=list)
    """An exception is raised, an event is waited for."""
    alive: bool | Exception = False
    """What its health check says."""
    capabilities: AsrCapabilities = field(default_factory=AsrCapabilities)
    requests: list[Request] = field(default_factory=list)
    cancelled: int = 0
    closed: int = 0

    async def decode(self, request: Request, /) -> Hypothesis:
        self.requests.append(request)
        match self.script.pop(0) if self.script else None:
            case Exception() as error:
                raise error
            case asyncio.Event() as event:
                try:
                    await event.wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
        return Hypothesis((self.name,), "English")

    async def healthy(self) -> bool:
        if isinstance(self.alive, Exception):
            raise self.alive
        return self.alive

    def close(self) -> None:
        self.closed += 1


class FakeTts:
    """50 ms of a tone for each word."""

    sample_rate = 24_000

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        if self.broken:
            raise RuntimeError("no voice")
        await asyncio.sleep(0)
        n = 1200 * len(text.split())
        yield (0.3 * np.sin(np.arange(n) * 0.1)).astype(np.float32)

    def close(self) -> None:
        pass


class ScriptBot(Bot):
    """Answers with its script and keeps what it was told."""

    def __init__(self, *answers: str, greeting: Sequence[str] = ()) -> None:
        self.answers, self.greeting = list(answers), greeting
        self.turns: list[Turn] = []
        self.partials: list[Partial] = []
        self.finals: list[Final] = []
        self.digits = ""
        self.interrupted: list[str] = []
        self.ended = ""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        for text in self.greeting:
            yield text

    async def on_partial(self, partial: Partial) -> None:
        self.partials.append(partial)

    async def on_final(self, final: Final) -> None:
        self.finals.append(final)

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        self.turns.append(turn)
        yield self.answers[min(len(self.turns), len(self.answers)) - 1]

    async def on_dtmf(self, digit: str) -> None:
        self.digits += digit

    async def on_interrupted(self, heard: str) -> None:
        self.interrupted.append(heard)

    async def on_end(self, reason: str) -> None:
        self.ended = reason


Client = TestClient[web.Request, web.Application]


RESOURCES = Resources(
    asr=FakeAsr(),
    open_vad=LoudnessVad,
    denoisers=None,
    workers=None,
    tts=FakeTts(),
    make_bot=ScriptBot,
    fallback=None,
)


class BlockingBot(ScriptBot):
    """Blocks the event loop for six seconds at each key, as no bot may."""

    def __init__(self) -> None:
        super().__init__("Yes.")

    async def on_dtmf(self, digit: str) -> None:
        time.sleep(6)  # noqa: ASYNC251  # what it is for


class SlowAsr(FakeAsr):
    """One decode at a time, a second each."""

    def __init__(self) -> None:
        super().__init__(capabilities=AsrCapabilities(at_once=1))

    async def decode(self, request: Request, /) -> Hypothesis:
        await asyncio.sleep(1)
        return replace(await super().decode(request), run_ms=1000)


class LoudnessVads:
    """`LoudnessVad` as a plug-in."""

    def open(self) -> LoudnessVad:
        return LoudnessVad()
