"""Figures that are written together: counts, decimals, percentages, ordinals, years, ranges and long codes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from unicode_rbnf import FormatPurpose, RbnfEngine

from bot.spoken.languages import RULES
from bot.spoken.wording import Wording

FIGURES: Final = r"\d++(?:[.,]\d++)*+"
"""Figures with whatever groups them; never ends with a mark."""
SPACED: Final = r"\d{1,3}(?:[ \u00a0\u202f]\d{3})++(?!\d)(?:,\d++)?+"
_LONGEST: Final = 15
"""Figures of the longest number that is said as one: CLDR's rules end at 18, ears before."""
_CODE: Final = 7
"""Figures, written without a mark, from which on a number is an identifier: said one by one."""
_GROUP: Final = 3
_ENGINES: Final = {rules: RbnfEngine.for_language(rules) for rules in RULES}  # files: read before any call waits
_END: Final = r"\d{1,3}(?:[.,]\d{3})++|\d{1,6}"
_RANGE: Final = re.compile(rf"(?<![\w.,+\-\u2013/])({_END})( ?)[-\u2013]\2({_END})(?![\w\-\u2013/]|[.,]\d)")
_MARKED_RANGE: Final = re.compile(
    "(?:(?<=\\d)|(?<=\\d%)|(?<=\\dst)|(?<=\\dnd)|(?<=\\drd)|(?<=\\dth))"
    " ?[-\u2013] ?(?=[$\u20ac\u00a3\u20b9]\\d|\\d{1,3}(?:%|st|nd|rd|th))"
)
_SIGN: Final = r"(?:(?<!\S)[-\u2212](?=\d)|(?<!\S)\+(?=\d))?"
_HASH: Final = re.compile(r"(?<!\S)(?:# ?|N[or]\. ?|[Nn]\.?[\u00b0\u00ba] ?|[Nn]\u00fam\. ?|\u2116 ?)(?=\d)")
_PRODUCT: Final = re.compile(r"(?<=\d) ?[*\u00d7] ?(?=\d)")
_RATIO: Final = re.compile(r"(?<![\w:.,])(\d{1,3}):(\d{1,3})(?![\w:]|[.,]\d)")
_SLASH: Final = re.compile(r"(?<=\d)/(?=\d)")
_ALWAYS: Final = re.compile(r"(?<![\w/])24/7(?![\w/])")
_DECADE: Final = re.compile(r"(?<![\w.,])[\u2019']?(?P<century>1[1-9]|20)?(?P<tens>\d0)(?P<end>s|er)(?!\w)")


@dataclass(frozen=True, slots=True)
class Number:
    whole: str
    fraction: str = ""
    grouped: bool = False
    """Its figures were written in groups of three: it is a number, however long."""


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its figures in words; what else the figures may be was replaced before."""
    text = _DECADE.sub(lambda match: _decade(match, words), text)
    text = _HASH.sub(f"{words.number} ", text)
    text = _PRODUCT.sub(f" {words.times} ", text)
    if ":" in text:
        text = _RATIO.sub(rf"\1 {words.ratio or words.to} \2", text)
    text = _SLASH.sub(f" {words.slash} ", _ALWAYS.sub("24 7", text))
    for pattern, replacement in _special(words):
        text = pattern.sub(replacement, text)
    return _pattern(words).sub(lambda match: _spaced(match, _say(match, words), words), text)


def ranges(text: str, words: Wording) -> str:
    """Return `text` with a word between the ends of its ranges."""
    if "-" not in text and "\u2013" not in text:
        return text
    text = _MARKED_RANGE.sub(f" {words.to} ", text)
    return _RANGE.sub(rf"\1 {words.to} \3", text)


def plain_figures(text: str) -> str:
    """Return `text` with the digits of all scripts as 0-9."""
    if text.isascii():
        return text
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


def read(figures: str, words: Wording) -> Number | None:
    """Return what `figures` mean; None for a version, an address, or any other chain of numbers."""
    figures = re.sub(r"[ \u00a0\u202f]", "\u00a0", figures)
    marks = {mark for mark in figures if not mark.isdigit()}
    if not marks:
        return Number(figures)
    decimal = _decimal_mark(figures, marks, words)
    whole, _, fraction = figures.rpartition(decimal) if decimal else (figures, "", "")
    grouping = marks - {decimal}
    groups = re.split(r"\D", whole)
    if len(grouping) > 1 or not _grouped(groups):
        return None
    return Number("".join(groups), fraction, grouped=len(groups) > 1)


def say(number: Number, words: Wording, ruleset: str = "") -> str:
    """Return `number` in words, digit by digit where nobody would say it as one."""
    whole, fraction = number.whole, number.fraction
    if len(whole) > _LONGEST or (len(whole) > 1 and whole[0] == "0"):
        said = in_groups(whole, words) if len(whole) > _GROUP else digits(whole, words)
    elif len(whole) >= _CODE and not number.grouped and not fraction:
        said = in_groups(whole, words)
    elif words.years and not number.grouped and not fraction and len(whole) == 4 and whole[:2] in {"19", "20"}:
        said = year(int(whole), words)
    else:
        said = cardinal(int(whole), words, "" if fraction else ruleset)
    return f"{said} {words.point} {digits(fraction, words)}" if fraction else said


@lru_cache(maxsize=4096)
def _format(number: int, rules: str, ruleset: str, purpose: FormatPurpose) -> str:
    result = _ENGINES[rules].format_number(number, purpose)
    return result.text_by_ruleset.get(ruleset, result.text)


def cardinal(number: int, words: Wording, ruleset: str = "") -> str:
    """`number`: 0 to 10**15."""
    return _format(number, words.rules, ruleset, FormatPurpose.CARDINAL)


def ordinal(number: int, words: Wording, ruleset: str) -> str:
    """`number`: 0 to 10**15."""
    return _format(number, words.rules, ruleset, FormatPurpose.ORDINAL)


def year(number: int, words: Wording) -> str:
    purpose = FormatPurpose.YEAR if words.years else FormatPurpose.CARDINAL
    return _format(number, words.rules, "", purpose)


def digits(figures: str, words: Wording) -> str:
    """Return each of `figures` in words."""
    return " ".join(cardinal(int(figure), words) for figure in figures)


def in_groups(figures: str, words: Wording, groups: Sequence[str] = ()) -> str:
    """Return `figures` one by one, with a pause behind each of the `groups`, or every three."""
    if not groups:
        last = len(figures) - (len(figures) % _GROUP or _GROUP)
        if len(figures) - last == 1 and last:
            last -= _GROUP
        groups = [*(figures[i : i + _GROUP] for i in range(0, last, _GROUP)), figures[last:]]
    return ", ".join(digits(group, words) for group in groups)


def _decade(match: re.Match[str], words: Wording) -> str:
    """Return the words for 1990s, or 1990er."""
    century, tens = match["century"] or "", match["tens"]
    if match["end"] != words.decades or (tens == "00" and not century):
        return match[0]
    if words.decades == "er":
        return (cardinal(int(tens), words) if not century else year(int(century + tens), words)) + "er"
    if tens == "00":
        return "two thousands" if century == "20" else f"{cardinal(int(century), words)} hundreds"
    front = f"{cardinal(int(century), words)} " if century else ""
    return f"{front}{cardinal(int(tens), words).removesuffix('y')}ies" if tens != "10" else f"{front}tens"


@lru_cache(maxsize=16)
def _special(words: Wording) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return what becomes what because of the word beside it."""
    special = []
    if words.one:
        special.append((re.compile(rf"(?<![\w.,\-])1(?= {words.one[0]})"), words.one[1]))
    return tuple(special)


@lru_cache(maxsize=16)
def _pattern(words: Wording) -> re.Pattern[str]:
    figures = f"(?P<figures>{SPACED}|{FIGURES})" if words.spaced else f"(?P<figures>{FIGURES})"
    endings = "|".join(map(re.escape, sorted(words.ordinals, key=len, reverse=True)))
    ordinals = rf"(?P<ordinal>\.?(?:{endings})(?!\w))?" if endings else "(?P<ordinal>)"
    return re.compile(rf"(?P<sign>{_SIGN}){figures}{ordinals}(?P<percent>[ \u00a0\u202f]?%)?")


def _say(match: re.Match[str], words: Wording) -> str:
    number = read(match["figures"], words)
    signs = {"-": words.minus, "\u2212": words.minus, "+": words.plus}
    sign = f"{signs[match['sign']]} " if match["sign"] else ""
    if number is None:
        said = _chain(match["figures"], words)
    elif match["ordinal"] and not number.fraction and len(number.whole) <= _LONGEST:
        return sign + ordinal(int(number.whole), words, words.ordinals[match["ordinal"].lstrip(".")])
    else:
        said = say(number, words)
    percent = f" {words.percent}" if match["percent"] else ""
    return f"{sign}{said}{percent}"


def _chain(figures: str, words: Wording) -> str:
    parts = re.split(r"([^\d])", figures)
    whole, mark, *fraction = parts
    if mark == "." and len(fraction) == 1:  # the decimals of another language
        return f"{say(Number(whole), words)} {words.dot} {digits(fraction[0], words)}"
    pauses = {".": f" {words.dot} ", ",": ", "}
    return "".join(say(Number(part), words) if part.isdigit() else pauses.get(part, " ") for part in parts)


def _decimal_mark(figures: str, marks: set[str], words: Wording) -> str:
    """Return the mark before the decimals, or nothing."""
    last = next(mark for mark in reversed(figures) if not mark.isdigit())
    if last == "\u00a0" or figures.count(last) > 1:
        return ""
    return last if len(marks) > 1 or last == words.decimal else ""


def _grouped(groups: Sequence[str]) -> bool:
    """Threes, or an Indian number's twos before the last three."""
    if len(groups) == 1:
        return True
    first, *middle, last = groups
    even = {len(group) for group in middle}
    return 1 <= len(first) <= _GROUP and first[0] != "0" and len(last) == _GROUP and even in (set(), {2}, {_GROUP})


def _spaced(match: re.Match[str], said: str, words: Wording) -> str:
    """Keep the words of figures apart from letters beside them: "B2B"."""
    text = match.string
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    front = " " if before.isalnum() else ""
    back = " " if after.isalnum() and not text.startswith(words.attached or ("\0",), match.end()) else ""
    return front + said + back
