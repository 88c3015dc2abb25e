"""Languages: English names outside, and an engine's own names inside."""

import re
from typing import Final

from bot.languages import ENGLISH_NAMES, code_of

__all__ = ["Known", "code_of"]


class Known:
    """The languages one engine knows, by the names it has for them."""

    def __init__(self, names: frozenset[str] | None) -> None:
        """Take English names; None: not known, any may be asked for."""
        self._names = None if names is None else {_key(name): name for name in names}

    def spelling(self, language: str) -> str | None:
        """Return the engine's name of `language` (English name or code, any case); None if it does not know it."""
        if self._names is not None:
            return self._names.get(_key(language))
        if code := code_of(language):
            return ENGLISH_NAMES[code]
        return language.strip() if _NAME.fullmatch(language.strip()) else None


_NAME: Final = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+){0,3}")
"""What may be the name of an unknown language. Control marks of a model may not."""


def _key(language: str) -> str:
    return code_of(language) or language.strip().casefold()
