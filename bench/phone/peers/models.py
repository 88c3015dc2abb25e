"""The recogniser and the voice of every bot of the comparison: the bridge's own defaults, loaded once a process."""

from collections.abc import AsyncIterator
from typing import Final, Self

import numpy as np

from bot.api import Samples
from bot.tts.hibari import SAMPLE_RATE as VOICE_RATE
from bot.tts.hibari import HibariTts
from bridge.speech.api import SAMPLE_RATE, Request
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole

LONGEST: Final = 30 * SAMPLE_RATE
"""Samples of one decode."""


class Models:
    """Whisper tiny.en and hibari, each with the threads that the bridge gives it."""

    voice_rate = VOICE_RATE

    def __init__(self, asr: WhisperAsr, voice: HibariTts) -> None:
        self._asr, self._voice = asr, voice

    @classmethod
    def load(cls) -> Self:
        """Load and warm up; blocks for seconds."""
        return cls(WhisperAsr.load(), HibariTts.load())

    async def hear(self, pcm: bytes, rate: int) -> str:
        """Return the words in 16-bit mono audio of `rate` hertz; its last 30 s."""
        audio = (np.frombuffer(pcm, "<i2") / 32768).astype(np.float32)
        wide: Samples = resample_whole(audio, rate, SAMPLE_RATE)[-LONGEST:]
        heard = await self._asr.decode(Request(wide, language="English", final=True))
        return "".join(heard.pieces).strip()

    async def say(self, text: str) -> AsyncIterator[bytes]:
        """Yield the sound of `text`, 16-bit mono at `voice_rate`."""
        async for piece in self._voice.speak(text):
            yield (np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes()
