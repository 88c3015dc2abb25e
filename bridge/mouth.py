"""The bot's voice on one call: text in, marked audio out, and what of it the caller heard."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Final

from bot.api import Samples, Tts
from bot.sentences import sentences
from bridge.leg import Leg
from bridge.playout import Heard, Playout
from bridge.voice import Voice
from telephony.events import AudioFormat, Clear, Mark, Play, Reply

_MESSAGE_MS: Final = 400  # audio in one Play: few messages, yet a Clear never waits behind much
_FRAME_MS: Final = 20


class Mouth:
    """Speaks one reply at a time. A hushed reply can send nothing more, however late its task notices."""

    def __init__(self, leg: Leg, tts: Tts, audio: AudioFormat, *, clock_ms: Callable[[], int]) -> None:
        self._leg, self._tts, self._audio, self._clock_ms = leg, tts, audio, clock_ms
        self._playout = Playout()
        self._generation = 0
        self.on_audio: Callable[[], None] = lambda: None
        """Called whenever audio has left."""

    @property
    def speaking(self) -> bool:
        """True while the caller may still have audio to hear."""
        return self._playout.pending(self._clock_ms(), marks=self._leg.capabilities.mark)

    async def say(self, texts: AsyncIterator[str]) -> int:
        """Speak `texts` as they come, sentence by sentence; return how many were spoken.

        Returns when all has been sent, which is before all has been heard.

        Raises:
            whatever `texts` or the voice raises; what was sent before stays sent.
        """
        count, generation = 0, self._generation
        async with aclosing(sentences(texts)) as cut:
            async for sentence in cut:
                if generation != self._generation:
                    break
                count += await self._speak(sentence, self._tts.speak(sentence), generation)
        return count

    async def play(self, samples: Samples, text: str) -> None:
        """Speak a recording made at the voice's rate that says `text`."""

        async def recording() -> AsyncGenerator[Samples, None]:
            yield samples

        await self._speak(text, recording(), self._generation)

    def hush(self) -> tuple[Heard, bool]:
        """Fall silent: return what was heard of the reply, and whether the wire must `clear` the rest."""
        unheard = self.speaking
        self._generation += 1
        return self._playout.end(self._clock_ms()), unheard

    async def clear(self) -> None:
        """Throw away what lies unheard at the far side."""
        if self._leg.capabilities.clear:
            await self._leg.send(Clear())

    def played(self, mark: str) -> None:
        self._playout.played(mark, self._clock_ms())

    async def _speak(self, text: str, audio: AsyncGenerator[Samples, None], generation: int) -> int:
        voice, spoken = Voice(self._tts.sample_rate, self._audio), False
        async with aclosing(audio) as chunks:
            async for samples in chunks:
                if generation != self._generation:
                    return int(spoken)
                if not spoken:
                    self._playout.begin(text, self._clock_ms())
                    spoken = True
                    if self._leg.capabilities.transcripts:
                        await self._leg.send(Reply(text))
                await self._send(voice.encode(samples), generation)
        if spoken:
            await self._send(voice.flush(), generation)
        if spoken and generation == self._generation:
            mark = self._playout.mark()
            if self._leg.capabilities.mark:
                await self._leg.send(Mark(mark))
        return int(spoken)

    async def _send(self, payload: bytes, generation: int) -> None:
        step_ms = min(_MESSAGE_MS, max(_FRAME_MS, self._leg.capabilities.send_ahead_ms // 2))
        step = self._audio.sample_rate * self._audio.encoding.sample_bytes * step_ms // 1000
        for offset in range(0, len(payload), step):
            part = payload[offset : offset + step]
            duration_ms = self._audio.duration_ms(part)
            await self._room(duration_ms)
            if generation != self._generation:
                return
            self._playout.sent(duration_ms, self._clock_ms())
            await self._leg.send(Play(part))
            self.on_audio()

    async def _room(self, duration_ms: int) -> None:
        """Wait until the far side may take `duration_ms` more; one frame it takes whenever it has nothing."""
        limit_ms = max(self._leg.capabilities.send_ahead_ms, _FRAME_MS)
        excess_ms = self._playout.ahead_ms(self._clock_ms()) + duration_ms - limit_ms
        if excess_ms > 0:
            await asyncio.sleep(excess_ms / 1000)  # pacing is time itself: nothing tells us when audio was played


async def once(text: str) -> AsyncIterator[str]:
    """Yield `text`."""
    yield text


async def within(texts: AsyncIterator[str] | Coroutine[None, None, str], limit_s: float) -> AsyncGenerator[str, None]:
    """Yield `texts`, and close them; each must come within `limit_s` of being asked for.

    Raises:
        TimeoutError: one did not.
        TypeError: `texts` is no async generator: its author wrote `return` instead of `yield`.
    """
    if not isinstance(texts, AsyncIterator):
        texts.close()
        raise TypeError(f"a bot yields what it says (`yield text` in an async def); got {type(texts).__name__}")
    try:
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    text = await anext(texts)
            except StopAsyncIteration:
                return
            yield text
    finally:
        if isinstance(texts, AsyncGenerator):
            async with asyncio.timeout(limit_s):
                await texts.aclose()
