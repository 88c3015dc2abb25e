"""Callers for a recogniser: utterances spoken in real time through the streaming policy, and what each waited for."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import numpy as np

from bot.api import Partial
from bridge.call.asr_outage import AsrOutage
from bridge.call.transcribe import transcribe
from bridge.call.utterance import Utterance
from bridge.speech.api import SAMPLE_RATE, Hypothesis, Overloaded, Recogniser, Request, Samples
from bridge.speech.pool.wrapped import WrappedRecogniser
from telephony.recognition import RecognitionOptions

WINDOW: Final = 512  # samples, as the detector hands them on
WINDOW_MS: Final = 32
PAUSE_S: Final = 0.128
"""Silence after which the final is begun, as in bridge/turns/turn_taker.py."""
TURN_S: Final = 0.35
"""Silence that ends a turn; turn_sure_silence is a little more."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance: speech from its first sample to its last."""

    text: str
    language: str
    audio: Samples

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE


@dataclass(slots=True)
class Outcome:
    """What became of one utterance."""

    said: Spoken
    final: str = ""
    last_partial: str = ""
    final_wait_ms: float = 0.0
    """From the end of the turn, 350 ms after the last word; 0 where the final was ready before."""
    first_partial_ms: float | None = None
    """Since speech began."""
    late_ms: float = 0.0
    """How late the caller's own audio was, at worst: a benchmark that cannot keep pace says so."""


class Metered(WrappedRecogniser):
    """A recogniser that notes how long its decodes take."""

    def __init__(self, asr: Recogniser) -> None:
        super().__init__(asr)
        self.partial_ms: list[float] = []
        self.final_ms: list[float] = []
        self.cached: list[int] = []
        self.skipped = 0
        """Partials the engines had no room for."""
        self.dropped = 0
        """Decodes given up because the caller paused or went on."""
        self.first_audio_s: float | None = None
        """Seconds of audio in the first decode that gave text."""

    async def decode(self, request: Request, /) -> Hypothesis:
        begun = time.perf_counter()
        try:
            hypothesis = await self._asr.decode(request)
        except Overloaded:
            self.skipped += not request.final
            raise
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        took = self.final_ms if request.final else self.partial_ms
        took.append(1000 * (time.perf_counter() - begun))
        self.cached.append(hypothesis.cached_tokens)
        if hypothesis.text.strip() and self.first_audio_s is None:
            self.first_audio_s = len(request.audio) / SAMPLE_RATE
        return hypothesis


Listen = Callable[[Spoken], Awaitable[Outcome]]
"""Takes one utterance in real time and returns what it came to."""


async def sleep_until(when: float) -> None:
    """`when`: on the clock of the event loop."""
    await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))


def listener(asr: Recogniser, options: RecognitionOptions, *, outage_s: float = 120.0) -> Listen:
    """Return our way of hearing an utterance: as a call does, policy and outages included."""

    async def listen(said: Spoken) -> Outcome:
        utterance, outcome, loop = Utterance(0, uuid4().hex), Outcome(said), asyncio.get_running_loop()
        begun = loop.time()

        async def show(partial: Partial) -> None:
            outcome.last_partial = partial.text
            if outcome.first_partial_ms is None:
                outcome.first_partial_ms = 1000 * (loop.time() - begun)

        speaking = asyncio.create_task(_speak(said, utterance, outcome, begun))
        try:
            final = await AsrOutage(asr, longest_s=outage_s).survive(
                lambda: transcribe(utterance, asr, options, on_partial=show), on_wait=lambda: None
            )
            outcome.final = final.text
        finally:
            ended = await speaking
        outcome.final_wait_ms = 1000 * max(0.0, loop.time() - ended)
        return outcome

    return listen


async def _speak(said: Spoken, utterance: Utterance, outcome: Outcome, begun: float) -> float:
    """Feed the utterance at the pace of speech; return the time at which the turn was over."""
    audio = np.concatenate([said.audio, np.zeros(int(TURN_S * SAMPLE_RATE), np.float32)])
    paused_at = len(said.audio) + int(PAUSE_S * SAMPLE_RATE)
    for at in range(0, len(audio), WINDOW):
        due = begun + (at + WINDOW) / SAMPLE_RATE
        await sleep_until(due)
        outcome.late_ms = max(outcome.late_ms, 1000 * (asyncio.get_running_loop().time() - due))
        utterance.add(audio[at : at + WINDOW], speech_ms=WINDOW_MS if at < len(said.audio) else 0)
        if at < paused_at <= at + WINDOW:
            utterance.pause()
    utterance.close(len(audio) * 1000 // SAMPLE_RATE)
    return asyncio.get_running_loop().time()


async def crowd(listen: Listen, said: Sequence[Spoken], *, sessions: int, seconds: float) -> list[Outcome]:
    """Have `sessions` callers speak one utterance after the other for `seconds`, out of step with each other."""
    end = asyncio.get_running_loop().time() + seconds
    dice = random.Random(sessions)
    delays = [dice.uniform(0, 1) for _ in range(sessions)]

    async def caller(number: int) -> list[Outcome]:
        await asyncio.sleep(delays[number])
        outcomes, turn = list[Outcome](), number * 7
        while not outcomes or asyncio.get_running_loop().time() < end:
            outcomes.append(await listen(said[turn % len(said)]))
            turn += 1
        return outcomes

    return [outcome for each in await asyncio.gather(*map(caller, range(sessions))) for outcome in each]
