"""What the bot said back, by a recogniser of our own: for what no server tells, and from outside alone."""

import asyncio
from typing import Self

from bridge.speech.api import SAMPLE_RATE, EngineFailed, ModelMissing, Request
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode
from telephony.events import Encoding

_LONGEST_S = 30


class Listener:
    """Whisper base where it is installed, else tiny.en."""

    def __init__(self, asr: WhisperAsr) -> None:
        self._asr = asr

    @classmethod
    def load(cls) -> Self:
        """Load the recogniser; blocks for seconds."""
        try:
            return cls(WhisperAsr.load("base", threads=1))
        except (ModelMissing, EngineFailed):
            return cls(WhisperAsr.load(threads=1))

    async def hear(self, mulaw: bytes) -> str:
        """Return the words in what the caller heard of the bot; its last 30 s where it is longer."""
        audio = resample_whole(decode(mulaw[-_LONGEST_S * 8000 :], Encoding.MULAW), 8000, SAMPLE_RATE)
        heard = await self._asr.decode(Request(audio[: _LONGEST_S * SAMPLE_RATE], language="English", final=True))
        return "".join(heard.pieces).strip()

    async def close(self) -> None:
        """Free the model."""
        await asyncio.to_thread(self._asr.close)
