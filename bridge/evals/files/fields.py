"""Typed fields of a mapping in a scenario file: each is taken once, and what nobody takes is an error."""

import difflib
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from bridge.evals.files.yaml_tree import BadScenario, YamlList, YamlMap, YamlNode, YamlText

T = TypeVar("T")

_DURATION: Final = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)\s?(ms|s|m)")
_FACTOR: Final = {"ms": 1, "s": 1000, "m": 60_000}
LONGEST_MS: Final = 3_600_000
_SHOWN: Final = 60


class BadField(Exception):
    """A value cannot be used: the line it is in, and what is wrong with which field."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def shown(node: YamlNode) -> str:
    """Return `node` as an error quotes it."""
    match node:
        case YamlText(text=text):
            return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
        case YamlList():
            return "a list"
    return "a mapping"


def text(node: YamlNode, field: str, *, most: int = 2000) -> str:
    """Return a text that is not empty."""
    if not isinstance(node, YamlText):
        raise BadField(node.line, f"{field}: got {shown(node)}; write a text")
    if not node.text.strip():
        raise BadField(node.line, f"{field}: it is empty; write a text")
    if len(node.text) > most:
        raise BadField(node.line, f"{field}: got {len(node.text)} characters; at most {most}")
    if any(ord(c) < 32 and c not in "\n\t" for c in node.text):
        raise BadField(node.line, f"{field}: got {shown(node)}, with a control character in it; take it out")
    return node.text


def texts(node: YamlNode, field: str) -> tuple[str, ...]:
    """Return one text or a list of them."""
    if isinstance(node, YamlList):
        if not node.items:
            raise BadField(node.line, f"{field}: the list is empty; write a text")
        return tuple(text(item, f"{field}[{at}]") for at, item in enumerate(node.items))
    return (text(node, field),)


def duration_ms(node: YamlNode, field: str) -> int:
    """Return a length of time: "800ms", "1.5s", "2m"."""
    found = _DURATION.fullmatch(node.text.strip()) if isinstance(node, YamlText) else None
    if not found:
        raise BadField(node.line, f"{field}: got {shown(node)}; write a time with its unit, as 800ms, 1.5s or 2m")
    ms = round(float(found[1]) * _FACTOR[found[2]])
    if ms > LONGEST_MS:
        raise BadField(node.line, f"{field}: got {shown(node)}; at most an hour")
    return ms


def number(node: YamlNode, field: str, *, least: float, most: float, unit: str = "") -> float:
    """Return a number within bounds, with or without its `unit` behind it."""
    written = node.text.strip().removesuffix(unit).strip() if isinstance(node, YamlText) else ""
    found = float(written) if re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,6})?", written) else None
    if found is None or not least <= found <= most:
        raise BadField(node.line, f"{field}: got {shown(node)}; write a number from {least:g} to {most:g}{unit}")
    return found


def whole(node: YamlNode, field: str, *, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    found = number(node, field, least=least, most=most)
    if found != int(found):
        raise BadField(node.line, f"{field}: got {shown(node)}; write a whole number from {least} to {most}")
    return int(found)


def truth(node: YamlNode, field: str) -> bool:
    """Return true or false. YAML's other words for them are none here."""
    if isinstance(node, YamlText) and node.plain and node.text in {"true", "false"}:
        return node.text == "true"
    raise BadField(node.line, f"{field}: got {shown(node)}; write true or false")


def pattern(node: YamlNode, field: str) -> str:
    """Return a regular expression."""
    written = text(node, field, most=500)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # of a set that Python will read otherwise one day
            re.compile(written)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise BadField(node.line, f"{field}: got {shown(node)}, no regular expression: {error}") from None
    return written


def values(node: YamlNode, field: str) -> dict[str, str]:
    """Return a mapping of texts."""
    if not isinstance(node, YamlMap):
        raise BadField(node.line, f"{field}: got {shown(node)}; write a mapping, as {{day: Friday}}")
    return {name: text(item, f"{field}.{name}") for name, item in node.items.items()}


def one_of(choices: Sequence[str]) -> Callable[[YamlNode, str], str]:
    """Return a reader of a word out of `choices`."""

    def read(node: YamlNode, field: str) -> str:
        word = text(node, field)
        if word not in choices:
            raise BadField(node.line, f"{field}: got {shown(node)}; write {_or(choices)}{_meant(word, choices)}")
        return word

    return read


class Fields:
    """The fields of one mapping. Take what is known, then `done`."""

    def __init__(self, node: YamlNode, field: str, *, like: str) -> None:
        """`field`: what the mapping is, for errors; "" at the top. `like`: an example of it."""
        if not isinstance(node, YamlMap):
            raise BadField(node.line, f"{field or 'the file'}: got {shown(node)}; write a mapping, as {like}")
        self.node, self._field = node, field
        self._left = dict(node.items)
        self._known: list[str] = []

    def has(self, name: str) -> bool:
        """Return whether the field is there."""
        return name in self.node.items

    def name(self, name: str) -> str:
        """Return what errors call the field `name`."""
        return f"{self._field}.{name}" if self._field else name

    def take(self, name: str, read: Callable[[YamlNode, str], T], default: T) -> T:
        """Return the field `name` as `read` understands it, or `default` where there is none."""
        self._known.append(name)
        node = self._left.pop(name, None)
        return default if node is None else read(node, self.name(name))

    def need(self, name: str, read: Callable[[YamlNode, str], T]) -> T:
        """Return the field `name`, which has to be there."""
        self._known.append(name)
        if name not in self._left:
            raise BadField(self.node.line, f"{self.name(name)} is missing; add it")
        return read(self._left.pop(name), self.name(name))

    def done(self) -> None:
        """Check that every field was taken.

        Raises:
            BadField: one was not.
        """
        for name in self._left:
            known = f"; known here: {', '.join(self._known)}"
            what = f"{self.name(name)!s} is no field{_meant(name, self._known)}{known}"
            raise BadField(self.node.lines[name], what)


def kind_of(node: YamlMap, field: str, kinds: Mapping[str, object], *, what: str) -> str:
    """Return the one key of `node` that says which of `kinds` it is; `what` names such a thing."""
    found = [name for name in node.items if name in kinds]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise BadField(node.lines[found[1]], f"{field}: {_and(found)} are {what}s each; make two items of them")
    first = next(iter(node.items), "")
    raise BadField(
        node.lines.get(first, node.line),
        f"{field}: {first!r} is no {what}{_meant(first, list(kinds))}; there are {', '.join(kinds)}",
    )


def as_bad_scenario(errors: Sequence[BadField], file: str) -> BadScenario:
    """Return one error that tells of all `errors` of a file, a line each."""
    return BadScenario("\n".join(f"{file}:{error.line}: {error}" for error in errors))


def _meant(word: str, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(word[:_SHOWN].replace("-", "_").lower(), choices, n=1)
    return f", did you mean {close[0]}?" if close else ""


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _and(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
