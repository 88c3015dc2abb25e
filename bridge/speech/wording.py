"""The words of each language that tell how long to wait for more: data in words/, one file a language code."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Final

from bridge.speech.languages import code_of

_FOLDER: Final = files("bridge.speech").joinpath("words")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Words and phrases of one language, lower case, phrases with spaces. Empty where nothing is known of it."""

    answers: frozenset[str] = frozenset()
    """Words that answer a question alone: yes, no, okay, tomorrow."""
    digits: frozenset[str] = frozenset()
    """Words that are dictated digit by digit, "double" among them."""
    numbers: frozenset[str] = frozenset()
    """Words for more than one digit."""
    letters: frozenset[str] = frozenset()
    """Words of spelling alphabets that stand for a letter."""
    spelled_as: frozenset[str] = frozenset()
    """Words between a letter and its example: "B as in boy"."""
    capital: frozenset[str] = frozenset()
    """Words for a letter or for a sign."""
    at: frozenset[str] = frozenset()
    """The @ of an e-mail address, spoken."""
    dot: frozenset[str] = frozenset()
    fillers: frozenset[str] = frozenset()
    """Sounds and words of a caller who still thinks."""
    never_last: frozenset[str] = frozenset()
    """Words that never end a sentence, even if the recogniser wrote a full stop."""
    seldom_last: frozenset[str] = frozenset()
    """Words that seldom end a sentence. They count if the recogniser wrote no full stop."""


def wording(language: str) -> Wording:
    """Return the words of `language` (English name or code); empty ones if it has no file."""
    return _KNOWN.get(code_of(language) or "", _UNKNOWN)


def languages() -> frozenset[str]:
    """Return the codes of the languages with a file of words."""
    return frozenset(_KNOWN)


def parse(text: str) -> Wording:
    """Read the TOML of one language: each key a string of words, those of a phrase joined by hyphens.

    Raises:
        ValueError: a key is unknown or missing, or not a string of words.
    """
    entries = tomllib.loads(text)
    known = {field.name for field in fields(Wording)}
    if odd := sorted(known ^ entries.keys()):
        raise ValueError(f"{', '.join(odd)}: missing or unknown; a language has {', '.join(sorted(known))}")
    if wrong := [name for name, value in entries.items() if not isinstance(value, str)]:
        raise ValueError(f"{', '.join(wrong)}: must be a string of words")
    return Wording(**{name: _split(value) for name, value in entries.items()})


def _split(words: str) -> frozenset[str]:
    return frozenset(word.replace("-", " ").casefold() for word in words.split())


def _load() -> Mapping[str, Wording]:
    """Read all files; on import, so that no call ever waits for the disk."""
    found = (file for file in _FOLDER.iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): parse(file.read_text("utf-8")) for file in found}


_KNOWN: Final = _load()
_UNKNOWN: Final = Wording()
