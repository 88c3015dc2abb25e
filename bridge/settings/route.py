"""One `[[route]]` of the TOML file: which calls it is for, and what those calls are given instead."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

_NUMBER: Final = re.compile(r"[+0-9*][-+0-9*#() ./]*")
_WRITTEN: Final = str.maketrans("", "", "-() ./")


@dataclass(frozen=True, slots=True)
class Route:
    """Conditions, all of which must hold, and options. A condition that is empty holds for every call."""

    number: int
    """Its place in the file, from 1."""
    name: str = ""
    callee: tuple[str, ...] = ()
    """Patterns of which one must match; "*" stands for any characters."""
    caller: tuple[str, ...] = ()
    wire: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns by the name of a parameter; the call must have it."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Settings in which its calls differ, already checked."""

    def __str__(self) -> str:
        return f"route {self.number}" + (f" ({self.name})" if self.name else "")

    @property
    def conditions(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield what must match, and with which patterns one of."""
        for what in ("callee", "caller", "wire", "direction"):
            if patterns := getattr(self, what):
                yield what, patterns
        for name, patterns in self.parameters.items():
            yield f"parameters.{name}", patterns


def matches(patterns: tuple[str, ...], value: str) -> bool:
    """Tell whether one of `patterns` stands for `value`; numbers are compared without blanks, hyphens, brackets."""
    plain = normal(value)
    return any(fnmatchcase(plain, escaped(normal(pattern))) for pattern in patterns)


def normal(text: str) -> str:
    """Return `text`, a telephone number without what only separates its groups."""
    text = text.strip()
    return text.translate(_WRITTEN) if _NUMBER.fullmatch(text) else text


def escaped(pattern: str) -> str:
    """Leave "*" its meaning and take theirs from "?" and "[": parameters may hold them."""
    return pattern.replace("[", "[[]").replace("?", "[?]")
