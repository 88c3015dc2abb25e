"""Requests from templates: `{name}` in a text stands for a value. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

_PLACE: Final = re.compile(r"\{(\w+)\}")

Value = str | int | float | tuple[str, ...] | None
"""What a placeholder stands for; None, "" and () are nothing."""


def fill(template: object, values: Mapping[str, Value]) -> object:
    """Return `template`, whose texts, lists and tables may hold placeholders, with the `values` in their places.

    A text that is one placeholder becomes the value itself, a number stays one. What needs a value that is nothing is
    left out, and so is a table of which nothing is left: None is the whole of it.
    """
    match template:
        case str():
            return _text(template, values)
        case Mapping():
            filled = {name: value for name, part in template.items() if (value := fill(part, values)) is not None}
            return filled or (None if template else filled)
        case list():
            return [value for part in template if (value := fill(part, values)) is not None]
        case _:
            return template


def written(template: str, values: Mapping[str, Value], escape: Callable[[str], str]) -> str:
    """Return `template` with the `values`, each escaped; nothing is the empty text."""
    return _PLACE.sub(lambda place: escape(_plain(values.get(place[1]))), template)


def places(template: object) -> Iterator[str]:
    """Yield the names of all placeholders in `template`."""
    match template:
        case str():
            yield from _PLACE.findall(template)
        case Mapping():
            for part in template.values():
                yield from places(part)
        case list():
            for part in template:
                yield from places(part)


def _text(template: str, values: Mapping[str, Value]) -> Value:
    if whole := _PLACE.fullmatch(template):
        value = values.get(whole[1])
        return None if value in ("", ()) else value
    if any(values.get(name) in {None, "", ()} for name in _PLACE.findall(template)):
        return None
    return written(template, values, str)


def _plain(value: Value) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
