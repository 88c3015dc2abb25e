"""The bot's voice on one call: text in, marked audio out, and what of it the caller heard."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Final

from bot.api import Samples, Say, Tts
from bot.spoken import CodeBlocks, Spoken, spoken, weights
from bridge.leg import Leg
from bridge.observer import CallObserver, RecordingSwitch
from bridge.speaking.playout import HeardSoFar, Playout
from bridge.speaking.script import script
from bridge.speaking.sender import Sender
from bridge.speaking.sentence import Sentence
from bridge.speaking.unread import why
from bridge.speaking.voices.failover import VoicedAudio, said
from bridge.speaking.voices.voice import audible
from bridge.speaking.voices.voices import CallVoices, Voices
from bridge.speaking.wire_encoder import SentenceEncoder
from bridge.timeouts import wait_at_most
from telephony.events import AudioFormat

log = logging.getLogger(__name__)

_FRAME_MS: Final = 20
_NO_FIGURES: Final = dict.fromkeys(map(ord, "0123456789"))


class SpeechOutput:
    """Speaks one reply at a time.

    An interrupted reply sends nothing more, even if its task notices late. A held reply finishes the sentence that is
    being made, makes no other, and sends it when it is resumed.
    """

    def __init__(
        self,
        leg: Leg,
        tts: Tts | Voices,
        audio: AudioFormat,
        *,
        clock_ms: Callable[[], int],
        on_audio: Callable[[], None],
        on_unread: Callable[[], None],
        start: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
        language: str = "English",
        reading: Spoken = spoken,
        observer: CallObserver | None = None,
        recording: RecordingSwitch | None = None,
    ) -> None:
        """`clock_ms`: milliseconds of a clock that never goes back. `on_audio` is called whenever audio has left,
        `on_unread` for each sentence that the voice cannot read, or not all of. `start` makes a task of the call of
        what sends; `interrupt` ends it.

        `tts`: a voice, or several of which each sentence gets one that can read it (`Voices`).
        `language`: what the bot speaks, as an English name or a tag; with "" the voice reads numbers itself.
        `reading`: turns a written sentence into the words that the voice reads. `observer`: what is noted of the call.
        `recording`: what is recorded of it.
        """
        self.leg = leg
        self._audio, self._clock_ms, self._reading = audio, clock_ms, reading
        self._default = Voices.of(tts)
        self._voices = CallVoices(self._default, language=language, reading=reading)
        self.observer, self.recording = observer or CallObserver(), recording or RecordingSwitch()
        self._playout = Playout(audio, observer=self.observer)
        self._reply = _Reply()  # the one that is spoken now
        self._sender = Sender(leg, self._playout, audio, clock_ms=clock_ms, on_audio=on_audio, start=start)
        self._on_unread, self.reply_over = on_unread, self._sender.reply_over
        self._explained = set[str]()  # why something was not read
        self._failed = set[str]()  # voices of which the log has told it
        self.sounds = 0
        """How many sentences and recordings made a sound, in all of the call; fillers do not count."""
        self._mark_returned = asyncio.Event()
        self._made_ms: int | None = None  # when the first audio of the reply was made

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
    def any_heard(self) -> bool:
        """True once a word of the reply was heard. Cheap: it is asked for each window of the caller's audio."""
        return self._playout.any_heard(self._clock_ms())

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
        since_ms = self._sender.audible_ms
        return None if since_ms is None else self._clock_ms() - since_ms

    def loudest_db(self, last_ms: int) -> float:
        """Return the level, dBFS, of the loudest 20 ms of the bot that the caller heard in the last `last_ms`."""
        now_ms = self._clock_ms()
        return self._playout.loudest_db(now_ms - last_ms, now_ms)

    async def say(self, texts: AsyncIterator[str], *, filler: bool = False) -> None:
        """Speak `texts` as they come, sentence by sentence; return when all has been sent, not yet heard.

        `filler`: they are no part of the reply, which is awaited.

        The voice gets what a person would read aloud; the caller's screen and the history get what was written.

        Raises:
            whatever `texts` or the voice raises; what was sent before stays sent.
        """
        reply, code = self._reply, CodeBlocks()
        async with aclosing(script(texts, self.language)) as sentences:
            async for text in sentences:
                if reply.over:
                    break
                await self._read(text, code.outside(str(text)), reply, filler=filler)

    async def _read(self, text: Say, outside: str, reply: "_Reply", *, filler: bool) -> None:
        """Have a voice read what a person would say for `text`, of which `outside` is no code."""
        renditions = self._voices.renditions(outside)
        aloud = renditions[0].aloud if renditions else self._reading(outside, self.language)
        foreign = renditions[0].foreign if renditions else 1
        sounds = False
        if aloud and renditions:
            sounds = await self._speak(text, said(renditions, is_news=self._fails_first), reply, filler=filler)
        if (foreign or not sounds) and any(map(str.isalnum, aloud)) and not reply.over:
            self._on_unread()
            self.explain(aloud)

    def _fails_first(self, voice: str) -> bool:
        """Return whether `voice` fails for the first time in the call."""
        known = voice in self._failed
        self._failed.add(voice)
        return not known

    def explain(self, text: str) -> None:
        """Log once in the call why nobody heard `text`."""
        voice = self._voices.now
        reason = why(text, voice=voice.name, language=voice.language)
        if (kind := reason.translate(_NO_FIGURES)) not in self._explained:
            self._explained.add(kind)
            log.error("%s", reason)

    @property
    def language(self) -> str:
        """Language of the next sentence and all after it. Set to "", it is what it was at the beginning."""
        return self._voices.language

    @language.setter
    def language(self, language: str) -> None:
        self._voices.language = language

    def follow(self, language: str) -> None:
        """Note what the caller speaks: they are answered in it where a voice does, and the bot has set no other."""
        self._voices.follow(language)

    @property
    def sample_rate(self) -> int:
        """Sample rate, in hertz, of the audio that `play` takes, whoever speaks now."""
        return self._default.sample_rate

    def set_voice(self, name: str) -> None:
        """Speak with another voice from the next sentence on.

        Raises:
            RuntimeError: the engine has one voice only, or none of this name.
        """
        self._voices.set_voice(name)

    async def until_open(self) -> None:
        """Wait while the reply is held."""
        await self._sender.until_open()

    async def wait_for_playout(self) -> None:
        """Wait until the caller has heard all that was said: its mark came back, or is overdue. Waits while held."""
        while True:
            await self._sender.until_open()
            if not self.speaking:
                return
            self._mark_returned.clear()
            await wait_at_most(self._mark_returned, max(self.left_ms, _FRAME_MS) / 1000)

    async def play(self, samples: Samples, text: str) -> None:
        """Play a recording that says `text`: float32 in [-1, 1] at `sample_rate`, shape (n,)."""

        async def recording() -> AsyncGenerator[VoicedAudio, None]:
            yield VoicedAudio(samples, self.sample_rate)

        await self._speak(text if isinstance(text, Say) else Say(text), recording(), self._reply)

    def hold(self) -> bool:
        """Stop speaking for now; return whether the caller still had audio to hear, which the wire must `clear`."""
        unheard = self.speaking and not self._sender.held
        self._sender.hold()
        if unheard:
            self._playout.hold(self._clock_ms(), cleared=self.leg.capabilities.clear)
        return unheard

    def resume(self) -> None:
        """Go on with the held reply, from the word where it was cut."""
        self._sender.resume()

    def interrupt(self) -> tuple[HeardSoFar, bool]:
        """End the reply; return what was heard of it, and whether the wire must `clear` the rest."""
        unheard = self.speaking and not self._sender.held
        self._reply.over = True
        self._reply, self._made_ms = _Reply(), None
        heard = self._playout.end(self._clock_ms())
        self.observer.spoke(heard.text, unheard=heard.rest, played_ms=heard.played_ms)
        self._sender.restart()
        return heard, unheard

    async def clear(self) -> None:
        """Drop the audio that the far side has not played yet, where the wire can."""
        await self._sender.clear()

    def played(self, mark: str) -> None:
        """Note that `mark` came back: the caller has heard all before it."""
        if (ago_ms := self._playout.played(mark, self._clock_ms())) is not None:
            self.observer.heard(ago_ms=ago_ms)
        self._mark_returned.set()

    async def _speak(
        self, text: Say, audio: AsyncGenerator[VoicedAudio, None], reply: "_Reply", *, filler: bool = False
    ) -> bool:
        """Send `audio`, which says `text`; return whether anything of it can be heard."""
        encoder = SentenceEncoder(self._audio)
        sentence: Sentence | None = None
        sounds = False
        async with aclosing(audio) as chunks:
            try:
                async for samples, sample_rate in chunks:
                    if reply.over:
                        return sounds
                    sentence = sentence or self._begin(text, filler=filler)
                    sounds = sounds or audible(samples)
                    await self._send(sentence, encoder.encode(samples, sample_rate))
                if sentence and not reply.over:
                    await self._send(sentence, encoder.flush())
            finally:
                if sentence:
                    self._playout.finish(sentence)
        self.sounds += sounds and not filler
        await self._sender.sent()
        return sounds

    def _begin(self, text: Say, *, filler: bool) -> Sentence:
        now_ms = self._clock_ms()
        letters = weights(str(text), self.language, self._reading)
        if not filler:
            self.observer.made()
        self._made_ms = now_ms if self._made_ms is None else self._made_ms
        begun = self._playout.begin(str(text), now_ms, interruptible=text.interruptible, letters=letters, filler=filler)
        begun.keys_interrupt = text.keys_interrupt
        return begun

    async def _send(self, sentence: Sentence, payload: bytes) -> None:
        if payload:
            self._playout.made(sentence, payload)
        await self._sender.sent()


class _Reply:
    """One reply, as seen by who makes its audio."""

    over = False
    """It was interrupted: no more of it is made."""


async def once(text: str) -> AsyncIterator[str]:
    """Yield `text`."""
    yield text
