"""A YAML file as a tree of texts with line numbers. Nothing in it becomes an object, is referred to twice, or endless.

PyYAML is asked for events alone. Its own constructors would read `no` as false, 0047 as 39 and a date as a date; here a
scalar is the text that stands there, and who asks for a number says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bot import installing

MOST_BYTES: Final = 256 * 1024
_MOST_NODES: Final = 5_000
_DEEPEST: Final = 12
_LONGEST_SCALAR: Final = 10_000


class BadScenario(Exception):
    """A scenario file cannot be used. Each line names file, line, field, what is there, and the fix."""


@dataclass(frozen=True, slots=True)
class YamlText:
    """A scalar, as it is written."""

    line: int
    text: str
    plain: bool
    """Without quotes."""


@dataclass(frozen=True, slots=True)
class YamlList:
    """A sequence."""

    line: int
    items: "Sequence[YamlNode]"


@dataclass(frozen=True, slots=True)
class YamlMap:
    """A mapping."""

    line: int
    items: "Mapping[str, YamlNode]"
    lines: Mapping[str, int]
    """Of each key."""


YamlNode = YamlText | YamlList | YamlMap


def read(path: Path) -> YamlNode:
    """Return what the file at `path` holds.

    Raises:
        BadScenario: it is no YAML, too large, or uses tags, anchors, aliases, merges or several documents.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise BadScenario(f"{path}: longer than {MOST_BYTES // 1024} KiB; make several scenarios of it")
    try:
        return parse(raw.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise BadScenario(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8") from None


def parse(text: str, name: str) -> YamlNode:
    """Return what `text` holds; `name` is that of its file, for errors.

    Raises:
        BadScenario: see `read`.
    """
    try:
        import yaml
    except ImportError as error:
        raise BadScenario(f"{name}: PyYAML is not installed: {installing.extra('evals')}") from error
    try:
        return _Tree(yaml.parse(text, Loader=yaml.SafeLoader), name).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or getattr(error, "reason", "") or "it cannot be read"
        raise BadScenario(f"{where}: no YAML: {problem}") from None


class _YamlMark(Protocol):
    line: int


class _YamlEvent(Protocol):
    """What is used of PyYAML's events; which of it there is depends on the class."""

    start_mark: _YamlMark
    anchor: str | None
    tag: str | None
    value: str
    style: str | None


class _Tree:
    """Builds the tree of one document from PyYAML's events."""

    def __init__(self, events: Iterator[_YamlEvent], name: str) -> None:
        self._events, self._name = events, name
        self._count = 0

    def document(self) -> YamlNode:
        next(self._events)  # the begin of the stream
        event = next(self._events)
        if type(event).__name__ != "DocumentStartEvent":
            raise BadScenario(f"{self._name}: the file is empty; it needs at least `steps:`")
        node = self._node(next(self._events), 0)
        for event in self._events:
            if type(event).__name__ == "DocumentStartEvent":
                raise self._bad(event, "a second document; one scenario a file")
        return node

    def _node(self, event: _YamlEvent, depth: int) -> YamlNode:
        self._count += 1
        if self._count > _MOST_NODES:
            raise self._bad(event, f"more than {_MOST_NODES} values; make several scenarios of it")
        if depth > _DEEPEST:
            raise self._bad(event, f"more than {_DEEPEST} levels deep; a scenario has four")
        line = event.start_mark.line + 1
        kind = type(event).__name__
        if kind == "AliasEvent" or event.anchor:
            raise self._bad(event, "anchors and aliases (& and *) are not read; write the value out, or quote it")
        if event.tag:
            raise self._bad(event, f"the tag {event.tag[:40]!r} is not read; drop it, or quote the value")
        if kind == "ScalarEvent":
            return self._text(event, line)
        return self._list(line, depth) if kind == "SequenceStartEvent" else self._map(line, depth)

    def _text(self, event: _YamlEvent, line: int) -> YamlText:
        if len(event.value) > _LONGEST_SCALAR:
            raise self._bad(event, f"a text of {len(event.value)} characters; at most {_LONGEST_SCALAR}")
        return YamlText(line, event.value, event.style is None)

    def _list(self, line: int, depth: int) -> YamlList:
        items: list[YamlNode] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            items.append(self._node(event, depth + 1))
        return YamlList(line, items)

    def _map(self, line: int, depth: int) -> YamlMap:
        items: dict[str, YamlNode] = {}
        lines: dict[str, int] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            key = self._node(event, depth + 1)
            if not isinstance(key, YamlText):
                raise self._bad(event, "a key that is a list or a mapping; keys are words")
            if key.text in items:
                raise self._bad(event, f"{key.text[:40]!r} is there twice; the first is in line {lines[key.text]}")
            items[key.text], lines[key.text] = self._node(next(self._events), depth + 1), key.line
        return YamlMap(line, items, lines)

    def _bad(self, event: _YamlEvent, what: str) -> BadScenario:
        return BadScenario(f"{self._name}:{event.start_mark.line + 1}: {what}")
