"""What a denoiser, a voice activity detector and a recogniser must be. Small on purpose: anyone can write one.

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


class ModelMissing(SpeechError):
    """A model or its runtime is not installed; the text names the pip command that brings it."""


class BadRequest(SpeechError):
    """The request can never succeed, on this engine or on its twin."""


class UnsupportedLanguage(BadRequest):
    """The loaded model does not know the language; the text names the extra that does."""


class EngineFailed(SpeechError):
    """The engine broke or is gone; the same request may succeed elsewhere or later."""


class Overloaded(EngineFailed):
    """Too much waits already: this partial is not worth its turn. Finals are never refused so."""


class Denoiser(Protocol):
    """Removes noise from one call. Stateful: one a call; called from one thread at a time, never from the loop."""

    delay: int
    """Samples by which its output lags its input."""

    def __call__(self, samples: Samples, /) -> Samples:
        """Return as many samples as came in, delayed by `delay`.

        Raises:
            EngineFailed: its state is lost; make a new one.
        """

    def close(self) -> None:
        """Give its state back; it is not called again."""


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


@dataclass(frozen=True, slots=True)
class Request:
    """One decode: the utterance so far and what is already known of it."""

    audio: Samples
    prefix: str = ""
    """Text the hypothesis must begin with; it is not repeated in the answer."""
    language: str | None = None
    """English name of the language; None lets the engine decide."""
    context: str = ""
    """Words that bias recognition."""
    final: bool = False
    """Finals are decoded before partials."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard. `prefix + text` is the whole of it."""

    pieces: Sequence[str]
    """The continuation after the prefix, in the engine's own text pieces; none ends inside a character."""
    language: str
    """English name, e.g. "English"; "" when nothing was recognised."""
    ended: Ended = Ended.STOP
    run_ms: int = 0

    @property
    def text(self) -> str:
        """The continuation after the prefix."""
        return "".join(self.pieces)


class Asr(Protocol):
    """A recogniser. Stateless and idempotent: any replica may serve any decode of any call.

    One that has a `device` (e.g. "CPU, int8") is announced with it at start-up.
    """

    name: str
    """For logs and metrics, e.g. "whisper-tiny.en"."""

    def check_language(self, language: str | None) -> None:
        """Accept `language` (English name, None for any).

        Raises:
            UnsupportedLanguage: the model does not know it.
        """

    async def decode(self, request: Request, /) -> Hypothesis:
        """Return what is said in `request.audio`. Cancelling drops the decode where it has not begun.

        Raises:
            BadRequest: audio of wrong shape or type, not finite, empty or longer than the engine takes.
            EngineFailed: this decode failed; another may succeed.
        """

    def close(self) -> None:
        """Free what was loaded; decodes under way fail with EngineFailed."""
