"""A voice activity detector that has only `is_speech`, as the original server's had."""

from typing import Protocol

from bot.api import Samples
from bridge.speech.api import EngineFailed


class IsSpeech(Protocol):
    """The interface of the original server's custom VADs."""

    def is_speech(self, audio: Samples, /) -> float:
        """Return the probability of speech in `audio`, 32 ms, 0.0 to 1.0. Called on the event loop: be quick."""


class PlainVad:
    """One call's VAD around an object that has only `is_speech`."""

    window = 512

    def __init__(self, inner: IsSpeech) -> None:
        self._inner = inner

    async def __call__(self, samples: Samples, /) -> float:
        try:
            return float(self._inner.is_speech(samples))
        except Exception as error:  # a plug-in: whatever it raises, this call's hearing is gone
            raise EngineFailed(f"{type(self._inner).__name__}.is_speech failed: {error}") from error
