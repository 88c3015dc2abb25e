"""From the text of a reply, while it is written, to the sentences that are spoken."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from bot.api import Say
from bot.model_markup import ModelMarkup
from bot.sentences import SentenceCutter

_ENDS: Final = (".", "!", "?", "\u2026", "\u0964", "\u3002", "\uff01", "\uff1f")
_CLOSING: Final = " \"')]\u201d\u2019\u00bb"


async def script(texts: AsyncIterator[str], language: str = "") -> AsyncGenerator[Say, None]:
    """Yield each sentence of `texts`, in `language`, once it is whole, as interruptible as its text; closes `texts`.

    What is a model's own, its thoughts and calls of tools, is left out.

    Raises:
        whatever `texts` raises, behind the sentences that were whole by then.
    """
    draft = _Draft(language)
    try:
        async for text in texts:
            if isinstance(text, Say) and not text.goes_on:
                whole = draft.end() + _cut(text, language)
            else:
                whole = [] if draft.alike(text) else draft.end()
                whole += draft.add(text)
            for sentence in whole:
                yield sentence
        for rest in draft.end():
            yield rest
    except Exception:  # whatever it is, it takes no word back
        for rest in draft.end():
            if rest.rstrip(_CLOSING).endswith(_ENDS):
                yield rest
        raise
    finally:
        if isinstance(texts, AsyncGenerator):  # a plain iterator has nothing to close
            await texts.aclose()


class _Draft:
    """Text that is still being written."""

    def __init__(self, language: str, *, eager: bool = True) -> None:
        self._markup, self._cutter = ModelMarkup(), SentenceCutter(eager=eager, language=language)
        self._how = Say("")  # what interrupts it

    def alike(self, text: str) -> bool:
        """Return whether a sentence that was begun may go on in `text`: the same interrupts both."""
        how = text if isinstance(text, Say) else Say("")
        return (how.interruptible, how.keys_interrupt) == (self._how.interruptible, self._how.keys_interrupt)

    def add(self, text: str) -> list[Say]:
        """Return the sentences that `text` made whole."""
        self._how = text if isinstance(text, Say) else Say("")
        aloud = self._markup.feed(str(text))
        if self._markup.thoughts_before:
            self._cutter.flush()
        return self._said(self._cutter.feed(aloud))

    def end(self) -> list[Say]:
        """Return what is left; another text may follow."""
        whole = [*self._cutter.feed(self._markup.flush()), *self._cutter.flush()]
        self._markup = ModelMarkup()
        return self._said(whole)

    def _said(self, sentences: list[str]) -> list[Say]:
        how = self._how
        return [Say(each, interruptible=how.interruptible, keys_interrupt=how.keys_interrupt) for each in sentences]


def _cut(text: Say, language: str) -> list[Say]:
    draft = _Draft(language, eager=False)
    return [*draft.add(text), *draft.end()]
