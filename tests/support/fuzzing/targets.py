"""The list of all targets: a parser that reads what comes from outside has one here."""

from collections.abc import Mapping
from typing import Final

from fuzzing import bots, engines, evals, options, wires
from fuzzing.target import Target

TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (*wires.TARGETS, *bots.TARGETS, *options.TARGETS, *engines.TARGETS, *evals.TARGETS)
}
"""By name."""
