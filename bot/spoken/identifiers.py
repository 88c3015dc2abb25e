"""Codes, cards, orders, accounts, tickets and short numbers to dial: said figure by figure, never as quantities."""

import re
from functools import lru_cache
from typing import Final

from bot.spoken import numbers
from bot.spoken.wording import Wording

_FEWEST: Final = 3
"""Figures of an identifier that only the word before it shows."""
_AT_ONCE: Final = 5
"""Figures that are said without a pause."""
_RUN: Final = r"(?:[A-Z]{1,5}[- ]?)?\d[\dA-Z]*+(?:[- ][A-Z]{0,3}\d[\dA-Z]*+(?!\w)){0,7}+"
_NO_MORE: Final = r"(?!\w|\) ?\d|[.,:/]\d|-\w| ?[%\u20ac$\u00a3\u20b9])"
_BY_FORM: Final = re.compile(
    r"(?<![\w.,+\-/$\u20ac\u00a3\u20b9#])(?:"
    r"\d{4}(?:[ -]\d{4}){2,4}(?:[ -]\d{1,4})?"  # a card
    r"|\d{4}[ -]\d{6}[ -]\d{5}"  # another
    r"|\d{3}-\d{2}-\d{4}|\d{5}-\d{4}"  # a social security number, ZIP+4
    r"|\d{1,6}(?:-\d{1,7}){2,4}"
    r"|\d{2,6}-0\d{1,6}|\d{5,8}-\d{1,4}"  # no range ends so
    r"|[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?"  # an IBAN
    r"|(?!(?:USD|EUR|GBP|INR|JPY|AUD|CAD|NZD|SGD|HKD|CHF|BRL|MXN)\d)"
    r"(?:[A-Z]{1,5}-?\d{3,}(?:-?[A-Z\d]{1,8}){0,4}|[A-Z]{2,4}(?:-\d{2,8}){2,4}|(?:[A-Z]{1,3}\d{1,3}){2,6}[A-Z]{0,2})"
    r")(?![\w%]|[.,:/]\d|-\w| ?[\u20ac$\u00a3\u20b9])"
)
_EMERGENCY: Final = re.compile(
    r"(?<![\w.,:/$\u20ac\u00a3\u20b9\-])(?:112|911|999)(?= [a-z]{1,3}(?!\w)|[.;:!?)](?!\d)|,(?!\d)|\Z)"
)
"""Numbers that are no quantities in a sentence about calling, unless a noun follows."""
_YEARS: Final = re.compile(r"(?:19|20)\d\d-(?:19|20)\d\d")
_NUMBER_SIGN: Final = re.compile(r"\s*#\s*(:?)\s*$")
_PIECE: Final = re.compile(r"[A-Z]|\d+")


def announced(text: str, words: Wording) -> str:
    """Return `text` with those identifiers in words that the words before them announce."""
    return _identified_pattern(words).sub(lambda match: _identified(match, words), text)


def spoken(text: str, words: Wording) -> str:
    """Return `text` with short numbers to dial, and those identifiers that their form shows, in words."""
    dialled, *patterns = _dialled_patterns(words)
    for pattern in patterns:
        text = pattern.sub(lambda match: _dialled(match, words), text)
    if dialled.search(text):
        text = _EMERGENCY.sub(lambda match: numbers.digits(match[0], words), text)
    return _BY_FORM.sub(lambda match: _by_form(match[0], words), text)


@lru_cache(maxsize=16)
def _dialled_patterns(words: Wording) -> tuple[re.Pattern[str], ...]:
    names = "|".join(map(re.escape, words.dialled))
    number = r"(?P<n>\d{3,6}(?: \d{2,3}){0,2})"
    more = rf"(?P<more>(?:,? (?:{words.alternatives})(?: {words.to_dial})? \d{{3}}(?![\d.,]\d))*)"
    before = rf"(?i)(?<!\w)(?P<front>(?:{names})(?: (?:{words.to_dial})|:){{0,3}} ){number}{more}{_NO_MORE}"
    any_of_them = re.compile(rf"(?i)(?<!\w)(?:{names})(?!\w)")
    if not words.dialled_behind:
        return any_of_them, re.compile(before)
    behind = rf"(?i)(?<![\w.,])(?P<front>)(?P<n>\d{{3}}){more}(?= (?:{words.dialled_behind})(?!\w))"
    return any_of_them, re.compile(before), re.compile(behind)


@lru_cache(maxsize=16)
def _identified_pattern(words: Wording) -> re.Pattern[str]:
    return re.compile(
        rf"(?<!\w)(?P<front>(?i:{words.identified})[\"'*)]{{0,2}}(?:[ \u00a0](?!\d)|(?=[ :#(\u201e\"]))"
        rf"(?:[ ]?{words.linked}){{0,6}}[ \"'\u201e\u00ab(]{{0,2}})(?P<n>{_RUN}){_NO_MORE}"
    )


def _dialled(match: re.Match[str], words: Wording) -> str:
    more = re.sub(r"\d+", lambda number: numbers.digits(number[0], words), match["more"])
    return match["front"] + numbers.in_groups("", words, match["n"].split()) + more


def _identified(match: re.Match[str], words: Wording) -> str:
    figures = sum(character.isdigit() for character in match["n"])
    if figures < _FEWEST or _counts(match.string, match.end(), words):
        return match[0]
    front = _NUMBER_SIGN.sub(rf" {words.number}\1 ", match["front"])
    return front + _say(match["n"], words)


def _counts(text: str, at: int, words: Wording) -> bool:
    """Return whether the word behind a number makes it a quantity."""
    following = re.match(r"\s?([^\s.,;:!?\u0964]+)", text[at : at + 24])
    return following is not None and following[1] in _counted(words)


@lru_cache(maxsize=16)
def _counted(words: Wording) -> frozenset[str]:
    nouns = [(noun.one, noun.many) for noun in words.currencies.values()]
    nouns += [(noun.one, noun.many) for noun in words.units.values()]
    names = {name.split(" ")[0] for noun in nouns for name in noun}
    return frozenset(names | set(words.units) | {words.percent.split(" ")[0]} | set(words.scales))


def _by_form(written: str, words: Wording) -> str:
    if _YEARS.fullmatch(written):
        return written
    return _say(written, words)


def _say(written: str, words: Wording) -> str:
    groups = [group for group in re.split("[ -]", written) if group]
    if len(groups) == 1 and written.isdigit() and len(written) > _AT_ONCE:
        return numbers.in_groups(written, words)
    return ", ".join(_group(group, words) for group in groups)


def _group(group: str, words: Wording) -> str:
    pieces = _PIECE.findall(group)
    return " ".join(numbers.digits(piece, words) if piece.isdigit() else piece for piece in pieces)
