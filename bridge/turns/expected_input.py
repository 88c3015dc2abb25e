"""What the bot's own words make it expect next: what it says so (`Say`), and whether it asks. Pure."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from bot.api import Expect, Say
from bridge.speech.dictation import is_question
from bridge.turns.endpointing import Expected

_TAIL: Final = 200
"""Characters at the end that tell a question."""


class ExpectedInput:
    """Of one reply, while it is made."""

    def __init__(self) -> None:
        self._kind, self._digits, self._end = Expect.ANYTHING, 0, ""

    def add(self, text: str) -> None:
        """Heed the next piece of what the bot says; of several that expect something, the last counts."""
        self._end = (self._end + text)[-_TAIL:]
        if isinstance(text, Say) and text.expect is not Expect.ANYTHING:
            self._kind, self._digits = text.expect, text.digits

    async def follow(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Pass `texts` on and heed them; closes them."""
        async with aclosing(texts):
            async for text in texts:
                self.add(text)
                yield text

    @property
    def expected(self) -> Expected:
        """What is expected after all that was added."""
        return Expected(self._kind, self._digits, asked=is_question(self._end))
