"""What a denoiser, a voice activity detector, a recogniser and a judge of pauses must be: anyone can write one.

Audio inside is always mono float32 in [-1, 1] at 16 kHz, shape (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono float32 in [-1, 1], 16 kHz unless said otherwise, shape (n,)."""

SAMPLE_RATE: Final = 16_000
"""Hertz, everywhere inside."""


class SpeechError(Exception):
    """Base of the errors that the speech core raises on purpose. It is never raised itself."""

    retryable = False
    """Whether the same request may succeed on another engine, or later."""


class ModelMissing(SpeechError):
    """A model or its runtime is not installed. The text names the pip command that installs it."""


class BadRequest(SpeechError):
    """The request can never succeed, on this engine or on its twin."""


class UnsupportedLanguage(BadRequest):
    """The loaded model does not know the language. The text names the extra that does."""


class EngineFailed(SpeechError):
    """The engine broke or is gone. The same request may succeed on another engine, or later."""

    retryable = True


class EngineLost(EngineFailed):
    """The engine died or cannot be reached. All its other work is lost too."""


class ReplicaLost(EngineFailed):
    """One of several processes behind the engine is gone, or silent. Asked again, the engine asks another of them."""


class DeadlineExceeded(EngineFailed):
    """No answer came in time."""


class Overloaded(EngineFailed):
    """Too many requests wait already. Nothing is wrong with the engine."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """`retry_after_s`: seconds until the engine wants to be asked again; None if it did not say."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Denoiser(Protocol):
    """Removes noise from one call. It keeps the call's state, and is called on a thread, by one thread at a time.

    `--denoiser module:attribute` takes a class like this. Each call gets one of its own, made by
    `from_settings(settings)` if the class has that, or by calling it. If all calls should share something large, write
    a `Denoisers`. A `name` is optional, for the log.
    """

    delay: int
    """Samples, 0 or more, by which its output lags its input. It stays the same for the whole call."""

    def __call__(self, samples: Samples, /) -> Samples:
        """Return as many samples as came in, delayed by `delay`. `samples` is never empty, and usually 20 ms.

        Raises:
            EngineFailed: its state is lost; the rest of the call goes without denoiser.
        """

    def close(self) -> None:
        """Give its state back; it is not called again."""


class Denoisers(Protocol):
    """A denoiser whose model is loaded once and shared: opens a `Denoiser` for each call.

    `--denoiser module:attribute` takes a class like this too. It is made once, by `from_settings(settings)` if it has
    that, or by `load()`, or by calling it. A `name` (e.g. "DeepFilterNet3, 9 dB") is optional; start-up shows it.
    """

    async def open(self) -> Denoiser:
        """Return a fresh denoiser for a call, without blocking the event loop. The bridge closes it with the call.

        Raises:
            EngineFailed: there is none; the call goes without.
        """

    def close(self) -> None:
        """Free what was loaded; denoisers of running calls live on. Called once, from any thread; may block."""


class Vad(Protocol):
    """Detects speech in one call. It keeps the call's state: one instance a call."""

    window: int
    """Samples that it takes at a time, e.g. 512 (32 ms at 16 kHz)."""

    async def __call__(self, samples: Samples, /) -> float:
        """Return P(speech), 0.0 to 1.0, for the next `window` samples of the call.

        Raises:
            EngineFailed: the model failed and its state is lost; make a new one.
        """


class Ended(StrEnum):
    """Why a decode stopped."""

    STOP = "stop"  # the engine was done
    LENGTH = "length"  # it ran out of tokens
    REPETITION = "repetition"  # it began to loop; the loop is cut off


class Standing(IntEnum):
    """Whose decode it is: a lower one goes first."""

    CALL = 0  # somebody is on the telephone, or speaks with a bot
    LIVE = 1  # a client sends its audio as it is spoken
    FAST = 2  # a client sends its audio faster than it was spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrCapabilities:
    """What a recogniser can do, and how much at once."""

    prefix: bool = True
    """Whether it can continue a text. One that cannot returns the whole text, whatever the prefix was."""
    context: bool = True
    """Whether words that bias recognition have an effect. They are accepted in any case."""
    languages: frozenset[str] | None = None
    """English names of the languages it knows; None if that is not known, and any may be asked for."""
    more_languages: str = ""
    """How to get more languages, for the error that refuses one."""
    shortest_s: float = 0.0
    """Seconds. Shorter audio is padded with silence before the engine gets it."""
    longest_s: float = 30.0
    """Seconds. Longer audio is refused before the engine gets it."""
    word_times: bool = False
    """Whether it can tell when each word was spoken."""
    backlog: int = 8
    """Decodes, running and waiting, from which on it gets no partials, because more would delay finals."""
    at_once: int | None = None
    """Decodes that run at once; more wait in the pool, in its order. None: it takes all and orders them itself."""


@dataclass(frozen=True, slots=True)
class Request:
    """One decode: the utterance so far, and what is already known of it."""

    audio: Samples
    """Read only: a view of a buffer that grows behind it."""
    prefix: str = ""
    """Text that the hypothesis must begin with. The answer does not repeat it."""
    language: str | None = None
    """English name of the language; None lets the engine decide."""
    context: str = ""
    """Words that bias recognition."""
    final: bool = False
    """Finals are decoded before partials."""
    max_new_tokens: int = 32
    """Tokens the continuation may have, for engines that generate until told to stop."""
    timeout_s: float = 30.0
    """Seconds after which nobody wants the answer any more."""
    key: str = ""
    """Names the utterance: equal keys promise that the shorter audio is the beginning of the longer. A hint only."""
    first: bool = False
    """Whether nothing of the utterance has been recognised yet."""
    words: bool = False
    """Whether the times of the words are wanted, of an engine that has `word_times`. Without prefix only."""
    session: str = ""
    """Names who asks: sessions get the engines in equal shares. "" is a session of its own."""
    standing: Standing = Standing.CALL
    languages: tuple[str, ...] = ()
    """English names of the languages that it may decide for; () is any it knows. An engine that can, keeps to them."""

    @property
    def priority(self) -> int:
        """For an engine that orders decodes itself: lower goes first."""
        return 2 * self.standing + (not self.final)


@dataclass(frozen=True, slots=True)
class MarksAhead:
    """What the recogniser expects behind the last word: probabilities of its next token, 0..1 each."""

    stop: float
    """That a sentence ends there: a full stop, a question or exclamation mark."""
    comma: float
    """That it goes on behind a comma or the like."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard. `prefix + text` is the whole of it."""

    pieces: Sequence[str]
    """The continuation after the prefix, in the engine's own text pieces; none ends inside a character."""
    language: str
    """English name, e.g. "English"; "" when nothing was recognised."""
    ended: Ended = Ended.STOP
    queue_ms: int = 0
    """Milliseconds that it waited for its turn; 0 if the engine does not say."""
    run_ms: int = 0
    cached_tokens: int = 0
    """Tokens of the prompt, audio included, that the engine did not compute again."""
    engine: str = ""
    """Name of the engine that answered."""
    words: Sequence[tuple[str, int, int]] = ()
    """Each with the milliseconds of the audio at which it begins and ends; none where they were not asked for."""
    language_probability: float = 1.0
    """P(language), 0.0 to 1.0, of one that the engine decided for; 1 where it was told, or does not say."""
    marks: MarksAhead | None = None
    """Of finals without prefix; None where the engine does not tell, or writes no such marks in this language."""

    @property
    def text(self) -> str:
        """The continuation after the prefix."""
        return "".join(self.pieces)


class Asr(Protocol):
    """A recogniser. It is stateless and idempotent: any replica may serve any decode of any call.

    What calls use is a `Pool` of these (bridge/speech/pool/pool.py). It validates the audio and the language, so an
    engine sees float32 of shape (n,), finite, in [-1, 1], within the lengths it declares, and languages it knows.
    One that has a `device` (e.g. "CPU, int8") is announced with it at start-up.
    """

    name: str
    """For logs and metrics, e.g. "whisper-tiny.en"."""
    capabilities: AsrCapabilities

    async def decode(self, request: Request, /) -> Hypothesis:
        """Return what is said in `request.audio`. Cancelling takes the decode out of the engine where it can.

        Cancelled, it may take its time to end: it is over once the engine does not work on it any more.

        Raises:
            BadRequest: it would fail on any engine of this kind.
            Overloaded: it has too much to do. EngineLost: it is dead. DeadlineExceeded: it took too long.
            EngineFailed: this decode failed; another may succeed.
        """

    async def healthy(self) -> bool:
        """Return whether a decode may succeed. Cheap: the child lives, the server answers.

        It is asked only after the engine was lost or hung, again and again until it says yes.
        """

    def close(self) -> None:
        """Free what was loaded; decodes under way fail with EngineFailed. Called once, from any thread; may block."""


class Recogniser(Asr, Protocol):
    """The recogniser that calls use: an `Asr` that checks its requests and survives the loss of an engine."""

    def check_language(self, language: str | None) -> None:
        """Accept `language` (English name or code, None for any).

        Raises:
            UnsupportedLanguage: no engine knows it; the text names those known.
        """

    async def recovered(self) -> None:
        """Wait until a decode may succeed: no time while an engine is healthy."""


class EndOfTurn(Protocol):
    """Judges pauses. It is stateless and shared by all calls; several may ask it at the same time."""

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        """Return P(the caller is done), 0.0 to 1.0, never blocking the event loop.

        `audio`: the caller's turn so far, 16 kHz, its last 0.1 to 0.3 s silent; a view of a buffer, read only.
        `text`: what the recogniser heard in it, "" where nothing is known; `language`: English name, "" unknown.

        Raises:
            EngineFailed: it could not tell; the turn closes as if nobody had been asked.
        """

    def close(self) -> None:
        """Free what was loaded; judgements under way fail with EngineFailed."""
