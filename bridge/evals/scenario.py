"""A scenario: what a simulated caller does, step by step, and what is expected of the bot. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from bridge.commands.phone.line_faults import Fault

RESUMES_MS: Final = 3000
"""After a cough the bot is heard again within so long, or it was interrupted."""


class Check(StrEnum):
    """What can be expected. The words are those of scenario files."""

    SAYS = "says"
    NEVER_SAYS = "never_says"
    MATCHES = "matches"
    MEANS = "means"
    SAYS_NOTHING = "says_nothing"
    UNDERSTANDS = "understands"
    WITHIN = "within"
    YIELDS_WITHIN = "yields_within"
    GOES_ON = "goes_on"
    CALLS_TOOL = "calls_tool"
    NEVER_CALLS = "never_calls"
    DOES = "does"
    TRANSFERS_TO = "transfers_to"
    ENDED_BY = "ended_by"
    END_REASON = "end_reason"
    NO_TALKING_OVER = "no_talking_over"
    NO_REPEATED_QUESTION = "no_repeated_question"
    NO_GAPS = "no_gaps"
    NO_FAULTS = "no_faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One thing that is expected, of what follows one step or of the whole call."""

    check: Check
    line: int
    """Of the scenario file, from 1 on."""
    texts: tuple[str, ...] = ()
    """Words, a pattern, a rubric, or a name; by `check`."""
    limit_ms: int = 0
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of a tool or an action: name -> value, or /pattern/."""
    soft: bool = False
    """It is reported, and fails nothing."""

    def __str__(self) -> str:
        what = ", ".join(self.texts) or (f"{self.limit_ms} ms" if self.limit_ms else "")
        with_them = f" with {', '.join(f'{name}={value}' for name, value in self.arguments.items())}"
        return f"{self.check.value}{f' {what}' if what else ''}{with_them if self.arguments else ''}"


class SpeechKind(StrEnum):
    """How the caller makes a sound."""

    SAY = "say"
    PLAY = "play"
    INTERRUPT = "interrupt"
    BACKCHANNEL = "backchannel"
    COUGH = "cough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak:
    """The caller says a text, plays a recording, or coughs."""

    kind: SpeechKind
    text: str = ""
    file: Path | None = None
    voice: str = ""
    """"" is that of the scenario."""
    speed: float = 1.0
    after_ms: int | None = None
    """The bot has spoken for so long; None waits until it has finished."""
    at_once: bool = False
    """Waits for nothing."""

    @property
    def is_turn(self) -> bool:
        """Whether the bot has to answer."""
        return self.kind not in {SpeechKind.BACKCHANNEL, SpeechKind.COUGH}


@dataclass(frozen=True, slots=True, kw_only=True)
class PressKeys:
    """The caller presses keys, once the bot has finished or has spoken for `after_ms`."""

    keys: str
    after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaySilent:
    """The caller says nothing for so long."""

    ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForBot:
    """The caller waits until the bot begins to speak, or has finished."""

    finished: bool
    limit_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundNoise:
    """What is heard behind the caller, from now on."""

    sound: str
    """white, hum, babble, off, or the path of a WAV file."""
    snr_db: float
    """By how much the caller's voice is louder."""


@dataclass(frozen=True, slots=True)
class HangUpNow:
    """The caller hangs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChat:
    """A language model is the caller, for at most so many turns."""

    goal: str
    persona: str = ""
    turns: int = 8


Act = Speak | PressKeys | StaySilent | WaitForBot | BackgroundNoise | HangUpNow | ModelChat


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioStep:
    """One step, and what is expected until the next."""

    number: int
    """From 1 on."""
    line: int
    act: Act
    expects: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One file."""

    path: Path
    name: str
    steps: tuple[ScenarioStep, ...]
    expects: tuple[Expectation, ...] = ()
    """Of the whole call."""
    about: str = ""
    settings: Mapping[str, str | bool] = field(default_factory=dict)
    """Options of the bridge that is started for it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the carrier passes along: `CallInfo.parameters`."""
    voice: str = ""
    background: BackgroundNoise | None = None
    faults: tuple[Fault, ...] = (Fault.NONE,)
    times: int = 1
    own_server: bool = False
    """Each call has a bridge of its own: for bots that remember calls."""
    patience_ms: int = 700
    """A bot that was silent for so long has finished: the caller goes on."""
    limit_ms: int = 120_000
    """The caller hangs up after so long."""

    @property
    def expectations(self) -> tuple[tuple[ScenarioStep | None, Expectation], ...]:
        """All that is expected, each with its step; None: of the whole call."""
        of_steps = [(step, expectation) for step in self.steps for expectation in step.expects]
        return (*of_steps, *((None, expectation) for expectation in self.expects))
