"""What is taken out of texts before they are stored or logged: card numbers, telephone numbers, addresses. Pure.

Every search takes time that grows with the text and no faster, whatever the text is: callers and models write it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bridge.redaction.cards import LEAST, cards
from bridge.redaction.edges import edges
from bridge.redaction.number_words import tokens
from bridge.redaction.patterns import compiled
from bridge.redaction.readings import LONGEST

KINDS: Final = ("cards", "phones", "emails")
"""What is known here; own patterns come besides."""

CARD: Final = "[card]"
_LEAST_CARD: Final = 10 ** (LEAST - 1)
_MOST_CARD: Final = 10**LONGEST - 1
_PHONE_DIGITS: Final = range(7, 16)
"""E.164 allows 15; with fewer than seven it is a number of something else."""
_NATIONAL_DIGITS: Final = (10, 11)
"""Of a number without + or 0 in front of it: as in North America."""
_RUN: Final = re.compile(r"\+?[(]?\d(?:[ ./()\u2010-\u2015-]{0,3}+\d)*+")
"""Digits with what people put between them. Nothing in it can be read in two ways."""
_LOCAL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]")
_DOMAIN: Final = re.compile(r"[^\W_](?:[^\W_]|-){0,62}+(?:\.[^\W_](?:[^\W_]|-){0,62}+){1,10}+")
_LOCAL_CHARS: Final = 64


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
        self.takes_cards = "cards" in self._kinds

    def text(self, text: str) -> str:
        """Return `text` with [card], [phone], [email] and [redacted] in the places of what was taken out."""
        text = self.before_cards(text)
        return self.without(text, spans(text) if self.takes_cards else ())

    def said(self, text: str) -> str:
        """Return `text`, an utterance that cannot be changed any more, without the numbers at its edges, too: they may
        be parts of a card's, of which the rest is another utterance."""
        text = self.text(text)
        if not self.takes_cards:
            return text
        told, at = [], 0
        for begin, end in merged(edges(text)):
            told += [text[at:begin], "[digits]"]
            at = end
        return "".join([*told, text[at:]])

    def before_cards(self, text: str) -> str:
        """Return `text` without what is none of its numbers: what is left is searched for cards."""
        for pattern in self._patterns:
            text = pattern.sub("[redacted]", text)
        return _without_emails(text) if "emails" in self._kinds and "@" in text else text

    def without(self, text: str, found: Iterable[tuple[int, int]]) -> str:
        """Return `text`, which `before_cards` returned, without cards and telephone numbers.

        `found`: from which character to which cards were found in it, in order, none within another.
        """
        told, at = [], 0
        for begin, end in found:
            told += [self._without_phones(text[at:begin]), CARD]
            at = end
        return "".join([*told, self._without_phones(text[at:])])

    def value(self, value: object) -> object:
        """Return `value`, what JSON has, with each text in it redacted, and a number that is a card's; keys of mappings
        stay."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {key: self.value(item) for key, item in value.items()}
            case list():
                return [self.value(item) for item in value]
            case bool():
                return value
            case int() if self.takes_cards and _LEAST_CARD <= value <= _MOST_CARD and spans(str(value)):
                return CARD
        return value

    def _without_phones(self, text: str) -> str:
        return _RUN.sub(_phone, text) if "phones" in self._kinds else text


def spans(text: str) -> Sequence[tuple[int, int]]:
    """Return from which character to which `text` holds numbers of cards, in order, those that overlap as one."""
    found = tokens(text)
    return merged((found[number.begin].begin, found[number.end - 1].end) for number in cards(found))


def merged(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return `parts` in order, those that overlap as one."""
    whole: list[tuple[int, int]] = []
    for begin, end in sorted(parts):
        if whole and begin < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((begin, end))
    return whole


def _phone(found: re.Match[str]) -> str:
    run = found[0]
    count = sum(character.isdecimal() for character in run)
    if count not in _PHONE_DIGITS:
        return run
    return "[phone]" if run.lstrip("(").startswith(("+", "0")) or count in _NATIONAL_DIGITS else run


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
