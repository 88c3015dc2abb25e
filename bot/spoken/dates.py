"""Dates, in figures or with the month's name, and times of day."""

import re
from functools import lru_cache
from typing import Final

from bot.spoken import numbers
from bot.spoken.wording import Clock, Wording

_ISO: Final = re.compile(r"(?<![\w.\-])(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?![\w\-])")
_FIGURES: Final = re.compile(r"(?<![\w./\-])(\d{1,2})([/.\-])(\d{1,2})\2(\d{4}|(?<=/)\d{2})(?![\w/\-]|\.\d)")
_TIME: Final = r"(?<![\w:.,])(?P<h>[01]?\d|2[0-3]):(?P<min>[0-5]\d)(?::(?P<s>[0-5]\d))?(?![\d:])"
_HALF: Final = r"[ \u00a0\u202f]?(?P<half>[AaPp])\.?[Mm]\b\.?"
_HOUR: Final = re.compile(rf"(?<![\w:.,])(?P<h>1[0-2]|0?[1-9]){_HALF}(?!\w)")
_FRENCH: Final = re.compile(
    r"(?<![\w:.,])(?P<h>[01]?\d|2[0-3])[ \u00a0\u202f]?h(?:[ \u00a0\u202f]?(?P<min>[0-5]\d))?(?!\w)"
)
_AM_PM: Final = r"[ \u00a0\u202f]?[AaPp]\.?[Mm]\b\.?"
_MARKED: Final = rf"(?:[01]?\d|2[0-4])(?:[:h][0-5]\d(?:{_AM_PM})?|{_AM_PM}|h(?!\w))"
_DASH: Final = r"\s?[-\u2013]\s?"
_DOTTED: Final = re.compile(r"(?<![\w.,:])([01]?\d|2[0-3])\.([0-5]\d)(?=\sUhr\b)")
_ENDS: Final = re.compile(
    rf"(?<![\w:.,/\-])(?P<from>{_MARKED}|(?:[01]?\d|2[0-3])(?={_DASH}\d{{1,2}}(?:(?::[0-5]\d)?{_AM_PM}|h)))"
    rf"(?:\sUhr)?{_DASH}(?={_MARKED}(?![\d:])|\d{{1,2}}\sUhr\b)"
)
"""A time, where another follows behind a dash."""
_NOON: Final = 12
_MONTHS: Final = 12
_DAYS: Final = 31
_EARLY: Final = 10
_CENTURY: Final = 2000
"""Of years that are written with two figures."""


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its dates and times of day in words."""
    text = _ISO.sub(lambda match: _date(match, words, match["d"], match["m"], match["y"]), text)
    text = _FIGURES.sub(lambda match: _figures(match, words), text)
    if words.dates.short:
        text = _short(words).sub(lambda match: _announced(match, words), text)
    if words.dates.numbered:
        text = _numbered(words).sub(lambda match: _ordinals(match, words), text)
    for pattern in _named(words):
        text = pattern.sub(lambda match: _month(match, words), text)
    text = _DOTTED.sub(r"\1:\2", text)
    if "-" in text or "\u2013" in text:
        text = _ENDS.sub(rf"\g<from> {words.to} ", text)
    for pattern in _clock(words):
        text = pattern.sub(lambda match: _time(match, words), text)
    return text


def _figures(match: re.Match[str], words: Wording) -> str:
    first, mark, second, year = match.groups()
    day_first = mark == "." or words.dates.order == "day first" or int(first) > _MONTHS
    day, month = (first, second) if day_first and int(second) <= _MONTHS else (second, first)
    return _date(match, words, day, month, year)


@lru_cache(maxsize=16)
def _short(words: Wording) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.,/]){words.dates.short}")


def _announced(match: re.Match[str], words: Wording) -> str:
    """Return what a day and a month in figures say, if the word before makes them that."""
    first, second = match.groups()
    if _before(match) not in words.dates.announced:
        return match[0]
    day, month = (first, second) if words.dates.order == "day first" or int(first) > _MONTHS else (second, first)
    if not (1 <= int(day) <= _DAYS and 1 <= int(month) <= _MONTHS):
        return match[0]
    name = words.dates.months[int(month) - 1]
    return words.dates.bare.format(d=_day(match, words, int(day)), m=name)


def _before(match: re.Match[str]) -> str:
    """Return the word before `match`."""
    return next(iter(match.string[max(0, match.start() - 12) : match.start()].lower().split()[-1:]), "")


def _date(match: re.Match[str], words: Wording, day: str, month: str, year: str) -> str:
    if not (1 <= int(day) <= _DAYS and 1 <= int(month) <= _MONTHS):
        return match[0]
    number = int(year) + (_CENTURY if len(year) <= len("99") else 0)
    name = words.dates.months[int(month) - 1]
    return words.dates.full.format(d=_day(match, words, int(day)), m=name, y=numbers.year(number, words))


def _day(match: re.Match[str], words: Wording, day: int) -> str:
    dates = words.dates
    if day == 1 and dates.first:
        return dates.first
    if not dates.ruleset:
        return numbers.cardinal(day, words)
    return numbers.ordinal(day, words, dates.inflected.get(_before(match), dates.ruleset))


@lru_cache(maxsize=16)
def _named(words: Wording) -> tuple[re.Pattern[str], ...]:
    """Return what finds a day beside a month's name: 3rd of May 2026, and in English May 3, 2026."""
    dates = words.dates
    if not dates.written_day:
        return ()
    names = "|".join(f"{name}|{name[:3]}t?\\b\\.?" for name in dates.months)
    day, year = r"(?P<d>0?[1-9]|[12]\d|3[01])", r"(?:,? (?P<y>\d{4})(?![\w,]))?"
    ahead = re.compile(rf"(?<![\w.,/])(?P<the>[Tt]he )?{day}{dates.written_day} (?P<m>{names})(?!\w){year}")
    behind = re.compile(rf"(?<!\w)(?P<m>{names}) {day}(?:st|nd|rd|th)?(?![\w:]|[.,/-]\d){year}")
    return (ahead, behind) if dates.name_first else (ahead,)


@lru_cache(maxsize=16)
def _numbered(words: Wording) -> re.Pattern[str]:
    """Return what finds ordinals behind a word that inflects them: "am 1. und 2. Mai"."""
    before, between = "|".join(words.dates.inflected), words.dates.numbered
    more = rf"(?:(?:,| (?:{between})) \d{{1,3}}\.)*"
    return re.compile(rf"(?<!\w)(?i:(?P<before>{before})) (?P<days>\d{{1,3}}\.{more})(?= [^\W\d_])")


def _ordinals(match: re.Match[str], words: Wording) -> str:
    ruleset = words.dates.inflected[match["before"].lower()]
    said = re.sub(r"(\d+)\.", lambda day: numbers.ordinal(int(day[1]), words, ruleset), match["days"])
    return f"{match['before']} {said}"


def _month(match: re.Match[str], words: Wording) -> str:
    parts, dates = match.groupdict(), words.dates
    name = next(month for month in dates.months if parts["m"].startswith(month[:3]))
    day_first = match.start("d") < match.start("m")
    full, bare = dates.written if dates.written and day_first else (dates.full, dates.bare)
    day = _day(match, words, int(parts["d"]))
    said = (
        full.format(d=day, m=name, y=numbers.year(int(parts["y"]), words)) if parts["y"] else bare.format(d=day, m=name)
    )
    return parts["the"] + said.removeprefix("the ") if parts.get("the") else said


@lru_cache(maxsize=16)
def _clock(words: Wording) -> tuple[re.Pattern[str], ...]:
    if words.clock.am:
        return re.compile(f"{_TIME}(?:{_HALF}(?!\\w))?"), _HOUR
    usual = re.compile(f"{_TIME}(?:{words.clock.unit})?" if words.clock.unit else _TIME)
    return (usual, _FRENCH) if words.rules == "fr" else (usual,)


def _time(match: re.Match[str], words: Wording) -> str:
    parts, clock = match.groupdict(), words.clock
    hour, minute, half = int(match["h"]), int(parts.get("min") or 0), (parts.get("half") or "").lower()
    if clock.am and not half and (hour > _NOON or hour == 0):
        half = "p" if hour else "a"
        hour = hour % _NOON or _NOON
    brief = bool(clock.brief) and _behind_time(match, words)
    said = _reading(hour, minute, words, clock, half=bool(half) or brief)
    if parts.get("s"):
        said += f" {numbers.cardinal(int(parts['s']), words)}"
    if not half:
        return said
    half = clock.am if half == "a" else clock.pm
    return f"{said} {half.rstrip('.') if match.string.startswith('.', match.end()) else half}"


def _behind_time(match: re.Match[str], words: Wording) -> bool:
    """Return whether a time ends a range that begins with minutes: ten thirty to eleven."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    return bool(re.search(rf":[0-5]\d\D{{0,8}} {words.to} $", before)) and not re.search(
        rf":00\D{{0,8}} {words.to} $", before
    )


def _reading(hour: int, minute: int, words: Wording, clock: Clock, *, half: bool) -> str:
    spoken_hour = numbers.cardinal(hour, words, clock.ruleset)
    if not minute:
        return spoken_hour if half else clock.full.format(h=spoken_hour)
    form = clock.early if clock.early and minute < _EARLY else clock.minutes
    return form.format(h=spoken_hour, m=numbers.cardinal(minute, words))
