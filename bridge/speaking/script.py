"""From the text of a reply, while it is written, to the sentences that are spoken."""

from collections.abc import AsyncGenerator, AsyncIterator

from bot.api import Say
from bot.model_markup import ModelMarkup
from bot.sentences import SentenceCutter


async def script(texts: AsyncIterator[str], language: str = "") -> AsyncGenerator[Say, None]:
    """Yield each sentence of `texts`, in `language`, once it is whole, as interruptible as its text; closes `texts`.

    What is a model's own, its thoughts and calls of tools, is left out.
    """
    draft = _Draft(language)
    try:
        async for text in texts:
            whole = draft.end() + _cut(text, language) if isinstance(text, Say) else draft.add(text)
            for sentence in whole:
                yield sentence
        for rest in draft.end():
            yield rest
    finally:
        if isinstance(texts, AsyncGenerator):  # a plain iterator has nothing to close
            await texts.aclose()


class _Draft:
    """Text that is still being written."""

    def __init__(self, language: str, *, eager: bool = True) -> None:
        self._markup, self._cutter = ModelMarkup(), SentenceCutter(eager=eager, language=language)

    def add(self, text: str) -> list[Say]:
        """Return the sentences that `text` made whole."""
        aloud = self._markup.feed(text)
        if self._markup.thoughts_before:
            self._cutter.flush()
        return [Say(sentence) for sentence in self._cutter.feed(aloud)]

    def end(self) -> list[Say]:
        """Return what is left; another text may follow."""
        whole = [*self._cutter.feed(self._markup.flush()), *self._cutter.flush()]
        self._markup = ModelMarkup()
        return [Say(sentence) for sentence in whole]


def _cut(text: Say, language: str) -> list[Say]:
    draft = _Draft(language, eager=False)
    return [Say(part, interruptible=text.interruptible) for part in (*draft.add(str(text)), *draft.end())]
