"""Instant models: with them a benchmark shows the bridge itself."""

import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import count

import numpy as np

from bot.api import Bot, CallInfo, Samples, Turn
from bridge.speech.api import AsrCapabilities, Hypothesis, Request


class InstantAsr:
    """Hears the same words in everything, at once."""

    name = "instant"
    capabilities = AsrCapabilities()

    async def healthy(self) -> bool:
        return True

    async def decode(self, request: Request, /) -> Hypothesis:
        return Hypothesis(["These are the words."], "English")

    def close(self) -> None:
        """Hold nothing."""


class InstantTts:
    """Two seconds of a voice-like tone, ready made."""

    sample_rate = 24_000

    def __init__(self) -> None:
        t = np.arange(48_000) / 24_000
        voice = 0.2 * np.sin(2 * np.pi * 220 * t) * (1 + 0.5 * np.sin(2 * np.pi * 4 * t))
        self._audio = voice.astype(np.float32)

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        yield self._audio

    def close(self) -> None:
        """Hold nothing."""


class NoVad:
    """Hears nobody, for free."""

    def __init__(self, *, threshold: float, sample_rate: int) -> None:
        """Need neither."""

    def is_speech(self, audio: Samples, /) -> float:
        return 0.0


class CostlyVad:
    """Hears what is loud, and holds the event loop for BENCH_HOLD_MS at each window, as so much computing would."""

    def __init__(self, *, threshold: float, sample_rate: int) -> None:
        """Need neither."""
        self._hold_s = float(os.environ.get("BENCH_HOLD_MS", "0")) / 1000

    def is_speech(self, audio: Samples, /) -> float:
        time.sleep(self._hold_s)
        return float(np.abs(audio).max() > 0.02)


class Orator(Bot):
    """Speaks from the first moment, and does not end."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        for number in count(1):
            yield f"This is sentence number {number}."


class Silent(Bot):
    """Listens and says nothing."""


class Talker(Bot):
    """Answers each turn with one sentence and does not greet."""

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        yield "This is the answer."


class Lecturer(Bot):
    """Answers with half a minute of speech, to be interrupted."""

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        for number in range(1, 13):
            yield f"This is sentence number {number} of a long answer. "
