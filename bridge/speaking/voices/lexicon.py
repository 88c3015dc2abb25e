"""How names and brands are said: words that a voice gets instead of what is written. Pure.

Names and brands are not read by rule.

    Lexicon({"Spinny": "Spinnee", "AT&T": "A T and T"}).apply("Spinny's at AT&T", ipa=False)
        == "Spinnee's at A T and T"
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_ENTRIES: Final = 10_000
"""Of one language. What is more is no lexicon, and is refused."""
LONGEST: Final = 200
"""Characters of a word, and of what is said for it."""
LARGEST_FILE: Final = 2_000_000
"""Bytes."""

_IPA: Final = re.compile(r"/[^/\s][^/]*/")


@dataclass(slots=True)
class _Node:
    """A word of entries that begin alike."""

    following: dict[str, "_Node"] = field(default_factory=dict)
    exact: dict[tuple[str, ...], str] = field(default_factory=dict)
    """What is said where the entry ends here, if it is written just so."""
    anyhow: str | None = None
    """What is said whatever the case."""


class Lexicon:
    """The pronunciations of one language."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        """`entries`: a word, or several, as written -> what the voice reads for it; in slashes it is IPA.

        Raises:
            ValueError: an entry is empty or too long, or there are too many.
        """
        if len(entries) > MOST_ENTRIES:
            raise ValueError(f"{len(entries)} entries; allowed: {MOST_ENTRIES} a language")
        self.entries: Final = entries
        self._root = _Node()
        self.in_ipa = 0
        """How many entries only voices that take phonemes can read."""
        for word, aloud in entries.items():
            self._add(word, aloud.strip())

    def apply(self, text: str, *, ipa: bool) -> str:
        """Return `text` with the longest entries first, whole words only; of equal length, the one of the same case.

        An entry in capitals ("US") is for capitals alone; any other is for every case. `ipa`: the voice takes
        phonemes; entries that are such are left out otherwise. Takes time in proportion to the length of `text`.
        """
        if not self._root.following:
            return text
        tokens, said, at = _tokens(unicodedata.normalize("NFC", text)), list[str](), 0
        while at < len(tokens):
            length, aloud = self._longest(tokens, at, ipa=ipa)
            said.append(aloud if length else tokens[at])
            at += length or 1
        return "".join(said)

    def _add(self, word: str, aloud: str) -> None:
        tokens = _tokens(" ".join(unicodedata.normalize("NFC", word).split()))
        if not any(map(_is_word, tokens)) or not aloud or max(len(word), len(aloud)) > LONGEST:
            raise ValueError(
                f"{word[:40]!r} = {aloud[:40]!r}; allowed: a word with a letter or a figure, and what is said for it, "
                f"of at most {LONGEST} characters each"
            )
        self.in_ipa += is_ipa(aloud)
        node = self._root
        for token in tokens:
            node = node.following.setdefault(token.casefold(), _Node())
        node.exact[tuple(tokens)] = aloud
        if not _in_capitals(word):
            node.anyhow = aloud

    def _longest(self, tokens: Sequence[str], at: int, *, ipa: bool) -> tuple[int, str]:
        """Return how many tokens from `at` on the longest entry has, and what is said for it; 0 is none."""
        node, found = self._root, (0, "")
        for length in range(1, min(LONGEST, len(tokens) - at) + 1):
            token = tokens[at + length - 1]
            following = node.following.get(" " if token.isspace() else token.casefold())
            if following is None:
                break
            node = following
            written = tuple(" " if each.isspace() else each for each in tokens[at : at + length]) if node.exact else ()
            aloud = node.exact.get(written, node.anyhow)
            if aloud is not None and (ipa or not is_ipa(aloud)):
                found = length, aloud
        return found


def is_ipa(aloud: str) -> bool:
    """Return whether `aloud` is phonemes, between slashes."""
    return _IPA.fullmatch(aloud) is not None


def _in_capitals(word: str) -> bool:
    return word.isupper() and sum(map(str.isalpha, word)) > 1


def _is_word(token: str) -> bool:
    return any(map(str.isalnum, token))


def _tokens(text: str) -> list[str]:
    """Cut `text` into words, gaps and single signs; together they are `text`. Vowel signs are parts of their word."""
    return list(_cut(text))


def _cut(text: str) -> Iterator[str]:
    begin, kind = 0, ""
    for at, sign in enumerate(text):
        now = _kind(sign)
        if at > begin and (now != kind or not now):
            yield text[begin:at]
            begin = at
        kind = now
    if begin < len(text):
        yield text[begin:]


def _kind(sign: str) -> str:
    """Return what goes on in the same token: letters, figures and marks, or white space; any other sign is alone."""
    if sign.isspace():
        return "space"
    return "word" if sign.isalnum() or unicodedata.category(sign).startswith("M") else ""
