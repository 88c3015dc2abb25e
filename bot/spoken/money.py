"""Amounts of money, with the sign or code in front or behind."""

import re
from functools import lru_cache
from typing import Final

from bot.spoken import numbers
from bot.spoken.numbers import FIGURES, SPACED, Number
from bot.spoken.wording import Currency, Wording

_CODES: Final = (
    {code: code for code in ("USD", "EUR", "GBP", "INR", "JPY")}
    | {"US$": "USD", "$": "USD", "\u20ac": "EUR", "\u00a3": "GBP", "\u20b9": "INR", "\u00a5": "JPY"}
    | {"Rs.": "INR", "Rs": "INR"}
    | {code: code for code in ("AUD", "CAD", "NZD", "SGD", "HKD", "CHF", "BRL", "MXN")}
    | {"A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "S$": "SGD", "HK$": "HKD", "R$": "BRL"}
    | {"MX$": "MXN"}
)
_SIGNS: Final = "|".join(re.escape(sign) for sign in sorted(_CODES, key=len, reverse=True))
_SPACE: Final = "[ \u00a0\u202f]?"
_CENTS: Final = 2
_CENTS_ONLY: Final = re.compile(r"(?<=[$\u20ac\u00a3\u20b9])[.,](?=\d\d(?!\d))")
"""Where a price has no whole units: $.99."""


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its amounts of money in words."""
    text = _CENTS_ONLY.sub(f"0{words.decimal}", text)
    for pattern in _patterns(words):
        text = pattern.sub(lambda match: _say(match, words), text)
    return text


@lru_cache(maxsize=16)
def _patterns(words: Wording) -> tuple[re.Pattern[str], re.Pattern[str]]:
    figures = f"(?P<figures>{SPACED}|{FIGURES})" if words.spaced else f"(?P<figures>{FIGURES})"
    scales = "|".join(re.escape(scale) for scale in sorted(words.scales, key=len, reverse=True))
    scale = rf"(?:{_SPACE}(?P<scale>{scales})(?![^\W\d_]))?"
    minus = "(?P<minus>(?<!\\S)[-\u2212])?"
    return (
        re.compile(rf"{minus}(?<![^\W\d_])(?P<sign>{_SIGNS}){_SPACE}{figures}{scale}(?P<per>/(?P<each>[^\W\d_]+))?"),
        re.compile(
            rf"{minus}(?<![\d.,]){figures}{scale}{_SPACE}(?P<sign>{_SIGNS})(?![^\W_])(?P<per>/(?P<each>[^\W\d_]+))?"
        ),
    )


def _say(match: re.Match[str], words: Wording) -> str:
    currency = words.currencies[_CODES[match["sign"]]]
    number = numbers.read(match["figures"], words) or _foreign(match["figures"])
    front = f"{words.minus} " if match["minus"] else ""
    if number is None:
        return f"{front}{match['figures']} {currency.many}"
    if match["scale"]:
        count = numbers.say(number, words)
        said = words.scaled.format(n=count, scale=words.scales[match["scale"]], currency=_Noun(currency.many))
    else:
        said = _amount(number, currency, words)
    if match["per"]:
        each = match["each"]
        return f"{front}{said} {words.per} {words.units[each].one if each in words.units else each}"
    after = match.string[match.end() : match.end() + 1]
    return front + said + (" " if after.isalnum() else "")


def _foreign(figures: str) -> Number | None:
    """Return an amount with the decimal mark of another language: "$49.95" in Spanish."""
    parts = re.fullmatch(r"(\d+)[.,](\d\d)", figures)
    return Number(parts[1], parts[2]) if parts else None


def _amount(number: Number, currency: Currency, words: Wording) -> str:
    whole, fraction = number.whole.lstrip("0") or "0", number.fraction
    if not currency.cent or len(fraction) > _CENTS:
        return (
            f"{numbers.say(number, words, currency.ruleset)} {currency.many if fraction else _units(whole, currency)}"
        )
    cents = int(fraction.ljust(_CENTS, "0")) if fraction else 0
    money = f"{_count(whole, words, currency)} {_units(whole, currency)}"
    if not cents:
        return money
    small = f"{numbers.cardinal(cents, words, _masculine(currency))} {currency.cent if cents == 1 else currency.cents}"
    return small if whole == "0" else money + words.cents.format(small)


def _count(whole: str, words: Wording, currency: Currency) -> str:
    return numbers.say(Number(whole, grouped=True), words, currency.ruleset)


def _units(whole: str, currency: Currency) -> str:
    return currency.one if whole == "1" else currency.many


def _masculine(currency: Currency) -> str:
    return currency.ruleset.replace("feminine", "masculine")


class _Noun(str):
    """A name that French puts "de" before, or "d'"."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self) if not spec else f"d'{self}" if self[0] in "aeiou" else f"{spec} {self}"
