"""What a model must be that tells whether the caller is done. Small on purpose: anyone can write one."""

from typing import Protocol

from bridge.speech.api import Samples


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
