"""One record, replayed and compared: what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bridge.replay.comparison import Difference, Event, Figures, cut_and_merged, differences, figures, words_changed
from bridge.replay.rerun import Parts, Rerun, rerun
from bridge.replay.wire_record import WireRecord, read

TOLERANCE_MS: Final = 40
"""Two VAD windows and a bit: a real loop is late by some milliseconds, and the virtual one never."""


class Outcome(StrEnum):
    """Whether a replay does what its record did."""

    SAME = "same"
    OTHERWISE = "otherwise"
    UNKNOWN = "unknown"
    """Part of the record is missing: what is equal proves nothing."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of one replay."""

    path: Path
    call_id: str
    outcome: Outcome
    differences: Sequence[Difference]
    before: Figures
    after: Figures
    guessed: Mapping[str, int]
    """What the record did not hold, and had to be guessed, by what was asked."""
    remarks: Sequence[str]
    call_s: float
    """How long the call was."""
    took_s: float
    events: Sequence[Event]
    """Of the replay."""

    def as_json(self) -> Mapping[str, object]:
        """Return it as JSON has it."""
        cut, merged = cut_and_merged(self.before, self.after)
        return {
            "record": str(self.path),
            "call_id": self.call_id,
            "outcome": self.outcome.value,
            "call_s": round(self.call_s, 3),
            "took_s": round(self.took_s, 3),
            "differences": [asdict(each) | {"what": each.what} for each in self.differences],
            "before": _in_numbers(self.before),
            "after": _in_numbers(self.after),
            "turns_cut": cut,
            "turns_merged": merged,
            "words_changed": words_changed(self.before, self.after),
            "guessed": dict(self.guessed),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no record, or a damaged one."""

    path: Path
    why: str
    """Names the file and the line."""


def judge(path: Path, parts: Parts | None = None, *, tolerance_ms: int = TOLERANCE_MS) -> Comparison:
    """Replay the record at `path` and compare; blocks.

    Raises:
        RecordFault: it is none, or damaged. SettingsError, PluginError: a change cannot be used. OSError.
    """
    record = read(path)
    return compare(record, rerun(record, parts), tolerance_ms=tolerance_ms)


def compare(record: WireRecord, made: Rerun, *, tolerance_ms: int = TOLERANCE_MS) -> Comparison:
    """Return how `made`, a replay of `record`, differs from it."""
    before = [line.body for line in record.events]
    after: Sequence[Event] = made.events
    if record.cut:  # what came later is not in it
        after = [event for event in after if _t(event) <= record.ends_s and event.get("what") != "ended"]
    found = differences(before, after, tolerance_ms=tolerance_ms)
    outcome = Outcome.OTHERWISE if found else Outcome.SAME if not record.lost else Outcome.UNKNOWN
    call = record.begin.body.get("call")
    return Comparison(
        record.path,
        str(call.get("call_id", "")) if isinstance(call, dict) else "",
        outcome if not (record.lost and found) else Outcome.UNKNOWN,
        found,
        figures(before),
        figures(after),
        made.guessed,
        list(_remarks(record, made)),
        record.ends_s - record.begin.t_s,
        made.took_s,
        after,
    )


def _remarks(record: WireRecord, made: Rerun) -> Sequence[str]:
    remarks = []
    if record.lost:
        remarks.append(f"{record.lost} lines are missing from the record: a difference may be of that")
    if record.cut:
        remarks.append("the record has no end: it is compared up to where it breaks off")
    if record.begin.body.get("denoised") is True:
        remarks.append("the call was denoised; the replay has the sound before that, and the VAD's answers of then")
    then, now = _versions(record)
    if then != now:
        remarks.append(f"the call was carried by version {then}, this is {now}")
    if made.unknown:
        remarks.append(f"this bridge does not take the record's {', '.join(made.unknown)}: the defaults hold")
    if made.guessed:
        told = ", ".join(f"{what} {count}" for what, count in sorted(made.guessed.items()))
        remarks.append(f"the record does not hold all that was asked; guessed: {told}")
    return remarks


def _versions(record: WireRecord) -> tuple[object, str]:
    told = record.begin.body.get("versions")
    return told.get("voice-bridge") if isinstance(told, dict) else None, version("voice-bridge")


def _in_numbers(figures: Figures) -> Mapping[str, object]:
    return {
        "turns": figures.turns,
        "replies": figures.replies,
        "barge_ins": figures.barge_ins,
        "waits_ms": list(figures.waits_ms),
        "words": len(figures.words),
    }


def _t(event: Event) -> float:
    value = event.get("t")
    return value if isinstance(value, float) else 0.0
