"""Text that a voice cannot read: in what script it is, and what would help. Pure."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Final

from bot.languages import named
from bridge.speech.scripts import script

_WRITTEN_SO: Final[Mapping[str, str]] = {
    "ARABIC": "Arabic, Persian, Urdu",
    "ARMENIAN": "Armenian",
    "BENGALI": "Bengali, Assamese",
    "CJK": "Chinese, Japanese",
    "CYRILLIC": "Russian, Ukrainian, Bulgarian, Serbian",
    "DEVANAGARI": "Hindi, Marathi, Nepali",
    "ETHIOPIC": "Amharic",
    "GEORGIAN": "Georgian",
    "GREEK": "Greek",
    "GUJARATI": "Gujarati",
    "GURMUKHI": "Punjabi",
    "HANGUL": "Korean",
    "HEBREW": "Hebrew",
    "HIRAGANA": "Japanese",
    "KANNADA": "Kannada",
    "KATAKANA": "Japanese",
    "KHMER": "Khmer",
    "LAO": "Lao",
    "MALAYALAM": "Malayalam",
    "MYANMAR": "Burmese",
    "SINHALA": "Sinhala",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "THAI": "Thai",
    "TIBETAN": "Tibetan",
}
"""Languages that a script is mostly used for, by the first word of the Unicode names of its letters."""


def speaks(voice: object, language: str) -> bool:
    """Return whether `voice` says that it speaks `language` (English name or tag), in its `languages` or `language`.

    One that says nothing may speak any or none, and is not relied on.
    """
    known = getattr(voice, "languages", ()) or (getattr(voice, "language", ""),)
    return bool(language) and any(one and named(one) == named(language) for one in known)


@cache
def languages_written_in() -> Mapping[str, Sequence[str]]:
    """Return the English names of the languages that each script is mostly used for; Latin is not among them."""
    return {script: languages.split(", ") for script, languages in _WRITTEN_SO.items()}


def foreign_words(text: str, scripts: Collection[str]) -> tuple[int, int]:
    """Return how many words of `text` are in none of `scripts`, and how many words there are; figures are of all."""
    words = [word for word in text.split() if any(map(str.isalnum, word))]
    return sum(bool(used := script(word)) and used not in scripts for word in words), len(words)


def why(text: str, *, voice: str, language: str) -> str:
    """Return what to tell who runs the bridge: why nobody heard `text`, and which option helps. Holds no word of it.

    `voice`: its name. `language`: what it speaks, "" is not known.
    """
    used = script(text)
    if not used:
        return f"{len(text)} characters without a letter or a figure have no sound: the bot has to yield words"
    known = f" ({_WRITTEN_SO[used]})" if used in _WRITTEN_SO else ""
    speaks = f", which speaks {language}," if language else ""
    return (
        f"the voice {voice}{speaks} makes no sound of {len(text)} characters in {used}{known}: "
        "name a voice that reads them in --voices (docs/voices.md), or have the bot answer in the language of this one"
    )
