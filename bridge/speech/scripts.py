"""Scripts: which one a text is in, and which ones a language is written in. Pure."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Final

from bridge.speech.languages import code_of

_LATIN: Final = "LATIN"
_WRITTEN_IN: Final[Mapping[str, str]] = {
    "ARABIC": "ar fa ur ps sd",
    "ARMENIAN": "hy",
    "BENGALI": "bn as",
    "CJK": "zh yue ja ko",
    "CYRILLIC": "ru uk be bg mk kk mn tg tt ba",
    "DEVANAGARI": "hi mr ne sa",
    "ETHIOPIC": "am",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he yi",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "TIBETAN": "bo",
}
"""Codes of the languages that are written in each script, by the first word of the Unicode names of its letters.
Languages that are not here are written in Latin letters, or in several scripts."""
_INDIC: Final = frozenset("BENGALI DEVANAGARI GUJARATI GURMUKHI KANNADA MALAYALAM SINHALA TAMIL TELUGU".split())
"""Where recognisers stray into Latin letters, and a word of English is written in the script of the language."""


def script(text: str) -> str:
    """Return the script of most letters of `text`, as the first word of their Unicode names; "" where it has none."""
    counted = Counter(filter(None, map(_script_of, unicodedata.normalize("NFKC", text))))
    return counted.most_common(1)[0][0] if counted else ""


def scripts_of(language: str) -> frozenset[str]:
    """Return the scripts that a transcript of `language` (English name or code) may hold; empty where any may.

    Latin letters may stand in all but the languages of India, which write borrowed words as they hear them.
    """
    code = code_of(language)
    native = {name for name, codes in _WRITTEN_IN.items() if code in codes.split()}
    return frozenset(native | ({_LATIN} if native and not native & _INDIC else set()))


def letters_fit(text: str, scripts: frozenset[str]) -> bool:
    """Return whether each letter and vowel sign of `text` is of one of `scripts`; figures and marks are of all."""
    return all(not (used := _script_of(sign)) or used in scripts for sign in text)


@cache
def _script_of(sign: str) -> str:
    """Return the script of a letter or of a sign that is part of one, "" for anything else."""
    if not (sign.isalpha() or unicodedata.category(sign)[0] == "M"):
        return ""
    name = unicodedata.name(sign, "")
    return "" if name.startswith("COMBINING") else name.split("-")[0].partition(" ")[0]
