"""The scenarios: what callers say, when, and over which line, read from scenarios.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from phone.line import LineFaults

SCENARIOS: Final = Path(__file__).parent / "scenarios.toml"


class Step(BaseModel):
    """One thing that a caller does. One of `say`, `digits`, `keys`, `over` and `silent_ms` says what kind it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: tuple[str, ...] = ()
    """Sounds (see material.py), one turn of the caller; with `over`, what is said over the bot."""
    pauses_ms: tuple[int, ...] = ()
    """Silence behind each sound but the last."""
    break_ms: int = Field(default=0, ge=0, le=5000)
    """A pause made inside the only sound, at its quietest place."""
    digits: str = ""
    """Groups of digits, dictated: "415 555 0123"."""
    keys: str = Field(default="", pattern="^[0-9*#]*$")
    """Pressed one after the other; a turn like one that is said."""
    over: str = Field(default="", pattern="^(|interruption|backchannel|cough|side-talk|nothing)$")
    """Said while the bot speaks."""
    after_ms: int = Field(default=1500, ge=0, le=20_000)
    """How long the bot has been speaking before `over`."""
    silent_ms: int = Field(default=0, ge=0, le=60_000)

    @model_validator(mode="after")
    def _check(self) -> "Step":
        others = bool(self.digits) + bool(self.keys) + bool(self.silent_ms)
        if others + bool(self.say) != (self.over != "nothing") or (self.over and others):
            raise ValueError("a step has one of say, digits, keys, silent_ms, or over with what is said")
        stretches = len(self.digits.split()) or len(self.say)
        if self.pauses_ms and len(self.pauses_ms) != stretches - 1:
            raise ValueError(f"{stretches} stretches have {stretches - 1} pauses, not {len(self.pauses_ms)}")
        if self.break_ms and len(self.say) != 1:
            raise ValueError("break_ms is for one sound")
        return self


class Scenario(BaseModel):
    """One call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    group: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    snr_db: float | None = None
    """Speech to pink noise; None: a quiet line."""
    loss: float = Field(default=0.0, ge=0, lt=1)
    jitter_ms: float = Field(default=0.0, ge=0, le=2000)
    ask: str = ""
    """What makes the bot speak at length, for steps with `over`."""

    @model_validator(mode="after")
    def _check(self) -> "Scenario":
        if not self.ask and any(step.over for step in self.steps):
            raise ValueError(f"{self.name}: steps with `over` need `ask`")
        return self

    @property
    def faults(self) -> LineFaults:
        return LineFaults(loss=self.loss, jitter_ms=self.jitter_ms)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seed: int
    call: tuple[Scenario, ...]


@dataclass(frozen=True, slots=True)
class ScenarioSet:
    """All calls of a run."""

    seed: int
    calls: tuple[Scenario, ...]

    def of(self, groups: set[str]) -> "ScenarioSet":
        """Return the calls of `groups`; all where that is empty.

        Raises:
            ValueError: a group is not there.
        """
        known = {call.group for call in self.calls}
        if unknown := groups - known:
            raise ValueError(f"no group {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
        return ScenarioSet(self.seed, tuple(c for c in self.calls if not groups or c.group in groups))

    def sounds(self) -> list[str]:
        """Return every sound of the set once, in order."""
        found: dict[str, None] = {}
        for call in self.calls:
            for step in call.steps:
                found |= dict.fromkeys(step.say)
                found |= dict.fromkeys(f"digits:{group}" for group in step.digits.split())
            if call.ask:
                found[call.ask] = None
        return list(found)


def load(path: Path = SCENARIOS) -> ScenarioSet:
    """Read a set of scenarios.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML, or says what no scenario can.
    """
    document = _Document.model_validate(tomllib.loads(path.read_text()))
    names = [call.name for call in document.call]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{path}: two calls are named {', '.join(sorted(twice))}")
    return ScenarioSet(document.seed, document.call)
