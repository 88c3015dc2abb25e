"""The languages whose figures are spoken here, and which of them a text is in."""

import re
from collections.abc import Mapping
from typing import Final

from bot.spoken.wording import Wording
from bot.spoken.wordings.english import ENGLISH, ENGLISH_ELSEWHERE, ENGLISH_INDIA
from bot.spoken.wordings.french import FRENCH
from bot.spoken.wordings.german import GERMAN
from bot.spoken.wordings.hindi import HINDI
from bot.spoken.wordings.spanish import SPANISH

_BY_LANGUAGE: Final[Mapping[str, Wording]] = (
    {"english": ENGLISH, "en": ENGLISH, "en-us": ENGLISH, "en-in": ENGLISH_INDIA}
    | {"german": GERMAN, "de": GERMAN, "spanish": SPANISH, "es": SPANISH, "french": FRENCH, "fr": FRENCH}
    | {"hindi": HINDI, "hi": HINDI}
)
RULES: Final = tuple(sorted({words.rules for words in _BY_LANGUAGE.values()}))
"""What is needed of CLDR."""
_LATIN: Final = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")
_DEVANAGARI: Final = re.compile("[\u0904-\u0939\u0958-\u0961\u0971-\u097f]")
_OTHER: Final = re.compile(
    "[^\\W\\d_A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff\u0904-\u0939\u0958-\u0961\u0971-\u097f]"
)


def wording_of(language: str, text: str) -> Wording | None:
    """Return how figures in `text` are spoken, None where the voice knows better.

    `language`: an English name ("Hindi") or a tag ("hi", "en-GB"). What most letters are overrules it: Devanagari is
    read in Hindi, Hindi in Latin letters with English numbers, and other scripts by the voice.
    """
    named = _named(language)
    latin, devanagari, other = (len(script.findall(text)) for script in (_LATIN, _DEVANAGARI, _OTHER))
    if devanagari and (named is HINDI or (devanagari > latin + other and named in _INDIAN)):
        return HINDI
    if devanagari + other > latin:
        return None
    return ENGLISH_INDIA if named is HINDI and latin else named


def _named(language: str) -> Wording | None:
    tag = language.strip().lower().replace("_", "-")
    base = tag.partition("-")[0]
    if tag in _BY_LANGUAGE:
        return _BY_LANGUAGE[tag]
    return ENGLISH_ELSEWHERE if base == "en" else _BY_LANGUAGE.get(base)


_INDIAN: Final = frozenset({HINDI, ENGLISH, ENGLISH_ELSEWHERE, ENGLISH_INDIA})
"""Who names these may also say Hindi."""
