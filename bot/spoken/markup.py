"""Written text without what only eyes take in: markup, pictures, invisible characters.

No CommonMark parser: a reply is spoken sentence by sentence while it is written, so emphasis and links arrive cut in
two, and lines that a parser calls a list ("3. April", "+1 415") are dates and telephone numbers here.
"""

import html
import re
import unicodedata
from typing import Final

_FENCED: Final = re.compile(r"(?:```|~~~)(?:(?!```|~~~).)*+(?:```|~~~|\Z)", re.DOTALL)
_RULE: Final = re.compile(r"^[ \t]{0,40}\|?[ \t:]{0,4}[-=_*]{3,}+[ \t|:\-]*+$", re.MULTILINE)
_ROW: Final = re.compile(r"^[ \t]{0,40}\|(.*+)$", re.MULTILINE)
_BEFORE: Final = re.compile(
    r"^[ \t]{0,40}(?:>[ \t]{0,3}){0,20}(?:#{1,6}(?=\s)|[*+\-](?=[ \t]))?(?:[ \t]{1,4}\[[ xX]\](?=\s))?", re.MULTILINE
)
_BEHIND: Final = re.compile(r"(?<=\s)#{1,6}[ \t]*+$", re.MULTILINE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_AUTOLINK: Final = re.compile(r"<((?:https?://|mailto:)[^\s<>]{1,2000}|[^\s<>@]{1,64}@[^\s<>@]{1,255})>")
_TARGET: Final = re.compile(
    r"\](?:\((?:[^()\s]++|\([^()\s]*+\))*+(?:\s(?:\"[^\"()]{0,300}\"|'[^'()]{0,300}'))?\)|\[[^\[\]\s]{0,100}\])"
)
_DROPPED: Final = re.compile(
    r"<!--(?:(?!-->).)*+(?:-->|\Z)"
    "|<[|\uff5c][^<>\\s]{1,60}>"  # a mark of a language model
    r"|</?[A-Za-z][\w:\-]{0,30}(?:\s[^<>=]{0,100}=[^<>]{0,300})?\s?/?>"
    r"|\[\^[^\[\]\s]{1,40}\]:?"  # a footnote
    "|\u3010[^\u3010\u3011]{1,80}\u3011"  # what some models put around their sources
    r"|!?\[|\]"
    r"|~~++|`++"
    r"|\*{2,}+|(?<=\S)\*(?!\d)|(?<!\d)\*(?=\S)|\A\*|\*\Z"  # not the sign of multiplication
    r"|(?<![^\W_])_++|_++(?![^\W_])"  # not snake_case
    r"|(?<!\S)[:;]-?[()DPp](?!\w)"
    # Arrows, signs and pictures, with what joins and colours them; not circled figures, degrees or mathematics.
    "| ?(?:[\u00a9\u00ae\u2022\u2122\u2190-\u21ff\u2300-\u245f\u2500-\u2775\u2794-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff\U0001f10d-\U0001faff\U000e0020-\U000e007f\ufe0e\ufe0f\u20e3]"
    "\u200d?)++",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_JOINERS: Final = frozenset("\u200b\u200c\u200d")
"""Invisible, but part of how words of many scripts are written."""
_VISIBLE: Final = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u08e2")
"""Signs before Arabic figures, which Unicode files with the invisible."""


def plain(text: str, *, code: str = "") -> str:
    """Return `text` on one line, `code` instead of each block of code. The text of links stays, and so do addresses."""
    text = _FENCED.sub(f" {code} ", text)
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = _without_lines(text)
    text = _TARGET.sub("]", _AUTOLINK.sub(r"\1", text))
    text = _DROPPED.sub(_gap, _ESCAPE.sub("", text))
    return " ".join(_visible(text).split())


def _without_lines(text: str) -> str:
    """Take away what markup puts at the ends of lines, and the bars of tables."""
    text = _RULE.sub("", text)
    text = _ROW.sub(lambda row: ", ".join(cell.strip() for cell in row[1].strip().strip("|").split("|")), text)
    return _BEHIND.sub("", _BEFORE.sub("", text))


def _gap(match: re.Match[str]) -> str:
    """Keep words apart that only a mark kept apart."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    emphasis = match[0][0] in "*_~`"
    return " " if before.isalnum() and after.isalnum() and not emphasis else ""


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(_or_nothing(text, index) for index in range(len(text)))


def _or_nothing(text: str, index: int) -> str:
    character = text[index]
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    if category in {"Cs", "Co"}:
        return ""
    if category != "Cf" or character in _VISIBLE:
        return character
    around = text[index - 1 : index] + text[index + 1 : index + 2]
    joins = character in _JOINERS and len(around) == len("ab")
    return character if joins and all(unicodedata.category(c)[0] in "LM" for c in around) else ""
