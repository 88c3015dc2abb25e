"""Text cut into clauses, as they are spoken one after the other. Pure: a model makes one at a time, and it whole."""

# ruff: noqa: RUF001 - the punctuation of many scripts is what this module is about
import re
from collections.abc import Iterator
from typing import Final

FIRST: Final = 12
"""Characters from which the first clause may be spoken alone, so that the caller hears something soon."""
SECOND: Final = 36
"""Characters up to which the next clauses are spoken together: made in the time that the first one lasts."""
LONG: Final = 80
"""Characters up to which later clauses are spoken together: 5 s of speech, which no other call waits long for."""
LONGEST: Final = 120
"""Characters from which a clause is cut where nothing but a space is."""
_EARLY: Final = 60
"""Characters of a first clause from which it is cut before a word that joins clauses."""
_LEAST: Final = 20
"""Characters before such a word, at least."""

_PLAIN: Final = str.maketrans(
    {"।": ".", "॥": ".", "。": ".", "．": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ";", "：": ":"}
    | {"¿": None, "¡": None, "–": "—", "؟": "?", "،": ",", "؛": ";", "۔": "."}
)
_ELLIPSIS: Final = re.compile(r"\.{2,}")
_DASH: Final = re.compile(r"(?<=\s)-+(?=\s)")
CLOSERS: Final = "\"'”’»›)"
"""What may stand behind a mark and belong to the same clause."""
_MARKS: Final = re.compile(rf"[,;:.!?…—]+[{CLOSERS}]*(?=\s|$)|—")
"""Marks end a clause before white space only: not in 3,450.50 or 9:30."""
_JOINING: Final = re.compile(
    r"\s(?=(?:and|but|or|because|which|that|so|y|pero|o|porque|que|et|mais|ou|parce|qui|e|ma|perché|che|mas|und|aber|oder"
    r"|dass|weil|और|लेकिन|या|कि|तो|इसलिए)\s)"
)


def clauses(text: str) -> list[str]:
    """Return what to speak one after the other; each has its mark at its end, written as ,;:.!?… or —.

    The first is short where the text lets it be. What has no letter and no figure is left out.
    """
    pieces: list[str] = []
    for clause in _clauses(plain(text)):
        if pieces and _goes_with(clause, pieces):
            pieces[-1] += " " + clause
        else:
            pieces += _shortened(clause, first=len(pieces) < 2)
    return pieces


def _goes_with(clause: str, pieces: list[str]) -> bool:
    """Tell whether `clause` is spoken together with the last of `pieces`."""
    if len(pieces) == 1 and len(pieces[-1]) >= FIRST:
        return False
    return len(pieces[-1]) + len(clause) < (SECOND if len(pieces) <= 2 else LONG)


def plain(text: str) -> str:
    """Return `text` in one line, its punctuation as Latin scripts write it."""
    return " ".join(_DASH.sub("—", _ELLIPSIS.sub("…", text.translate(_PLAIN))).split())


def marks_apart(clause: str) -> list[str]:
    """Return the words and the marks of `clause` by turns, beginning with words, which may be ""."""
    parts, at = [], 0
    for marks in _MARKS.finditer(clause):
        parts += [clause[at : marks.start()].strip(), marks[0]]
        at = marks.end()
    return [*parts, clause[at:].strip()]


def _clauses(text: str) -> Iterator[str]:
    at = 0
    for marks in _MARKS.finditer(text):
        clause, at = text[at : marks.end()].strip(), marks.end()
        if any(map(str.isalnum, clause)):
            yield clause
    if any(map(str.isalnum, text[at:])):
        yield text[at:].strip()


def _shortened(clause: str, *, first: bool) -> list[str]:
    """Cut a long clause before words that join, else at a space, else anywhere."""
    cut: list[str] = []
    while len(clause) > (_EARLY if first and not cut else LONGEST):
        joints = [joint.start() for joint in _JOINING.finditer(clause, _LEAST, LONGEST)]
        if not joints and len(clause) <= LONGEST:
            break
        joint = joints[0 if first and not cut else -1] if joints else 0
        at = joint or clause.rfind(" ", _LEAST, LONGEST)
        at = at if at > 0 else LONGEST
        cut.append(clause[:at].strip())
        clause = clause[at:].strip()
    return [*cut, clause] if clause else cut
