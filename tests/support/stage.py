"""A conversation under test, whose clock is the media's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from fakes import PHONE, FakeCall, FakeLeg, FakeTts

from bot.api import Bot, CallInfo, Final, Samples
from bridge.call.bot_side import BotSide
from bridge.call.conversation import Conversation
from bridge.call.prompts import CallPrompts
from bridge.metrics import CallMetrics, Metrics
from bridge.observer import CallObserver, RecordingSwitch
from bridge.speaking.actions import CallControl
from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput
from bridge.speaking.voices.voices import Voices
from bridge.speech.ear import ScoredWindow
from bridge.turns.backchannels import shipped
from bridge.turns.interruption import InterruptionRules
from bridge.turns.speculation import SpeculationRules
from telephony.events import AudioFormat, Capabilities, Encoding, Play

MULAW = AudioFormat(Encoding.MULAW, 8000)


INFO = CallInfo("CA1")


LONG = " ".join(f"word{a}{b}" for a in "abcdef" for b in "ghijklmnop")  # 60 words, 3 s


PHRASES = shipped()  # reading them takes as long as a short call


LOUD, QUIET = 0.3, 0.02  # the bot's voice, and its echo at -23 dB


@dataclass
class Stage:
    """A call with a bot under test; its clock is the media's."""

    talk: BotSide
    conversation: Conversation
    """The same, but where something is in front of it."""
    control: FakeCall
    leg: FakeLeg
    metrics: Metrics
    now_ms: int = 0

    async def hear(self, ms: int, *, level: float = 0.0) -> None:
        """Hear the caller for so long: speech where `level` is above 0."""
        for _ in range(ms // 32):
            samples = np.full(512, level, np.float32)
            window = ScoredWindow(samples, 0.9 if level else 0.0, self.now_ms, self.now_ms + 32)
            self.talk.hear(window, speech=level > 0)
            self.now_ms += 32
            await settle(3)

    async def silence(self, ms: int) -> None:
        await self.hear(ms)

    async def speech(self, ms: int) -> None:
        await self.hear(ms, level=LOUD)

    async def final(self, text: str, language: str = "English") -> None:
        """The caller's turn is over with `text`."""
        if text:
            self.talk.final(Final(text, language, 0, self.now_ms))
        self.talk.end_user_turn()
        await settle()

    async def says(self, text: str, ms: int = 320) -> None:
        await self.speech(ms)
        await self.silence(320)
        await self.final(text)

    def count(self, name: str) -> float:
        line = next(
            line for line in self.metrics.text().decode().splitlines() if line.startswith(f"bridge_{name}_total{{")
        )
        return float(line.split()[-1])

    def sent_ms(self, since: int = 0) -> int:
        return sum(MULAW.duration_ms(c.payload) for c in self.leg.sent[since:] if isinstance(c, Play))

    def audio(self, since: int = 0) -> bytes:
        return b"".join(c.payload for c in self.leg.sent[since:] if isinstance(c, Play))


def conversation(
    bot: Bot,
    output: SpeechOutput,
    info: CallInfo = INFO,
    *,
    tasks: asyncio.TaskGroup,
    call: CallControl,
    metrics: CallMetrics,
    limit_s: float = 5.0,
    prompts: CallPrompts | None = None,
    rules: InterruptionRules | None = None,
    speculation: SpeculationRules | None = None,
) -> Conversation:
    """Return a conversation by the rules that hold where nobody sets others."""
    return Conversation(
        bot,
        output,
        info,
        tasks=tasks,
        call=call,
        metrics=metrics,
        limit_s=limit_s,
        prompts=prompts or CallPrompts(),
        interruption=rules or InterruptionRules(),
        backchannels=PHRASES,
        speculation=speculation or SpeculationRules(),
    )


def replies_of(
    output: SpeechOutput,
    *,
    tasks: asyncio.TaskGroup,
    on_fault: Callable[[], None],
    fallback: tuple[Samples, str] | None = None,
    filler: str = "",
) -> Replies:
    """Return the replies of a call that nobody ends, and where no keys are collected."""
    return Replies(
        output,
        tasks=tasks,
        call=FakeCall(),
        collect=lambda _: None,
        hand_off=lambda _, __: None,
        limit_s=5,
        filler=lambda: filler,
        filler_after_s=1 if filler else 0,
        fallback=lambda: fallback,
        on_fault=on_fault,
    )


async def settle(rounds: int = 60) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


@asynccontextmanager
async def stage(
    bot: Bot,
    *,
    capabilities: Capabilities = PHONE,
    tts: FakeTts | Voices | None = None,
    rules: InterruptionRules | None = None,
    speculation: SpeculationRules | None = None,
    prompts: CallPrompts | None = None,
    observer: CallObserver | None = None,
    recording: RecordingSwitch | None = None,
) -> AsyncIterator[Stage]:
    leg, metrics, call = FakeLeg(capabilities), Metrics(), FakeCall()
    counts = metrics.call("test", MULAW)
    async with asyncio.TaskGroup() as tasks:
        output = SpeechOutput(
            leg,
            tts or FakeTts(),
            MULAW,
            clock_ms=lambda: here.now_ms,
            on_audio=counts.audio_sent,
            on_unread=lambda: None,
            start=asyncio.create_task,
            observer=observer,
            recording=recording,
        )
        talk = conversation(
            bot, output, tasks=tasks, call=call, metrics=counts, prompts=prompts, rules=rules, speculation=speculation
        )
        here = Stage(talk, talk, call, leg, metrics)
        talk.greet()
        await settle()
        yield here
        talk.close()
