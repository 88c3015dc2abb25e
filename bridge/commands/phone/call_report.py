"""What `bridge call` reports: figures of calls, their timelines and their audio."""

import json
import statistics
import wave
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from bridge.commands.phone.call_record import CallRecord
from bridge.commands.recording import RATE
from telephony.codec import decode, encode
from telephony.events import Encoding

MAX_LATE_MS: Final = 5.0
"""Greatest p99 of the delay of our own frames: with more, the figures say nothing true about the server."""


class DishonestRun(Exception):
    """Our own frames left late: the figures would be wrong."""


@dataclass(slots=True)
class TurnFigures:
    """Figures of one recording said to the bot. Milliseconds; None for what did not happen."""

    name: str
    said_at_ms: float
    """Start of the recording, since the call began."""
    first_audio_ms: float | None = None
    """End of speech to the first bot audio received."""
    heard_ms: float | None = None
    """End of speech to the first bot audio heard; negative when the bot cut in."""
    clear_ms: float | None = None
    """Onset of a barge-in to `clear`."""
    silent_ms: float | None = None
    """Onset of a barge-in to silence at the caller's ear."""
    partial_ms: float | None = None
    """Onset of speech to its first partial transcript, on wires that tell transcripts."""
    final_ms: float | None = None
    """End of speech to its final transcript."""


@dataclass(slots=True)
class CallFigures:
    """Figures of one call."""

    greeting_ms: float | None = None
    """Start of the call to the first bot audio heard; None where none was."""
    turns: list[TurnFigures] = field(default_factory=list)
    gaps: int = 0
    """Gaps heard inside what the bot said."""
    late_p99_ms: float = 0.0
    """p99 of the delay of our own frames."""
    close_code: int | None = None
    """WebSocket close code of the server."""
    fault: str = ""
    """Name of the fault of the line; "" for none."""
    answered: bool = True
    """False on a wire over which nobody answers: what is said is written down."""


def check_honesty(figures: Sequence[CallFigures]) -> None:
    """Check that our own frames left in time.

    Raises:
        DishonestRun: they were late.
    """
    worst_ms = max((call.late_p99_ms for call in figures), default=0.0)
    if worst_ms > MAX_LATE_MS:
        raise DishonestRun(
            f"this telephone's own frames left up to {worst_ms:.1f} ms late (p99, allowed {MAX_LATE_MS:g}): "
            "the machine is too busy for a measurement"
        )


def report(figures: Sequence[CallFigures]) -> str:
    """Return a summary of the calls, as text of several lines."""
    turns = [turn for call in figures for turn in call.turns]
    lines = [f"{len(figures)} calls, {len(turns)} turns"]
    for label, values in (
        ("greeting heard", [call.greeting_ms for call in figures]),
        ("end of speech -> first audio received", [turn.first_audio_ms for turn in turns]),
        ("end of speech -> first audio heard", [turn.heard_ms for turn in turns]),
        ("onset of speech -> first partial", [turn.partial_ms for turn in turns]),
        ("end of speech -> final", [turn.final_ms for turn in turns]),
        ("barge-in -> clear", [turn.clear_ms for turn in turns]),
        ("barge-in -> silence", [turn.silent_ms for turn in turns]),
    ):
        known = [value for value in values if value is not None]
        if known:
            p50, p95 = statistics.median(known), float(np.percentile(known, 95))
            lines.append(f"  {label:<38} p50 {p50:5.0f}  p95 {p95:5.0f}  max {max(known):5.0f} ms  ({len(known)})")
    lines.append(f"  {_lacking(figures, turns)}")
    return "\n".join(lines)


def _lacking(figures: Sequence[CallFigures], turns: Sequence[TurnFigures]) -> str:
    if not any(call.answered for call in figures):
        return f"without a final {sum(turn.final_ms is None for turn in turns)}"
    early = sum(turn.heard_ms is not None and turn.heard_ms < 0 for turn in turns)
    never = sum(turn.heard_ms is None for turn in turns)
    return f"answered too early {early}, never {never}; audible gaps {sum(call.gaps for call in figures)}"


def timeline(record: CallRecord) -> str:
    """Return the timeline of a call as text: a line of time, event and detail for each moment."""
    return "\n".join(f"{moment.at_ms:9.0f} ms  {moment.what:<15} {moment.detail}" for moment in record.timeline)


def save_wav(record: CallRecord, path: Path) -> None:
    """Write the audio of a call as a stereo WAV: the caller left, the bot right."""
    with path.open("wb") as file:
        write_wav(record, file)


def write_wav(record: CallRecord, file: BinaryIO) -> None:
    """Write to `file` what `save_wav` writes to a path."""
    sides = [decode(bytes(side), Encoding.MULAW) for side in (record.caller, record.bot)]
    length = min(map(len, sides))
    with wave.open(file, "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(encode(np.stack([side[:length] for side in sides], axis=1).reshape(-1), Encoding.L16))


def save_json(calls: Sequence[tuple[CallFigures, CallRecord]], path: Path) -> None:
    """Write figures and timelines of calls as JSON."""
    data = [{**asdict(figures), "timeline": [asdict(m) for m in record.timeline]} for figures, record in calls]
    path.write_text(json.dumps(data, indent=1))
