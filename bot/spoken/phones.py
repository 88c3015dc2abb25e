"""Telephone numbers: figure by figure, with a pause where the writer left a gap."""

import re
from typing import Final

from bot.spoken import numbers
from bot.spoken.wording import Wording

_GAP: Final = r"[ \u00a0\u202f.\-/()]{1,3}"
_ABROAD: Final = re.compile(rf"(?<![\w+])\+\d{{1,15}}(?:{_GAP}\d{{1,15}}){{0,7}}(?!\w)")
_AT_HOME: Final = re.compile(
    rf"(?<![\w.,+(\-/])(?<!\d[ \-])\(?0\d{{1,5}}\)?(?:{_GAP}\d{{2,8}}){{1,6}}(?![\w])"  # with a trunk prefix
    r"|(?<![\w.,+(\-/])0 \d{3}(?: \d{2,3}){2,3}(?![\w])"  # of France, free of charge: 0 800 123 456
    r"|(?<![\w.,+(\-/])(?:1[-. ]{1,2})?(?:\(\d{3}\)[-. ]?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w\-/])"  # of North America
    r"|(?<![\w.,+(\-/])1[-. ]8\d\d[-. ][A-Z][A-Z\-]{2,11}(?![\w\-])"  # and in letters: 1-800-FLOWERS
    r"|(?<![\w.,+(\-/])1[3589]00[- ]\d{2,3}[- ]\d{3,4}(?![\w\-/])"  # of Australia and India: 1300 975 707
    r"|(?<![\w.,+(\-/])[679]\d\d(?:[ -]\d\d){3}(?![\w\-/])|"
    r"(?<![\w.,+(\-/])9\d[ -]\d{3}(?:[ -]\d\d){2}(?![\w\-/])"  # Spain
    r"|(?<![\w.,+(\-/])\d{3}-\d{4}(?![\w\-/])"
    r"|(?<![\w.,+(\-/])[6-9]\d{4}[- ]\d{5}(?![\w\-/])"  # of India
)
_FEWEST: Final = 7
_MOST: Final = 15
_NATIONAL: Final = 10
"""Figures of a number in North America."""


_IN_THREES: Final = re.compile(r"(?<![\w.,+(\-/])[6-9]\d\d(?:[ -]\d{3}){2}(?![\w\-/]|[ .,]\d)")
"""Nine figures, where spaces group no numbers: Spain, Portugal, Poland."""


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its telephone numbers in words."""
    for pattern in (_ABROAD, _AT_HOME) if words.spaced else (_ABROAD, _AT_HOME, _IN_THREES):
        text = pattern.sub(lambda match: _say(match[0], words), text)
    return text


def _say(written: str, words: Wording) -> str:
    groups = re.findall(r"\d+", written.replace("(0)", " "))  # "+49 (0) 30": nobody dials that zero
    if letters := re.search(r"[A-Z][A-Z\-]+$", written):
        return f"{numbers.in_groups('', words, groups)}, {letters[0].replace('-', ' ')}"
    if not _FEWEST <= sum(map(len, groups)) <= _MOST:
        return written
    front = f"{words.plus} " if written.startswith("+") else ""
    if front and len(groups) == 1:
        groups = _parted(groups[0])
    if words.pairs:
        return front + ", ".join(_pair(group, words) for group in groups)
    return front + numbers.in_groups("", words, groups)


def _parted(figures: str) -> list[str]:
    if figures[0] == "1" and len(figures) == _NATIONAL + 1:
        return [figures[0], figures[1:4], figures[4:7], figures[7:]]
    return [figures[i : i + 3] for i in range(0, len(figures), 3)]


def _pair(group: str, words: Wording) -> str:
    if len(group) > 2 or group[0] == "0":
        return numbers.digits(group, words)
    return numbers.cardinal(int(group), words)
