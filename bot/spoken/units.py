"""Quantities with an abbreviated unit behind them, and fractions."""

import re
from functools import lru_cache
from typing import Final

from bot.spoken import numbers
from bot.spoken.numbers import FIGURES, SPACED, Number
from bot.spoken.wording import Wording

_FRACTION: Final = re.compile(
    r"(?<![\w./,\-])(?:(?P<whole>\d{1,4})[ \u00a0-])?(?P<n>\d{1,2})[/\u2044](?P<d>\d{1,2})(?![\w/]|[.,]\d|-\d)"
)
_HALF: Final = re.compile("(?<![\\w./,\\-])(?P<whole>\\d{1,4})(?: ?\u00bd|[ \u00a0-]1/2) (?P<noun>[^\\W\\d_]+)")
_HALF_OF: Final = re.compile("(?<![\\w./,\\-])(?<!\\d )(?:\u00bd|1/2) (?P<noun>[^\\W\\d_]{3,})")
_ONE_SIGN: Final = re.compile("(?<![\\w.,])(?:(?P<whole>\\d{1,4}) ?)?(?P<sign>[\u00bc-\u00be\u2153-\u215e])")
_SIGNS: Final = {
    "\u00bc": (1, 4), "\u00bd": (1, 2), "\u00be": (3, 4), "\u2153": (1, 3), "\u2154": (2, 3), "\u2155": (1, 5),
    "\u2156": (2, 5), "\u2157": (3, 5), "\u2158": (4, 5), "\u2159": (1, 6), "\u215a": (5, 6), "\u215b": (1, 8),
    "\u215c": (3, 8), "\u215d": (5, 8), "\u215e": (7, 8),
}  # fmt: skip


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its quantities and fractions in words."""
    if text.isascii() and not any(character.isdigit() for character in text):
        return text
    if words.half_of:
        text = _HALF_OF.sub(lambda match: _half_of(match, words), text)
    if words.half_behind:
        text = _HALF.sub(lambda match: _half(match, words), text)
    if "/" in text or "\u2044" in text:
        text = _FRACTION.sub(lambda match: _fraction(match, words), text)
    if not text.isascii():
        text = _ONE_SIGN.sub(lambda match: _sign(match, words), text)
    return _pattern(words).sub(lambda match: _quantity(match, words), text)


@lru_cache(maxsize=16)
def _pattern(words: Wording) -> re.Pattern[str]:
    figures = f"{SPACED}|{FIGURES}" if words.spaced else FIGURES
    names = "|".join(map(re.escape, sorted(words.units, key=len, reverse=True)))
    return re.compile(
        rf"(?:(?P<minus>(?<![^\s(])[-\u2212])|(?<![\w.,/:\-]))(?P<figures>{figures})[ \u00a0\u202f]?(?P<unit>{names})"
        rf"(?![\w\u00b2\u00b3]|\.\w|/\w)(?P<dot>(?<!\.)\.(?=\s[a-z]))?"
    )


def _quantity(match: re.Match[str], words: Wording) -> str:
    number, unit = numbers.read(match["figures"], words), words.units[match["unit"]]
    if number is None:
        return match[0]
    said = numbers.say(Number(number.whole, number.fraction, grouped=True), words, unit.ruleset)
    minus = f"{words.minus} " if match["minus"] else ""
    one = number.whole == "1" and not number.fraction
    return f"{minus}{said} {unit.one if one else unit.many}"


def _sign(match: re.Match[str], words: Wording) -> str:
    numerator, denominator = _SIGNS[match["sign"]]
    after = match.string[match.end() : match.end() + 1]
    return _said(match["whole"], numerator, denominator, words) + (" " if after.isalnum() else "")


def _half_of(match: re.Match[str], words: Wording) -> str:
    feminine, of_feminine, of_others = words.half_of or ("", "", "")
    form = of_feminine if re.fullmatch(feminine, match["noun"]) else of_others
    return form.format(match["noun"])


def _half(match: re.Match[str], words: Wording) -> str:
    feminine, of_others, of_feminine = words.half_behind or ("", "", "")
    is_feminine = bool(re.fullmatch(feminine, match["noun"]))
    ruleset = f"spellout-cardinal-{'feminine' if is_feminine else 'masculine'}"
    count = numbers.cardinal(int(match["whole"]), words, ruleset)
    return f"{count} {match['noun']} {words.conjunction} {of_feminine if is_feminine else of_others}"


def _fraction(match: re.Match[str], words: Wording) -> str:
    numerator, denominator = int(match["n"]), int(match["d"])
    if not 0 < numerator < denominator or f"{numerator}/{denominator}" != f"{match['n']}/{match['d']}":
        return match[0]
    return _said(match["whole"], numerator, denominator, words) or match[0]


def _said(whole: str | None, numerator: int, denominator: int, words: Wording) -> str:
    """Return the fraction in words; nothing where nobody would say it as one."""
    if whole:
        written = f"{numerator}/{denominator}"
        known = words.mixed_whole.get(f"{int(whole)} {written}") or words.mixed_whole.get(written)
        if known:
            return known.format(n=numbers.cardinal(int(whole), words))
    part = _part(numerator, denominator, words, alone=not whole)
    return words.mixed.format(n=numbers.cardinal(int(whole), words), f=part) if whole and part else part


def _part(numerator: int, denominator: int, words: Wording, *, alone: bool) -> str:
    written = f"{numerator}/{denominator}"
    if written in words.parts_alone and alone:
        return words.parts_alone[written]
    if written in words.halves and not alone:
        return words.halves[written]
    if denominator not in words.fractions:
        return ""
    one, many = words.fractions[denominator]
    if numerator == 1:
        return f"{words.one_part or numbers.cardinal(1, words)} {one}"
    return f"{numbers.cardinal(numerator, words)} {many}"
