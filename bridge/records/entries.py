"""What is kept of a call: entries, in the order in which it happened. Pure."""

import json
from collections.abc import Mapping, MutableSequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite
from typing import Final

LONGEST_TEXT: Final = 20_000
"""Characters: a text of a record is cut there, twenty minutes of speech."""


class EntryKind(StrEnum):
    """What an entry tells. The words are those of the database, of exports and of events."""

    STARTED = "started"  # the first: who calls whom, over what
    CALLER = "caller"  # what the caller said, settled
    TARGET = "target"  # what the one said to whom the caller was put through
    BOT = "bot"  # what the caller heard of one reply, and what of it was cut
    KEYS = "keys"  # what the caller pressed
    ACTION = "action"  # what the bot did, and what became of it
    TOOL = "tool"  # what the bot looked up or had done elsewhere
    MODEL = "model"  # one answer of a language model, in tokens
    NOTE = "note"  # what the bot wants kept
    REDACTED = "redacted"  # what an earlier entry says now: part of a card's number was in it
    OPERATOR = "operator"  # what a supervisor had said or done, and who that was
    LATENCY = "latency"  # how long the caller waited for an answer, and for what
    FAULT = "fault"  # what went wrong
    LISTENER = "listener"  # an operator listens in to the call
    RECORDING = "recording"  # where the sound is, or why there is none
    ENDED = "ended"  # the last: why, by whom, and what the call came to


ENDING: Final = (
    *("language", "ended_by", "fault", "turns", "barge_ins", "faults", "duration_ms", "first_audio_ms"),
    *("heard_ms", "spoken_chars", "input_tokens", "output_tokens", "cost"),
)
"""Of the data of the last entry, what stands in the row of the call, too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a call's record."""

    record: str
    """Names the record of the call: 32 hexadecimal digits, never used twice."""
    number: int
    """1 is the first entry of the record. Both together name the entry: whoever gets it twice can tell."""
    at: float
    """Seconds since 1970, by the clock of the machine that carried the call."""
    kind: EntryKind
    text: str = ""
    """What was said, pressed or done, in words; it is what a search looks through."""
    data: Mapping[str, object] = field(default_factory=dict)
    """The rest, by kind (docs/records.md). Values are what JSON has."""

    @property
    def key(self) -> str:
        """Names it towards others: record:number."""
        return f"{self.record}:{self.number}"

    @property
    def amends(self) -> str:
        """The key of the entry that this one amends; "" where it is none of that kind."""
        of = self.data.get("of") if self.kind is EntryKind.REDACTED else None
        return f"{self.record}:{of}" if isinstance(of, int) else ""

    def amended(self, by: "Entry") -> "Entry":
        """Return this entry as `by`, which amends it, says. What has lost its words for its age gets none back."""
        if self.data.get("expired"):
            return self
        return replace(self, text=by.text, data={key: value for key, value in by.data.items() if key != "of"})

    def to_json(self) -> bytes:
        """Return it as one line of JSON, without the line's end."""
        parts = (self.record, self.number, round(self.at, 3), self.kind, self.text, dict(self.data))
        return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()


def amend(held: MutableSequence[Entry], by: Entry) -> None:
    """Have the entry of `held` that `by` amends, where there is one, say what `by` says."""
    if amended := by.amends:
        for place, entry in enumerate(held):
            if entry.key == amended:
                held[place] = entry.amended(by)


def storable(value: object) -> object:
    """Return `value` as a database takes it: no NUL, no half of a surrogate pair, and nothing but what JSON has."""
    match value:
        case str():
            return str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        case bool() | int() | None:
            return value
        case float():
            return value if isfinite(value) else None
        case Mapping():
            return {str(storable(str(key))): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return storable(str(value))


class BadEntry(ValueError):
    """A line is no entry."""


_RECORD_CHARS: Final = 64


def from_json(line: bytes) -> Entry:
    """Return the entry that `to_json` wrote.

    Raises:
        BadEntry: it did not, or the line was cut.
    """
    try:
        record, number, at, kind, text, data = json.loads(line)
        entry = Entry(record, number, at, EntryKind(kind), text, data)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadEntry(f"no entry of a record: {line[:80]!r}: {error}") from error
    sound = (
        isinstance(record, str)
        and 0 < len(record) <= _RECORD_CHARS
        and type(number) is int
        and number > 0
        and isinstance(at, int | float)
        and isinstance(text, str)
        and isinstance(data, dict)
    )
    if not sound:
        raise BadEntry(f"no entry of a record: {line[:80]!r}")
    return entry
