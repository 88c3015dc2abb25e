"""Languages: English names outside, and an engine's own names inside."""

import re
from collections.abc import Mapping
from typing import Final

from bot.languages import ENGLISH_NAMES

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "burmese": "my",
    "castilian": "es",
    "filipino": "tl",
    "flemish": "nl",
    "haitian": "ht",
    "mandarin": "zh",
    "moldovan": "ro",
    "panjabi": "pa",
    "sinhalese": "si",
    "valencian": "ca",
}

_CODES: Final[Mapping[str, str]] = {
    **{name.casefold(): code for code, name in ENGLISH_NAMES.items()},
    **_OTHER_NAMES,
    **{code: code for code in ENGLISH_NAMES},
}


def code_of(language: str) -> str | None:
    """Return the code of a language given by English name (or by code) in any case; None if there is none."""
    return _CODES.get(language.strip().casefold())


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
