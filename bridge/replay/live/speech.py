"""A real recogniser and real voices in a replay: what they take by the clock on the wall, they take in the call."""

from collections.abc import AsyncGenerator

from bot.api import Samples
from bridge.replay.answers import Answers
from bridge.replay.live.real_time import RealTime
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import Hypothesis, Recogniser, Request
from bridge.speech.pool.wrapped import WrappedRecogniser


class LiveAsr(WrappedRecogniser):
    """`asr`, asked in real time."""

    def __init__(self, asr: Recogniser, real_time: RealTime, answers: Answers) -> None:
        super().__init__(asr)
        self._real_time, self._answers = real_time, answers

    async def decode(self, request: Request, /) -> Hypothesis:
        """See Asr."""
        return await self._real_time.ask(self._asr.decode(request), self._answers)

    async def healthy(self) -> bool:
        """See Asr."""
        return await self._real_time.ask(self._asr.healthy(), self._answers)

    async def recovered(self) -> None:
        """See Recogniser."""
        await self._real_time.ask(self._asr.recovered(), self._answers)


class LiveVoice(Voice):
    """`voice`, asked in real time."""

    def __init__(self, voice: Voice, real_time: RealTime, answers: Answers) -> None:
        vars(self).update(vars(voice))  # it is that voice to whoever chooses one
        self._voice, self._real_time, self._answers = voice, real_time, answers

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """See Voice."""
        chunks = self._voice.speak(text)
        try:
            while (samples := await self._real_time.ask(_next(chunks), self._answers)) is not None:
                yield samples
        finally:
            await self._real_time.ask(chunks.aclose(), self._answers)

    def variant(self, name: str) -> Voice:
        """See Voice."""
        return LiveVoice(self._voice.variant(name), self._real_time, self._answers)


def live_voices(voices: Voices, real_time: RealTime, answers: Answers) -> Voices:
    """Return `voices`, asked in real time."""
    return voices.each(lambda voice: LiveVoice(voice, real_time, answers))


async def _next(chunks: AsyncGenerator[Samples, None]) -> Samples | None:
    return await anext(chunks, None)
