"""What is taken out of texts before they are stored or logged: card numbers, telephone numbers, addresses. Pure.

Every search takes time that grows with the text and no faster, whatever the text is: callers and models write it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import accumulate
from typing import Final

KINDS: Final = ("cards", "phones", "emails")
"""What is known here; own patterns come besides."""

_CARD_DIGITS: Final = range(19, 12, -1)
"""ISO/IEC 7812-1: an account number has up to 19 digits; those in use have at least 13. The longest come first."""
_PHONE_DIGITS: Final = range(7, 16)
"""E.164 allows 15; with fewer than seven it is a number of something else."""
_NATIONAL_DIGITS: Final = (10, 11)
"""Of a number without + or 0 in front of it: as in North America."""
_RUN: Final = re.compile(r"\+?[(]?\d(?:[ ./()\u2010-\u2015-]{0,3}+\d)*+")
"""Digits with what people put between them. Nothing in it can be read in two ways."""
_LOCAL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]")
_DOMAIN: Final = re.compile(r"[^\W_](?:[^\W_]|-){0,62}+(?:\.[^\W_](?:[^\W_]|-){0,62}+){1,10}+")
_LOCAL_CHARS: Final = 64
_DOUBLED: Final = [sum(divmod(2 * digit, 10)) for digit in range(10)]

_ATOM: Final = re.compile(
    r"(?P<atom>\\[dws]|\\[^\w\s]|\[\^?(?:\\.|[^\]\\\[]){1,60}\]|[^\\\[\](){}*+?|.^$])"
    r"(?P<times>\{\d{1,2}(?:,\d{1,2})?\}|[?*+])?"
)
_MOST_REPEATS: Final = 64
_LONGEST_MATCH: Final = 256


class BadPattern(ValueError):
    """An own pattern cannot be used; the text says why."""


def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return what finds a pattern: characters and classes like `[A-Z]` and `\d`, each with `{2,5}`, `?`, `+`, `*`.

    A repetition takes all that it can, 64 at most, and gives nothing back: so no text makes it slow.

    Raises:
        BadPattern: it has what is not known here, or matches what is too long, or nothing at all.
    """
    parts, longest, shortest, at = [], 0, 0, 0
    while at < len(pattern):
        found = _ATOM.match(pattern, at)
        if found is None:
            raise BadPattern(f"{pattern!r} from character {at + 1}: no groups, no alternatives, no dot, no anchors")
        least, most = _times(found["times"] or "", pattern)
        parts.append(f"{found['atom']}{{{least},{most}}}+")
        longest, shortest, at = longest + most, shortest + least, found.end()
    if not shortest or longest > _LONGEST_MATCH:
        raise BadPattern(f"{pattern!r} must match at least one character and at most {_LONGEST_MATCH}")
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise BadPattern(f"{pattern!r}: {error}") from error


def _times(times: str, pattern: str) -> tuple[int, int]:
    match times:
        case "":
            return 1, 1
        case "?":
            return 0, 1
        case "*":
            return 0, _MOST_REPEATS
        case "+":
            return 1, _MOST_REPEATS
    least, _, most = times.strip("{}").partition(",")
    span = int(least), int(most or least)
    if not span[0] <= span[1] <= _MOST_REPEATS:
        raise BadPattern(f"{pattern!r}: {times} must be from few to many, {_MOST_REPEATS} at most")
    return span


class Redactor:
    """Takes out of texts what the settings say."""

    def __init__(self, kinds: Sequence[str] = (), patterns: Sequence[str] = ()) -> None:
        """`kinds`: of KINDS. `patterns`: own ones, as `compiled` takes them.

        Raises:
            BadPattern: one cannot be used.
        """
        self._kinds, self._patterns = frozenset(kinds), [compiled(pattern) for pattern in patterns]
        self.active = bool(kinds or patterns)
        """Whether it takes out anything."""

    def text(self, text: str) -> str:
        """Return `text` with [card], [phone], [email] and [redacted] in the places of what was taken out."""
        for pattern in self._patterns:
            text = pattern.sub("[redacted]", text)
        if "emails" in self._kinds and "@" in text:
            text = _without_emails(text)
        if self._kinds & {"cards", "phones"}:
            text = _RUN.sub(self._run, text)
        return text

    def value(self, value: object) -> object:
        """Return `value`, what JSON has, with each text in it redacted; keys of mappings stay."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {key: self.value(item) for key, item in value.items()}
            case list():
                return [self.value(item) for item in value]
        return value

    def _run(self, found: re.Match[str]) -> str:
        run = found[0]
        spots = [index for index, character in enumerate(run) if character.isdecimal()]
        digits = [int(run[spot]) for spot in spots]
        ends = {place for place, spot in enumerate(spots) if not place or spot > spots[place - 1] + 1} | {len(spots)}
        cards = list(_cards(digits, ends)) if "cards" in self._kinds else []
        if not cards:
            return "[phone]" if "phones" in self._kinds and _is_phone(run, len(digits)) else run
        told, at = [], 0
        for begin, end in cards:
            told += [run[at : spots[begin]], "[card]"]
            at = spots[end - 1] + 1
        return "".join([*told, run[at:]])


def _cards(digits: Sequence[int], edges: Set[int]) -> Iterator[tuple[int, int]]:
    """Yield from where to where `digits` are a card's number, by their check digit (Luhn). `edges`: between groups."""
    # Sums of all digits before a place, those at even, or at odd, places doubled: a stretch is a difference of two.
    sums = [
        list(accumulate((_DOUBLED[d] if place % 2 == odd else d for place, d in enumerate(digits)), initial=0))
        for odd in (0, 1)
    ]
    begin = 0
    while begin + _CARD_DIGITS[-1] <= len(digits):
        for count in _CARD_DIGITS:
            end = begin + count
            doubled = sums[end % 2]  # the last digit stands as it is, the one before it is doubled
            if end in edges and begin in edges and (doubled[end] - doubled[begin]) % 10 == 0 and any(digits[begin:end]):
                yield begin, end
                begin = end - 1
                break
        begin += 1


def _is_phone(run: str, count: int) -> bool:
    if count not in _PHONE_DIGITS:
        return False
    return run.lstrip("(").startswith(("+", "0")) or count in _NATIONAL_DIGITS


def _without_emails(text: str) -> str:
    told, at = [], 0
    sign = text.find("@")
    while sign >= 0:
        begin = sign
        while begin > max(at, sign - _LOCAL_CHARS) and _LOCAL.match(text[begin - 1]):
            begin -= 1
        domain = _DOMAIN.match(text, sign + 1)
        if begin < sign and domain:
            told += [text[at:begin], "[email]"]
            at = domain.end()
        sign = text.find("@", max(sign + 1, at))
    return "".join([*told, text[at:]])
