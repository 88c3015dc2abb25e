"""The options of what is kept of calls: docs/records.md."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from bridge.redaction.patterns import compiled
from bridge.settings.types import Age, Group, OptionalPath, PostUrl, Section, Takes, split_pairs, split_words


def _usable(pattern: str) -> str:
    compiled(pattern)  # a ValueError says what is wrong with it
    return pattern


def _patterns(value: object) -> object:
    return [part for part in value.split("|") if part] if isinstance(value, str) else value


Redactions = Annotated[
    tuple[Literal["cards", "phones", "emails"], ...],
    BeforeValidator(split_words),
    Takes("cards, phones, emails, with commas between"),
]
RedactPatterns = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_usable)], ...],
    BeforeValidator(_patterns),
    Takes("patterns like KD-[0-9]{6}, with | between"),
]


Prices = Annotated[
    Mapping[Literal["heard", "spoken", "input", "output"], Annotated[float, Field(ge=0, le=1e6)]],
    BeforeValidator(split_pairs),
    Takes("prices like heard=0.0043,spoken=15,input=0.4,output=1.6, with commas between"),
]


class Records(Group):
    """The call log: what is kept of each call, where, and for how long."""

    section = Section.RECORDS

    records: str = Field(
        default="",
        description="Database of the call log: sqlite:///FILE, postgresql://USER@HOST/NAME for many bridges (extra "
        "postgresql), or none. Without it, a file in state_dir.",
    )
    state_dir: OptionalPath = Field(
        default=None,
        description="Folder of what this server keeps: call log, recordings, what waits for a database. Without it, "
        "voice-bridge in $XDG_STATE_HOME, else in ~/.local/state.",
    )
    records_backlog_mb: int = Field(
        default=200,
        ge=1,
        le=1_000_000,
        description="Megabytes of call records that may wait on disk while the database is down. What comes beyond is "
        "lost, counted and told.",
    )
    keep_text: Age = Field(
        default="7d",
        description="How long what was said is kept: 12h, 7d. Then only that it was said. 0 is for ever.",
    )
    keep_calls: Age = Field(
        default="90d", description="How long calls are kept: who, when, how long, how it ended. 0 is for ever."
    )
    events_url: PostUrl = Field(
        default="",
        description="https:// address that is told of every call: its begin, each turn, and the whole record at its "
        "end. Where it is down it is told later, for a day. webhook_secret signs.",
    )
    redact: Redactions = Field(
        default=(),
        description="What is taken out of texts before they are kept or logged: cards, in words and over several "
        "utterances too, phones, emails. Numbers of the call itself stay in the call log, by which it is found and "
        "deleted.",
    )
    redact_pattern: RedactPatterns = Field(
        default=(),
        description="Own patterns that are taken out, too, like KD-[0-9]{6}, with | between: characters and classes, "
        "each with {2,5}, ?, + or * (64 at most).",
    )
    prices: Prices = Field(
        default={},
        description="What engines cost, in any currency, for the cost of each call: heard for a minute of speech that "
        "is recognised, spoken for a million letters, input and output for a million tokens.",
    )
    keep_audio: Age = Field(default="7d", description="How long recordings are kept: 12h, 7d. 0 is for ever.")
