"""What a denoiser, a voice activity detector, a recogniser and a judge of pauses must be: anyone can write one.

Audio inside is always mono float32 in [-1, 1] at 16 kHz, shape (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono float32 in [-1, 1], 16 kHz unless said otherwise, shape (n,)."""

SAMPLE_RATE: Final = 16_000
"""Hertz, everywhere inside."""


class SpeechError(Exception):
    """Base of what the speech core raises on purpose; never raised itself."""

    retryable = False
    """Whether the same request may succeed on another engine, or later."""


class ModelMissing(SpeechError):
    """A model or its runtime is not installed; the text names the pip command that brings it."""


class BadRequest(SpeechError):
    """The request can never succeed, on this engine or on its twin."""


class UnsupportedLanguage(BadRequest):
    """The loaded model does not know the language; the text names the extra that does."""


class EngineFailed(SpeechError):
    """The engine broke or is gone; the same request may succeed elsewhere or later."""

    retryable = True


class EngineLost(EngineFailed):
    """The engine died or cannot be reached: whatever else it was doing is lost too."""


class DeadlineExceeded(EngineFailed):
    """No answer came in time."""


class Overloaded(EngineFailed):
    """Too much waits already; nothing is wrong with the engine."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """`retry_after_s`: seconds until the engine wants to be asked again, where it said so."""
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
    """Detects speech in one call. Stateful: one instance a call."""

    window: int
    """Samples it takes at a time, e.g. 512 (32 ms at 16 kHz)."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrCapabilities:
    """What a recogniser can do, and how much of it at once."""

    prefix: bool = True
    """It can continue a text; one that cannot returns the whole text whatever the prefix was."""
    context: bool = True
    """Words that bias recognition are heeded, not only accepted."""
    languages: frozenset[str] | None = None
    """English names of what it knows; None: not known, any may be asked for."""
    more_languages: str = ""
    """What to do for more of them, for the error that refuses one."""
    shortest_s: float = 0.0
    """Shorter audio is padded with silence before it gets here."""
    longest_s: float = 30.0
    """Longer audio is refused before it gets here."""
    word_times: bool = False
    backlog: int = 8
    """Decodes it may have in hand, running and waiting, before partials are kept from it: more would delay finals."""


@dataclass(frozen=True, slots=True)
class Request:
    """One decode: the utterance so far and what is already known of it."""

    audio: Samples
    """Read only: a view of a buffer that grows behind it."""
    prefix: str = ""
    """Text the hypothesis must begin with; it is not repeated in the answer."""
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

    @property
    def priority(self) -> int:
        """Lower goes first."""
        return 0 if self.final else 1


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard. `prefix + text` is the whole of it."""

    pieces: Sequence[str]
    """The continuation after the prefix, in the engine's own text pieces; none ends inside a character."""
    language: str
    """English name, e.g. "English"; "" when nothing was recognised."""
    ended: Ended = Ended.STOP
    queue_ms: int = 0
    """Milliseconds it waited for its turn; 0 where the engine does not tell."""
    run_ms: int = 0
    cached_tokens: int = 0
    """Tokens of the prompt, audio included, that the engine did not have to compute again."""
    engine: str = ""
    """Name of the engine that answered."""

    @property
    def text(self) -> str:
        """The continuation after the prefix."""
        return "".join(self.pieces)


class Asr(Protocol):
    """A recogniser. Stateless and idempotent: any replica may serve any decode of any call.

    What calls use is a `Pool` of these (bridge/speech/pool/pool.py). It validates the audio and the language, so an
    engine sees float32 of shape (n,), finite, in [-1, 1], within the lengths it declares, and languages it knows.
    One that has a `device` (e.g. "CPU, int8") is announced with it at start-up.
    """

    name: str
    """For logs and metrics, e.g. "whisper-tiny.en"."""
    capabilities: AsrCapabilities

    async def decode(self, request: Request, /) -> Hypothesis:
        """Return what is said in `request.audio`. Cancelling takes the decode out of the engine where it can.

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
    """What calls hear with: an `Asr` that has checked and survives what its engines do not."""

    def check_language(self, language: str | None) -> None:
        """Accept `language` (English name or code, None for any).

        Raises:
            UnsupportedLanguage: no engine knows it; the text names those known.
        """

    async def recovered(self) -> None:
        """Return when a decode may succeed: at once while an engine is healthy."""


class EndOfTurn(Protocol):
    """Judges pauses. Stateless and shared by all calls: any of them may ask it at any time, several at once."""

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        """Return P(the caller is done), 0.0 to 1.0, never blocking the event loop.

        `audio`: the caller's turn so far, 16 kHz, its last 0.1 to 0.3 s silent; a view of a buffer, read only.
        `text`: what the recogniser heard in it, "" where nothing is known; `language`: English name, "" unknown.

        Raises:
            EngineFailed: it could not tell; the turn closes as if nobody had been asked.
        """

    def close(self) -> None:
        """Free what was loaded; judgements under way fail with EngineFailed."""
