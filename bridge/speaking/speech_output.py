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
from bridge.speaking.sentence import Sentence
from bridge.speaking.wire_encoder import WireEncoder
from telephony.events import AudioFormat, Clear, Mark, Play, Reply

_MESSAGE_MS: Final = 400  # audio in one Play: few messages, and a Clear never waits behind a long one
_FRAME_MS: Final = 20


class SpeechOutput:
    """Speaks one reply at a time.

    An interrupted reply sends nothing more, even if its task notices late. A held reply finishes the sentence that is
    being made, makes no other, and sends it when it is resumed.
    """

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
        """`clock_ms`: milliseconds of a clock that never goes back. `on_audio` is called whenever audio has left.

        `language`: what the bot speaks, as an English name or a tag; with "" the voice reads numbers itself.
        `reading`: turns a written sentence into the words that the voice reads.
        """
        self.leg = leg
        self._tts, self._audio, self._clock_ms, self._on_audio = tts, audio, clock_ms, on_audio
        self._reading = reading
        self.language = language
        """Language of the next sentence and all after it."""
        self._playout = Playout(audio)
        self._reply = _Reply()  # the one that is spoken now
        self._sending = asyncio.Lock()  # commands leave in order
        self._not_held = asyncio.Event()
        self._not_held.set()
        self._mark_returned = asyncio.Event()
        self._made_ms: int | None = None  # when the first audio of the reply was made
        self._audible_ms: int | None = None  # when the first audio of the reply left

    @property
    def speaking(self) -> bool:
        """True while the caller may still have audio to hear."""
        return self._playout.pending(self._clock_ms(), marks=self.leg.capabilities.mark)

    @property
    def insists(self) -> bool:
        """True while the caller hears a sentence that may not be interrupted, or will hear it next."""
        return self._playout.insists(self._clock_ms(), marks=self.leg.capabilities.mark)

    @property
    def yields_to_keys(self) -> bool:
        """True while the caller hears a sentence that a key ends, or will hear it next."""
        return self._playout.yields_to_keys(self._clock_ms(), marks=self.leg.capabilities.mark)

    @property
    def left_ms(self) -> int:
        """Milliseconds of audio that was made and that the caller has not heard yet."""
        return self._playout.left_ms(self._clock_ms())

    @property
    def heard(self) -> HeardSoFar:
        """What was heard of the reply by now."""
        return self._playout.heard(self._clock_ms())

    @property
    def now_ms(self) -> int:
        """The time by `clock_ms`."""
        return self._clock_ms()

    @property
    def made_ms(self) -> int | None:
        """When the first audio of the reply was made, by `now_ms`; None where none was."""
        return self._made_ms

    @property
    def audible_ms(self) -> int | None:
        """Milliseconds since the first audio of the reply left; None where none has left."""
        return None if self._audible_ms is None else self._clock_ms() - self._audible_ms

    def loudest_db(self, last_ms: int) -> float:
        """Return the level, dBFS, of the loudest 20 ms of the bot that the caller heard in the last `last_ms`."""
        now_ms = self._clock_ms()
        return self._playout.loudest_db(now_ms - last_ms, now_ms)

    async def say(self, texts: AsyncIterator[str]) -> None:
        """Speak `texts` as they come, sentence by sentence; return when all has been sent, not yet heard.

        The voice gets what a person would read aloud; the caller's screen and the history get what was written.

        Raises:
            whatever `texts` or the voice raises; what was sent before stays sent.
        """
        reply, code = self._reply, CodeBlocks()
        async with aclosing(script(texts)) as sentences:
            async for text in sentences:
                if reply.over:
                    break
                if aloud := self._reading(code.outside(str(text)), self.language):
                    await self._speak(text, self._tts.speak(aloud), reply)

    @property
    def sample_rate(self) -> int:
        """Sample rate, in hertz, of the audio that `play` takes."""
        return self._tts.sample_rate

    def set_voice(self, name: str) -> None:
        """Speak with another voice from the next sentence on.

        Raises:
            RuntimeError: the engine has one voice only, or none of this name.
        """
        other = getattr(self._tts, "voice", None)
        if not callable(other):
            raise RuntimeError(f"there is no voice {name!r}: {type(self._tts).__name__} has one only")
        self._tts = other(name)

    async def until_open(self) -> None:
        """Wait while the reply is held."""
        await self._not_held.wait()

    async def wait_for_playout(self) -> None:
        """Wait until the caller has heard all that was said: its mark came back, or is overdue. Waits while held."""
        while True:
            await self._not_held.wait()
            if not self.speaking:
                return
            self._mark_returned.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self.left_ms, _FRAME_MS) / 1000):
                    await self._mark_returned.wait()

    async def play(self, samples: Samples, text: str) -> None:
        """Play a recording that says `text`: float32 in [-1, 1] at `sample_rate`, shape (n,)."""

        async def recording() -> AsyncGenerator[Samples, None]:
            yield samples

        await self._speak(text if isinstance(text, Say) else Say(text), recording(), self._reply)

    def hold(self) -> bool:
        """Stop speaking for now; return whether the caller still had audio to hear, which the wire must `clear`."""
        unheard = self.speaking and self._not_held.is_set()
        self._not_held.clear()
        if unheard:
            self._playout.hold(self._clock_ms(), cleared=self.leg.capabilities.clear)
        return unheard

    async def resume(self) -> None:
        """Go on with the held reply, from the word where it was cut."""
        self._not_held.set()
        await self._drain()

    def interrupt(self) -> tuple[HeardSoFar, bool]:
        """End the reply; return what was heard of it, and whether the wire must `clear` the rest."""
        unheard = self.speaking and self._not_held.is_set()
        self._reply.over = True
        self._reply = _Reply()
        self._made_ms = self._audible_ms = None
        self._not_held.set()
        return self._playout.end(self._clock_ms()), unheard

    async def clear(self) -> None:
        """Drop the audio that the far side has not played yet, where the wire can."""
        if self.leg.capabilities.clear:
            async with self._sending:
                await self.leg.send(Clear())

    def played(self, mark: str) -> None:
        """Note that `mark` came back: the caller has heard all before it."""
        self._playout.played(mark, self._clock_ms())
        self._mark_returned.set()

    async def _speak(self, text: Say, audio: AsyncGenerator[Samples, None], reply: "_Reply") -> None:
        encoder = WireEncoder(self._tts.sample_rate, self._audio)
        sentence: Sentence | None = None
        async with aclosing(audio) as chunks:
            try:
                async for samples in chunks:
                    if reply.over:
                        return
                    sentence = sentence or self._begin(text)
                    await self._send(sentence, encoder.encode(samples))
                if sentence and not reply.over:
                    await self._send(sentence, encoder.flush())
            finally:
                if sentence:
                    self._playout.finish(sentence)
        await self._drain()

    def _begin(self, text: Say) -> Sentence:
        now_ms = self._clock_ms()
        letters = weights(str(text), self.language, self._reading)
        self._made_ms = now_ms if self._made_ms is None else self._made_ms
        begun = self._playout.begin(str(text), now_ms, interruptible=text.interruptible, letters=letters)
        begun.keys_interrupt = text.keys_interrupt
        return begun

    async def _send(self, sentence: Sentence, payload: bytes) -> None:
        if payload:
            self._playout.made(sentence, payload)
        await self._drain()

    async def _drain(self) -> None:
        """Send what waits, as soon as the far side may take it; wait while the reply is held."""
        step_ms = min(_MESSAGE_MS, max(_FRAME_MS, self.leg.capabilities.send_ahead_ms // 2))
        while self._playout.next(step_ms) is not None:
            await self._not_held.wait()
            async with self._sending:
                excess_ms = await self._send_next(step_ms)
            if excess_ms > 0:
                await asyncio.sleep(excess_ms / 1000)  # pacing is time itself: nothing tells us when audio was played

    async def _send_next(self, step_ms: int) -> int:
        """Send what has to leave next; or return for how many milliseconds the far side may not take it."""
        command = self._playout.next(step_ms)
        if command is None or not self._not_held.is_set():
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
        """Return for how many milliseconds the far side may not take `play`; with an empty buffer it takes a frame."""
        limit_ms = max(self.leg.capabilities.send_ahead_ms, _FRAME_MS)
        return self._playout.ahead_ms(self._clock_ms()) + self._audio.duration_ms(play.payload) - limit_ms


class _Reply:
    """One reply, as seen by who makes its audio."""

    over = False
    """It was interrupted: no more of it is made."""


async def script(texts: AsyncIterator[str]) -> AsyncGenerator[Say, None]:
    """Yield each sentence of `texts` once it is whole, as interruptible as its text; closes `texts`."""
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
    return [
        Say(part, interruptible=text.interruptible, keys_interrupt=text.keys_interrupt)
        for part in (*cutter.feed(str(text)), *cutter.flush())
    ]


async def once(text: str) -> AsyncIterator[str]:
    """Yield `text`."""
    yield text
