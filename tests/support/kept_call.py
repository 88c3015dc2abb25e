"""Calls in virtual time that are kept as a server keeps them: by a script, with the faults of a seed."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from fakes import PHONE, RESOURCES, LoudnessVad, unlimited

from bot.actions import ActionFailed, Collect, Hangup, SetVoice, Transfer
from bot.api import Bot, CallInfo, Final, Partial, Samples, Turn
from bridge.capture.call_capture import CallCapture
from bridge.capture.captured_call import CapturedCall
from bridge.capture.event_log import EventLog
from bridge.capture.notation import Line
from bridge.capture.wire_file import WireFile
from bridge.metrics import Metrics
from bridge.replay import virtual_time
from bridge.replay.played_consent import switch_of
from bridge.replay.rerun import into
from bridge.server.call_factory import make_call
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.settings.sources import NO_FLAGS
from bridge.speech.api import AsrCapabilities, EngineFailed, EngineLost, Hypothesis, Request
from bridge.speech.backends.text_ending import TextEnding
from telephony.codec import encode
from telephony.errors import RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Command,
    Dtmf,
    Encoding,
    Event,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
)

AUDIO = AudioFormat(Encoding.MULAW, 8000)
_FRAME_S = 0.02
_LOUD = encode((0.5 * np.sin(np.arange(160) * 0.3)).astype(np.float32), Encoding.MULAW)
_SILENT = encode(np.zeros(160, np.float32), Encoding.MULAW)
_TEXTS = (
    "What are your opening hours?",
    "My number is four five six",
    "Stop.",
    "mm-hm",
    "I would like to",
    "Yes.",
    "",
    "Can you book a table for two on Friday at eight?",
)
_ANSWERS = (
    "We are open from nine to five.",
    "One moment please. I will have a look. There it is, a table for two is free.",
    "Certainly.",
    "Would you like to hear more about it? It is a long story with many words in it, and it goes on.",
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens in one call."""

    seed: int
    lasts_s: float = 12.0
    speaks: Sequence[tuple[float, float, str]] = ()
    """From when, for how long, what."""
    presses: Sequence[tuple[float, str]] = ()
    """When which key."""
    faulty: bool = True
    answers: Sequence[str] = _ANSWERS

    @classmethod
    def by_chance(cls, seed: int, *, lasts_s: float = 12.0) -> "Plan":
        """Return one in which a caller says this and that."""
        chance = random.Random(seed)
        at_s, speaks = chance.uniform(0.2, 2.5), list[tuple[float, float, str]]()
        while at_s < lasts_s:
            length_s = chance.uniform(0.1, 2.2)
            speaks.append((at_s, length_s, chance.choice(_TEXTS)))
            at_s += length_s + chance.choice((chance.uniform(0.15, 0.7), chance.uniform(0.7, 4.0)))
        return cls(seed=seed, lasts_s=chance.uniform(lasts_s / 3, lasts_s), speaks=speaks)


class Telephone:
    """A caller by plan: jitter, losses, marks that come late or never, keys, malformed messages, a broken wire."""

    capabilities = PHONE

    def __init__(self, plan: Plan) -> None:
        self._plan, self._chance = plan, random.Random(plan.seed)
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._presses = list(plan.presses)
        self._dry_s = 0.0
        self._marks: list[tuple[float, str]] = []
        self._lag_s = self._chance.uniform(0.0, 0.3)

    @property
    def heard(self) -> str:
        """What the caller says now, or said last."""
        now_s = self._loop.time() - self._began_s
        said = [text for at_s, _, text in self._plan.speaks if at_s <= now_s]
        return said[-1] if said else ""

    def _rare(self, share: float) -> bool:
        return self._plan.faulty and self._chance.random() < share

    async def send(self, command: Command, /) -> None:
        now_s = self._loop.time()
        if self._rare(0.02):
            await asyncio.sleep(self._chance.uniform(0.001, 0.3))  # its buffer is full
        match command:
            case Play(payload):
                self._dry_s = max(self._dry_s, now_s) + AUDIO.duration_ms(payload) / 1000
            case Mark(name) if not self._rare(0.05):
                self._marks.append((max(self._dry_s, now_s) + self._lag_s, name))
            case Clear():
                self._dry_s = now_s
                self._marks = [(now_s + self._lag_s, name) for _, name in self._marks]

    async def __aiter__(self) -> AsyncIterator[Event]:
        at_ms = 0
        while (now_s := self._loop.time() - self._began_s) < self._plan.lasts_s:
            due_s = self._began_s + at_ms / 1000 + self._chance.expovariate(300)
            await asyncio.sleep(max(0.0, due_s + (0.2 if self._rare(0.005) else 0) - self._loop.time()))
            for name in [name for due_s, name in self._marks if due_s <= self._loop.time()]:
                yield Played(name)
            self._marks = [each for each in self._marks if each[0] > self._loop.time()]
            while self._presses and self._presses[0][0] <= now_s:
                yield Dtmf(self._presses.pop(0)[1])
            if self._rare(0.003):
                yield Dtmf(self._chance.choice("0123456789#"))
            if self._rare(0.002):
                yield Malformed("media.payload is no base64")
            if self._rare(0.0005):
                raise RemoteProtocolError("start came twice")
            speaking = any(at_s <= now_s < at_s + length_s for at_s, length_s, _ in self._plan.speaks)
            lost = self._rare(0.01)
            yield Media(_LOUD if speaking and not lost else _SILENT, at_ms, concealed=lost)
            at_ms += 20
        yield CallEnded("caller hung up")


class ChancyAsr:
    """Hears what the caller of the plan says; slow, refusing and lost by chance."""

    name = "chancy"

    def __init__(self, telephone: Telephone, seed: int, *, faulty: bool) -> None:
        self.capabilities = AsrCapabilities(prefix=seed % 2 == 0)
        self._telephone, self._chance, self._faulty = telephone, random.Random(seed + 1), faulty

    async def decode(self, request: Request, /) -> Hypothesis:
        chance, text = self._chance, self._telephone.heard
        await asyncio.sleep(chance.expovariate(12) if self._faulty else 0.05)
        if self._faulty and chance.random() < 0.05:
            raise chance.choice((EngineFailed("failed"), EngineLost("gone")))
        rest = text.removeprefix(request.prefix)
        return Hypothesis([f"{word} " for word in rest.split()], "English" if text else "", run_ms=20)

    async def recovered(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.0, 0.5))

    async def healthy(self) -> bool:
        return True

    def check_language(self, language: str | None) -> None:
        """It knows all."""

    def close(self) -> None:
        """It holds nothing."""


class ChancyVoice:
    """A tone as long as the words, in pieces that take their time; now and then it breaks off."""

    sample_rate = 24_000
    language = "English"

    def __init__(self, seed: int, *, faulty: bool) -> None:
        self._chance, self._faulty = random.Random(seed + 2), faulty

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        for word in text.split():
            if self._faulty and self._chance.random() < 0.01:
                raise RuntimeError("the voice broke off")
            if self._chance.random() < 0.5:
                await asyncio.sleep(self._chance.expovariate(50))
            n = 1000 + 1200 * len(word)
            yield (0.3 * np.sin(np.arange(n) * 0.1)).astype(np.float32)

    def close(self) -> None:
        """It holds nothing."""


class ChancyBot(Bot):
    """Answers by chance, does things, fails, and speaks unasked."""

    speculates = True

    def __init__(self, plan: Plan) -> None:
        self._chance, self._faulty, self._answers = random.Random(plan.seed + 3), plan.faulty, plan.answers
        self.follows_playout, self.hears_partials = plan.seed % 3 == 0, plan.seed % 2 == 0

    async def on_partial(self, partial: Partial) -> None:
        await asyncio.sleep(self._chance.expovariate(20))

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        yield "Hello, this is the shop."

    async def on_final(self, final: Final) -> None:
        await asyncio.sleep(self._chance.expovariate(20))
        if self._faulty and self._chance.random() < 0.1:
            self.cue()
        self.note("heard", final.text)

    async def on_cue(self) -> AsyncIterator[str]:
        yield "By the way, there is something new."

    async def reply(self, turn: Turn) -> AsyncIterator[str | Hangup | Transfer | SetVoice | Collect]:
        chance = self._chance
        await asyncio.sleep(chance.expovariate(5))
        for word in chance.choice(self._answers).split():
            if chance.random() < 0.3:
                await asyncio.sleep(chance.expovariate(30))
            yield f"{word} "
        if not self._faulty:
            return
        match chance.randrange(12):
            case 0:
                raise RuntimeError("the bot is broken")
            case 1:
                yield Hangup("the bot is done")
            case 2:
                try:
                    yield Transfer("+4930123")
                except ActionFailed:
                    yield "Nobody is there."
            case 3:
                try:
                    yield SetVoice("another")
                except ActionFailed:
                    yield "I have one voice only."
            case 4:
                yield Collect(digits=4, timeout_s=1.5)
            case 5:
                self.note("tool", "looked it up", took_ms=5)


def keep(
    plan: Plan, path: Path, *, make_bot: Callable[[], Bot] | None = None, options: Mapping[str, object] = NO_FLAGS
) -> None:
    """Carry the call of `plan` in virtual time, and keep it in a record at `path`.

    `make_bot` makes another bot than a `ChancyBot`; `options`: those that are no defaults.
    """
    lines: list[Line] = []
    virtual_time.run(_carry(plan, lines, options, make_bot), make_loop=lambda: virtual_time.PatientLoop(1000.1))
    file = WireFile(path)
    file.append(lines)
    file.close()


async def _carry(
    plan: Plan, lines: list[Line], options: Mapping[str, object], make_bot: Callable[[], Bot] | None
) -> None:
    settings = Settings.model_validate(options)
    loop, telephone = asyncio.get_running_loop(), Telephone(plan)
    capture = CallCapture(partial(into, lines), clock_s=loop.time)
    resources = Resources(
        asr=ChancyAsr(telephone, plan.seed, faulty=plan.faulty),
        open_vad=LoudnessVad,
        denoisers=None,
        workers=None,
        tts=ChancyVoice(plan.seed, faulty=plan.faulty),
        make_bot=make_bot or (lambda: ChancyBot(plan)),
        fallback=(np.full(24_000, 0.1, np.float32), "Sorry, something went wrong."),
        ending=None if settings.ending == "none" else TextEnding(),
        phrases=RESOURCES.phrases,
    )
    call = make_call(
        telephone,
        CallStarted("CA1", AUDIO, caller="+4930123", parameters={"shop": "7"}),
        recording=switch_of(settings, loop.time),
        resources=resources,
        settings=settings,
        metrics=Metrics().call("test", AUDIO, EventLog(capture)),
        denoising=None,
        load=unlimited(),
        capture=capture,
    )
    with suppress(RemoteProtocolError):
        await CapturedCall(call, capture).run()
