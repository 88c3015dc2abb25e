"""P(the caller is done) from what the recogniser expects behind the last word and from what kind of text it is. Pure.

A logistic regression, so that every judgement can be taken apart: log odds = intercept + stop * logit P(stop) + comma *
log P(comma) + that of the kind. Its weights are data, in end_probability.toml, with what made them.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Self

from bridge.speech.api import MarksAhead
from bridge.speech.dictation import Kind

_LEAST: Final = 1e-4
"""Probabilities are taken for at least this: below it a recogniser's own are noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWeights:
    """What each sign counts, in log odds. Ends and pauses were made equally many when they were fitted."""

    intercept: float
    stop: float
    comma: float
    kinds: Mapping[Kind, float]
    """Only these are judged: the others tell by themselves, and have waits of their own."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Take them from TOML.

        Raises:
            ValueError: it is no TOML, a weight is missing or no number, or a kind is unknown.
        """
        table = tomllib.loads(text)
        weights = table.get("kinds", {})
        if not isinstance(weights, dict):
            raise ValueError(f"kinds is {weights!r}, must be a table of weights")
        kinds = {Kind(name): _number(f"kinds.{name}", weight) for name, weight in weights.items()}
        single = {name: _number(name, table.get(name)) for name in ("intercept", "stop", "comma")}
        return cls(kinds=kinds, **single)

    def probability(self, marks: MarksAhead, kind: Kind) -> float | None:
        """Return P(the caller is done), 0..1; None for a kind that is not judged."""
        if kind not in self.kinds:
            return None
        stop, comma = (min(1 - _LEAST, max(_LEAST, value)) for value in (marks.stop, marks.comma))
        odds = self.intercept + self.stop * math.log(stop / (1 - stop)) + self.comma * math.log(comma)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds + self.kinds[kind]))))


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, must be a number")
    return float(value)


def shipped() -> EndWeights:
    """Return the weights that end_probability.toml has."""
    return EndWeights.read(files("bridge.turns").joinpath("end_probability.toml").read_text("utf-8"))


END_WEIGHTS: Final = shipped()
"""Read on import: no call waits for the disk."""
