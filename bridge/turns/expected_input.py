"""What the bot expects the caller to say next, read from its own words. Pure.

A `Say` states it; a question mark at the end tells that the bot asked.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from bot.api import Expect, Say
from bridge.speech.dictation import is_question
from bridge.turns.endpointing import Expected

_TAIL: Final = 200
"""Characters at the end of the reply that are searched for a question."""


class ExpectedInput:
    """Reads one reply, piece by piece, while it is made."""

    def __init__(self) -> None:
        self._kind, self._digits, self._end = Expect.ANYTHING, 0, ""

    def add(self, text: str) -> None:
        """Read the next piece of the reply. If several pieces expect something, the last one counts."""
        self._end = (self._end + text)[-_TAIL:]
        if isinstance(text, Say) and text.expect is not Expect.ANYTHING:
            self._kind, self._digits = text.expect, text.digits

    async def follow(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Yield `texts` and read them; closes them."""
        async with aclosing(texts):
            async for text in texts:
                self.add(text)
                yield text

    @property
    def text(self) -> str:
        """The end of what was said so far, up to 200 characters."""
        return self._end

    @property
    def expected(self) -> Expected:
        """What the bot expects after all pieces so far."""
        return Expected(self._kind, self._digits, asked=is_question(self._end))
