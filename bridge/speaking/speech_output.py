"""The bot's voice on one call: text in, marked audio out, and what of it the caller heard."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Final

from bot.api import Samples, Say, Tts
from bot.sentences import SentenceCutter
from bot.spoken import CodeBlocks, Spoken, spoken, weights
from bridge.leg import Leg
from bridge.speaking.playout import HeardSoFar, Playout
from bridge.speaking.wire_encoder import WireEncoder
from telephony.events import AudioFormat, Clear, Mark, Play, Reply

_MESSAGE_MS: Final = 400  # audio in one Play: few messages, yet a Clear never waits behind much
_FRAME_MS: Final = 20


class SpeechOutput:
    """Speaks one reply at a time. A hushed reply can send nothing more, however late its task notices; a held one
    makes no more than the sentence it is at, and sends it when it goes on."""

    def __init__(
        self,
        leg: Leg,
        tts: Tts,
        audio: AudioFormat,
        *,
        clock_ms: Callable[[], int],
        on_audio: Callable[[], None],
        language: str = "English",
        reading: Spoken = spoken,
    ) -> None:
        """`on_audio` is called whenever audio has left.

        `language`: what the bot speaks, as an English name or a tag; "" leaves figures to the voice.

        `reading`: makes of a written sentence what the voice is to read.
        """
        self.leg = leg
        self._tts, self._audio, self._clock_ms, self._on_audio = tts, audio, clock_ms, on_audio
        self._reading = reading
        self.language = language
        """Of what is said from the next sentence on."""
        self._playout = Playout(audio)
        self._generation = 0
        self._way_out = asyncio.Lock()  # what leaves, leaves in order
        self._open = asyncio.Event()  # not held
        self._open.set()
        self._news = asyncio.Event()  # a mark came back
        self._made_ms: int | None = None  # when the first audio of the reply was there
        self._audible_ms: int | None = None  # when the first audio of the reply left

    @property
    def speaking(self) -> bool:
        """True while the caller may still have audio to hear."""
        return self._playout.pending(self._clock_ms(), marks=self.leg.capabilities.mark)

    @property
    def insists(self) -> bool:
        """True while what is heard may not be interrupted."""
        return self._playout.insists(self._clock_ms(), marks=self.leg.capabilities.mark)

    @property
    def left_ms(self) -> int:
        """Audio that was made and that the caller has yet to hear."""
        return self._playout.left_ms(self._clock_ms())

    @property
    def heard(self) -> HeardSoFar:
        """What was heard of the reply by now."""
        return self._playout.heard(self._clock_ms())

    @property
    def now_ms(self) -> int:
        return self._clock_ms()

    @property
    def made_ms(self) -> int | None:
        """When the first audio of the reply was there, by `now_ms`."""
        return self._made_ms

    @property
    def audible_ms(self) -> int | None:
        """How long ago the first audio of the reply left; None where none has."""
        return None if self._audible_ms is None else self._clock_ms() - self._audible_ms

    def loudest_db(self, last_ms: int) -> float:
        """Return the level, dBFS, of the loudest the caller heard of the bot in the last `last_ms`."""
        now_ms = self._clock_ms()
        return self._playout.loudest_db(now_ms - last_ms, now_ms)

    async def say(self, texts: AsyncIterator[str]) -> int:
        """Speak `texts` as they come, sentence by sentence; return how many were spoken.

        The voice gets what a person would read aloud; the caller's screen and the history get what was written.
        Returns when all has been sent, which is before all has been heard.

        Raises:
            whatever `texts` or the voice raises; what was sent before stays sent.
        """
        count, generation, code = 0, self._generation, CodeBlocks()
        async with aclosing(script(texts)) as cut:
            async for sentence in cut:
                if generation != self._generation:
                    break
                if aloud := self._reading(code.outside(str(sentence)), self.language):
                    count += await self._speak(sentence, self._tts.speak(aloud), generation)
        return count

    @property
    def sample_rate(self) -> int:
        """Hertz of what `play` takes."""
        return self._tts.sample_rate

    def set_voice(self, name: str) -> None:
        """Speak with another voice from the next sentence on.

        Raises:
            RuntimeError: the voice knows of no other, or not of this one.
        """
        other = getattr(self._tts, "voice", None)
        if not callable(other):
            raise RuntimeError(f"there is no voice {name!r}: {type(self._tts).__name__} has one only")
        self._tts = other(name)

    async def until_open(self) -> None:
        """Wait until the mouth is not held."""
        await self._open.wait()

    async def until_heard(self) -> None:
        """Wait until the caller has heard all that was said: its mark came back, or is overdue; and not held."""
        while True:
            await self._open.wait()
            if not self.speaking:
                return
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self.left_ms, _FRAME_MS) / 1000):
                    await self._news.wait()

    async def play(self, samples: Samples, text: str) -> None:
        """Speak a recording made at the voice's rate that says `text`."""

        async def recording() -> AsyncGenerator[Samples, None]:
            yield samples

        await self._speak(text if isinstance(text, Say) else Say(text), recording(), self._generation)

    def hold(self) -> bool:
        """Fall silent for now; return whether there was something to be heard, which the wire must `clear`."""
        unheard = self.speaking and self._open.is_set()
        self._open.clear()
        if unheard:
            self._playout.hold(self._clock_ms(), cleared=self.leg.capabilities.clear)
        return unheard

    async def resume(self) -> None:
        """Go on with what was held, from the word where it was cut."""
        self._open.set()
        await self._drain()

    def hush(self) -> tuple[HeardSoFar, bool]:
        """Fall silent: return what was heard of the reply, and whether the wire must `clear` the rest."""
        unheard = self.speaking and self._open.is_set()
        self._generation += 1
        self._made_ms = self._audible_ms = None
        self._open.set()
        return self._playout.end(self._clock_ms()), unheard

    async def clear(self) -> None:
        """Throw away what lies unheard at the far side."""
        if self.leg.capabilities.clear:
            async with self._way_out:
                await self.leg.send(Clear())

    def played(self, mark: str) -> None:
        self._playout.played(mark, self._clock_ms())
        self._news.set()

    async def _speak(self, text: Say, audio: AsyncGenerator[Samples, None], generation: int) -> int:
        voice, spoken = WireEncoder(self._tts.sample_rate, self._audio), False
        async with aclosing(audio) as chunks:
            try:
                async for samples in chunks:
                    if generation != self._generation:
                        return int(spoken)
                    if not spoken:
                        self._begin(text)
                        spoken = True
                    await self._send(voice.encode(samples))
                if spoken and generation == self._generation:
                    await self._send(voice.flush())
            finally:
                if spoken and generation == self._generation:
                    self._playout.finish()
        await self._drain()
        return int(spoken)

    def _begin(self, text: Say) -> None:
        now_ms = self._clock_ms()
        letters = weights(str(text), self.language, self._reading)
        self._playout.begin(str(text), now_ms, interruptible=text.interruptible, letters=letters)
        self._made_ms = now_ms if self._made_ms is None else self._made_ms

    async def _send(self, payload: bytes) -> None:
        if payload:
            self._playout.made(payload)
        await self._drain()

    async def _drain(self) -> None:
        """Send what waits, as soon as the far side may take it and while the mouth is not held."""
        step_ms = min(_MESSAGE_MS, max(_FRAME_MS, self.leg.capabilities.send_ahead_ms // 2))
        while self._playout.next(step_ms) is not None:
            await self._open.wait()
            async with self._way_out:
                excess_ms = await self._let_out(step_ms)
            if excess_ms > 0:
                await asyncio.sleep(excess_ms / 1000)  # pacing is time itself: nothing tells us when audio was played

    async def _let_out(self, step_ms: int) -> int:
        """Send what waits longest; or return how many milliseconds the far side may not take it yet."""
        command = self._playout.next(step_ms)
        if command is None or not self._open.is_set():
            return 0
        if isinstance(command, Play) and (excess_ms := self._excess_ms(command)) > 0:
            return excess_ms
        self._playout.sent(command, self._clock_ms())
        await self._pass(command)
        return 0

    async def _pass(self, command: Play | Mark | Reply) -> None:
        wire = self.leg.capabilities
        match command:
            case Play():
                self._audible_ms = self._clock_ms() if self._audible_ms is None else self._audible_ms
                await self.leg.send(command)
                self._on_audio()
            case Mark() if wire.mark:
                await self.leg.send(command)
            case Reply() if wire.transcripts and command.text:
                await self.leg.send(command)

    def _excess_ms(self, play: Play) -> int:
        """Return how long the far side may not take `play` yet; one frame it takes whenever it has nothing."""
        limit_ms = max(self.leg.capabilities.send_ahead_ms, _FRAME_MS)
        return self._playout.ahead_ms(self._clock_ms()) + self._audio.duration_ms(play.payload) - limit_ms


async def script(texts: AsyncIterator[str]) -> AsyncGenerator[Say, None]:
    """Yield the sentences of `texts` as they become whole, each as interruptible as its text. Closes `texts`."""
    cutter = SentenceCutter()
    try:
        async for text in texts:
            if isinstance(text, Say):
                whole = [Say(sentence) for sentence in cutter.flush()] + _cut(text)
            else:
                whole = [Say(sentence) for sentence in cutter.feed(text)]
            for sentence in whole:
                yield sentence
        for rest in cutter.flush():
            yield Say(rest)
    finally:
        if isinstance(texts, AsyncGenerator):  # a plain iterator has nothing to close
            await texts.aclose()


def _cut(text: Say) -> list[Say]:
    cutter = SentenceCutter(eager=False)
    return [Say(part, interruptible=text.interruptible) for part in (*cutter.feed(str(text)), *cutter.flush())]


async def once(text: str) -> AsyncIterator[str]:
    """Yield `text`."""
    yield text
