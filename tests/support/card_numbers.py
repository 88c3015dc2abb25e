"""Card numbers, and the ways in which people say them and recognisers write them."""

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Final

from unicode_rbnf import RbnfEngine

LANGUAGES: Final = ("de", "en", "es", "fr", "hi", "it", "nl", "pt")
_DOUBLE: Final = {"en": "double", "de": "doppel", "es": "doble", "fr": "double", "hi": "डबल", "it": "doppio"}
_TRIPLE: Final = {"en": "triple", "es": "triple", "fr": "triple", "hi": "ट्रिपल", "it": "triplo", "pt": "triplo"}


def is_luhn(digits: str) -> bool:
    """Return whether the last of `digits` is their check digit."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(sum(divmod(value, 10)) for value in doubled) % 10 == 0


def card_number(chance: Random) -> str:
    """Return 13 to 19 digits, of which the last is the check digit; any issuer's, or nobody's."""
    body = str(chance.randint(0, 9)) + "".join(chance.choices("0123456789", k=chance.randint(11, 17)))
    body = body.replace("000000", "123456")
    return next(body + last for last in "0123456789" if is_luhn(body + last))


def written(chance: Random, digits: str, code: str) -> Sequence[tuple[str, str]]:
    """Return groups of `digits` with how each is said in the language `code`, or written: ("double four,", "44")."""
    groups, at = [], 0
    while at < len(digits):
        word, count = chance.choice(_ways(code, digits, at))
        groups.append((word + chance.choice(["", "", "", ",", ".", " -", "..."]), digits[at : at + count]))
        at += count
    return groups


def _ways(code: str, digits: str, at: int) -> list[tuple[str, int]]:
    """Return ways to write the next digits, and how many each is of."""
    digit = digits[at]
    ways = [
        (_word(code, int(digit)), 1),
        (digit, 1),
        *((digits[at : at + n], n) for n in (2, 3, 4) if at + n <= len(digits)),
    ]
    if digits[at : at + 2] == digit * 2 and code in _DOUBLE:
        ways += [(f"{_DOUBLE[code]} {_word(code, int(digit))}", 2), (f"{_DOUBLE[code]} {digit}", 2)]
    if digits[at : at + 3] == digit * 3 and code in _TRIPLE:
        ways.append((f"{_TRIPLE[code]} {_word(code, int(digit))}", 3))
    if digit != "0" and at + 2 <= len(digits):
        ways.append((_word(code, int(digits[at : at + 2])), 2))
    return ways


@cache
def _engine(code: str) -> RbnfEngine:
    return RbnfEngine.for_language(code)


@cache
def _word(code: str, number: int) -> str:
    return _engine(code).format_number(number).text.replace("\u00ad", "")
