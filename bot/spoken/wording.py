"""What the rules for speaking need to know of a language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Currency:
    """Its names after 1 and after more; `cent` is a hundredth, empty where nobody speaks of one."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""
    ruleset: str = ""
    """CLDR's rules for a number before it, where the noun's gender matters."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Its names after 1 and after more, and CLDR's rules for a number before it."""

    one: str
    many: str
    ruleset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a time of day is said; {h} and {m} are words. Twelve hours where `am` is set."""

    full: str
    minutes: str
    ruleset: str = ""
    early: str = ""
    """Instead of `minutes` for the first nine."""
    am: str = ""
    pm: str = ""
    unit: str = ""
    """A pattern of what may be written behind the figures and is part of what is said."""
    brief: str = ""
    """Instead of `full` for the second end of a range; the same where empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    months: tuple[str, ...]
    """As they are written."""
    order: Literal["month first", "day first"]
    """Of figures: 03/04 is the 4th of March or the 3rd of April."""
    full: str
    """With {d}, {m} and {y} in words."""
    bare: str
    """Without a year."""
    ruleset: str = ""
    """CLDR's rules for the day; cardinals where empty."""
    first: str = ""
    """The first of a month, where it alone is an ordinal."""
    inflected: Mapping[str, str] = field(default_factory=dict)
    """Word before a date: CLDR's rules for the day behind it."""
    numbered: str = ""
    """A pattern of words between two ordinals of which the second is inflected as the first; empty: dots make none."""
    announced: tuple[str, ...] = ()
    """Words before figures that make them a day and a month although no year follows."""
    short: str = ""
    """A pattern of such figures, with the groups 1 and 2."""
    written_day: str = ""
    """A pattern behind the figures of a day that stands before a month's name; empty: those are no ordinals."""
    written: tuple[str, str] | None = None
    """`full` and `bare` for such a day, where they differ."""
    name_first: bool = False
    """The month's name may also be written before the day."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # told apart by identity: mappings have no hash
class Wording:
    rules: str
    """What CLDR calls the language."""
    decimal: Literal[".", ","]
    point: str
    """What separates a number from its decimals, spoken."""
    minus: str
    plus: str
    percent: str
    times: str
    """Between the factors of a product."""
    to: str
    """Between the ends of a range."""
    ratio: str = ""
    """Between the figures of a score, 3:2; as `to` where empty."""
    number: str
    """For # before figures."""
    conjunction: str
    """For & between words."""
    at: str
    dot: str
    dash: str
    underscore: str
    slash: str
    code: str
    """Said instead of a block of code."""
    currencies: Mapping[str, Currency]
    """By code: "EUR"."""
    cents: str = " {}"
    """What follows the whole units; {} is the hundredths with their name."""
    scales: Mapping[str, str] = field(default_factory=dict)
    """What may stand between a number and its currency, and how it is said: "m": "million"."""
    scaled: str = "{n} {scale} {currency}"
    dates: Dates
    clock: Clock
    ordinals: Mapping[str, str] = field(default_factory=dict)
    """Ending behind figures: CLDR's rules for it."""
    star: str
    """The key *."""
    hash: str
    """The key #."""
    per: str
    """For / behind an amount: "5 dollars per month"."""
    units: Mapping[str, Unit]
    """By what is written behind figures: "km/h"."""
    fractions: Mapping[int, tuple[str, str]]
    """By denominator: what is said after 1 and after more."""
    one_part: str = ""
    """The 1 of a fraction; the cardinal where empty."""
    parts_alone: Mapping[str, str] = field(default_factory=dict)
    """How a fraction with no whole number is said, where that is not by rule: "1/2": "half"."""
    halves: Mapping[str, str] = field(default_factory=dict)
    """The same behind a whole number."""
    mixed: str
    """A whole number {n} and a fraction {f}."""
    half_behind: tuple[str, str, str] | None = None
    """Where a half follows the noun, as in "dos horas y media": feminine nouns, and a half of others and of those."""
    half_of: tuple[str, str, str] | None = None
    """How half of a noun is said: feminine nouns, half of those with {} for the noun, and of others."""
    mixed_whole: Mapping[str, str] = field(default_factory=dict)
    """The two in one: "1/2" behind a whole number {n}, or "1 1/2"."""
    dialled: tuple[str, ...] = ()
    """Words before a short number that is said figure by figure: 911."""
    to_dial: str
    """A pattern of words between these and the number."""
    dialled_behind: str = ""
    """A pattern of words behind such a number."""
    identified: str
    """A pattern of words before an identifier, which is said figure by figure."""
    linked: str
    """A pattern of words that may stand between these and the identifier."""
    alternatives: str
    """A pattern of what stands between two numbers to dial: "or"."""
    one: tuple[str, str] | None = None
    """A pattern of what follows a 1 that is an article, and that article."""
    attached: tuple[str, ...] = ()
    """Endings that are written behind figures and spoken as the end of the number."""
    decades: str = ""
    """What is written behind the figures of a decade: "1990s"."""
    years: bool = False
    """1999 is no cardinal when it is a year."""
    spaced: bool = False
    """A space may group the figures of a number."""
    pairs: bool = False
    """Telephone numbers are said in pairs of figures."""
