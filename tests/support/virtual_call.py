"""A whole call in virtual time: a caller who speaks by a script and hears what is sent, over the real session."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from fakes import PHONE, FakeAsr, FakeTts, LoudnessVad
from stage import MULAW, conversation

from bot.api import Bot, CallInfo
from bridge.call.bot_side import BotSide
from bridge.call.conversation import Conversation
from bridge.call.prompts import CallPrompts
from bridge.call.session import CallSession
from bridge.call.turn_detector import NoTurnDetector
from bridge.call.utterance import PreRoll
from bridge.metrics import Metrics
from bridge.speaking.actions import CallControl
from bridge.speaking.speech_output import SpeechOutput
from bridge.speech.api import EngineLost, Hypothesis, Request
from bridge.speech.ear import Ear
from bridge.turns.turn_taker import TurnRules, TurnTaker
from telephony import events
from telephony.codec import encode
from telephony.events import (
    AudioFormat,
    CallEnded,
    Clear,
    Command,
    Encoding,
    Event,
    Mark,
    Media,
    Play,
    Played,
    Reply,
)
from telephony.recognition import RecognitionOptions

ABLE = replace(PHONE, dtmf_out=True, transfer=True, transcripts=True)
NARROWBAND = AudioFormat(Encoding.MULAW, 8000)
_FRAME_S = 0.02
_LOUD = encode((0.5 * np.sin(np.arange(160) * 0.3)).astype(np.float32), Encoding.MULAW)
_SILENT = encode(np.zeros(160, np.float32), Encoding.MULAW)


@dataclass(frozen=True, kw_only=True)
class Speaks:
    """The caller says `text` for `lasts_s` from `at_s` on; "" is a noise."""

    at_s: float
    text: str
    lasts_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Outage:
    """No engine from `at_s` on, for `lasts_s`."""

    at_s: float
    lasts_s: float

    def holds(self, now_s: float) -> bool:
        return self.at_s <= now_s < self.at_s + self.lasts_s


@dataclass
class LosableAsr(FakeAsr):
    """Hears what the caller of the script says at the time, where it is there."""

    outages: Sequence[Outage] = ()
    heard: str = ""

    async def recovered(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for gone in (outage for outage in self.outages if outage.holds(now_s)):
            await asyncio.sleep(gone.at_s + gone.lasts_s - now_s)

    async def decode(self, request: Request, /) -> Hypothesis:
        now_s = asyncio.get_running_loop().time()
        if any(outage.holds(now_s) for outage in self.outages):
            raise EngineLost("gone")
        text = self.heard.removeprefix(request.prefix)
        return Hypothesis([f"{word} " for word in text.split()], "English" if self.heard else "")


class PhoneLine:
    """The caller's telephone: it sends a frame each 20 ms, plays what is sent, and echoes marks when it gets there."""

    def __init__(self, script: Sequence[Speaks], asr: LosableAsr, *, hangs_up_s: float, ahead_ms: int) -> None:
        self.capabilities = replace(ABLE, send_ahead_ms=ahead_ms)
        self._script, self._asr, self._hangs_up_s = sorted(script, key=lambda each: each.at_s), asr, hangs_up_s
        self._loop = asyncio.get_running_loop()
        self._audible_until_s = self._loop.time()
        self._marks: list[tuple[float, str]] = []
        self._transferred = False
        self.heard: list[tuple[float, str]] = []
        """When each sentence began to be sent, and its text."""
        self.silences: list[tuple[float, float]] = []
        """Each time in which neither side was heard: from, to."""

    def sound(self, until_s: float) -> None:
        now_s = self._loop.time()
        if now_s > self._audible_until_s + 2 * _FRAME_S:
            self.silences.append((self._audible_until_s, now_s))
        self._audible_until_s = max(self._audible_until_s, now_s, until_s)

    @property
    def longest_silence_s(self) -> float:
        return max((end - begin for begin, end in self.silences), default=0.0)

    async def send(self, command: Command, /) -> None:
        now_s = self._loop.time()
        match command:
            case Play(payload):
                self.sound(max(now_s, self._audible_until_s) + NARROWBAND.duration_ms(payload) / 1000)
            case Reply(text):
                self.heard.append((now_s, text))
            case Mark(name):
                self._marks.append((max(now_s, self._audible_until_s), name))
            case Clear():
                self._audible_until_s = min(now_s, self._audible_until_s)
                self._marks = [(now_s, name) for _, name in self._marks]
            case events.Transfer():
                self._transferred = True

    async def __aiter__(self) -> AsyncIterator[Event]:
        at_ms = 0
        while self._loop.time() < self._hangs_up_s and not self._transferred:
            await asyncio.sleep(_FRAME_S)
            now_s = self._loop.time()
            for name in [name for at_s, name in self._marks if at_s <= now_s]:
                yield Played(name)
            self._marks = [(at_s, name) for at_s, name in self._marks if at_s > now_s]
            speaking = next((each for each in self._script if each.at_s <= now_s < each.at_s + each.lasts_s), None)
            if speaking:
                self._asr.heard = speaking.text
                self.sound(now_s)
            yield Media(_LOUD if speaking else _SILENT, at_ms)
            at_ms += 20
        self.sound(self._loop.time())
        yield CallEnded("caller hung up")

    async def close(self, reason: str) -> None:
        """Nothing is left open."""


@dataclass
class Rules:
    """What holds on the call, in seconds."""

    limit_s: float = 10.0
    filler_after_s: float = 4.0
    no_input_s: float = 8.0
    outage_s: float = 60.0
    final_timeout_s: float = 5.0
    ahead_ms: int = 60_000
    outages: Sequence[Outage] = field(default_factory=tuple)


async def carry(
    bot: Bot, script: Sequence[Speaks], *, hangs_up_s: float, rules: Rules | None = None
) -> tuple[PhoneLine, Metrics]:
    """Carry one call to its end, and return what the caller heard and what was counted."""
    rules = rules or Rules()
    loop, metrics, asr, voice = asyncio.get_running_loop(), Metrics(), LosableAsr(outages=rules.outages), FakeTts()
    line, counts = PhoneLine(script, asr, hangs_up_s=hangs_up_s, ahead_ms=rules.ahead_ms), metrics.call("test", MULAW)
    prompts = CallPrompts(
        replace(CallPrompts().no_input, no_input_ms=round(rules.no_input_s * 1000), prompts=1000),
        filler_after_s=rules.filler_after_s,
        fallback=(np.full(voice.sample_rate, 0.1, np.float32), "Sorry."),
    )
    output = SpeechOutput(
        line,
        voice,
        NARROWBAND,
        clock_ms=lambda: int(loop.time() * 1000),
        on_audio=counts.audio_sent,
        on_unread=lambda: None,
        start=asyncio.create_task,
    )

    def bot_side(tasks: asyncio.TaskGroup, call: CallControl) -> BotSide:
        made: Conversation = conversation(
            bot,
            output,
            CallInfo("CA1"),
            tasks=tasks,
            call=call,
            metrics=counts,
            limit_s=rules.limit_s,
            prompts=prompts,
        )
        return made

    session = CallSession(
        line,
        ear=Ear(NARROWBAND, vad=LoudnessVad()),
        turns=TurnTaker(TurnRules(min_speech_ms=160, pause_ms=128, endpoint_ms=500)),
        preroll=PreRoll(keep_ms=640),
        asr=asr,
        options=RecognitionOptions(),
        metrics=counts,
        drain_s=rules.final_timeout_s,
        outage_s=rules.outage_s,
        bot_side=bot_side,
        turn_detector=lambda _: NoTurnDetector(),
    )
    await session.run()
    return line, metrics
