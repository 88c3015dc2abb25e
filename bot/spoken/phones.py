"""Telephone numbers: figure by figure, with a pause where the writer left a gap."""

import re
from typing import Final

from bot.spoken import numbers
from bot.spoken.wording import Wording

_GAP: Final = r"[ \u00a0\u202f.\-/()]{1,3}"
_ABROAD: Final = re.compile(rf"(?<![\w+])\+\d{{1,15}}(?:{_GAP}\d{{1,15}}){{0,7}}(?!\w)")
_AT_HOME: Final = re.compile(
    rf"(?<![\w.,+(\-/])\(?0\d{{1,5}}\)?(?:{_GAP}\d{{2,8}}){{1,6}}(?![\w])"  # with the trunk prefix: 030 123456
    r"|(?<![\w.,+(\-/])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w\-/])"  # of North America
    r"|(?<![\w.,+(\-/])\d{3}-\d{4}(?![\w\-/])"
    r"|(?<![\w.,+(\-/])[6-9]\d{4}[- ]\d{5}(?![\w\-/])"  # of India
)
_FEWEST: Final = 7
_MOST: Final = 15
_NATIONAL: Final = 10
"""Figures of a number in North America."""


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its telephone numbers in words."""
    for pattern in (_ABROAD, _AT_HOME):
        text = pattern.sub(lambda match: _say(match[0], words), text)
    return text


def _say(written: str, words: Wording) -> str:
    groups = re.findall(r"\d+", written.replace("(0)", " "))  # "+49 (0) 30": nobody dials that zero
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
