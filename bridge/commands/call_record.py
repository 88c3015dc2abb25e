"""What is kept of a call that our own telephone made."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at_ms: float
    """Since the call began."""
    what: str
    """speech-begins, speech-ends, audio-received, audio-heard, silence, clear, mark, gap, closed."""
    detail: str = ""


@dataclass(slots=True)
class CallRecord:
    """What happened in a call, and what both sides heard: mu-law, 8 kHz, from the same instant."""

    timeline: list[Moment] = field(default_factory=list)
    caller: bytearray = field(default_factory=bytearray)
    bot: bytearray = field(default_factory=bytearray)
    late_ms: list[float] = field(default_factory=list)
    """How late each frame left: the telephone's own honesty."""
    close_code: int | None = None

    def first(self, what: str, *, after_ms: float = 0.0) -> float | None:
        """Return when `what` first happened at or after `after_ms`, None when it did not."""
        return next((m.at_ms for m in self.timeline if m.what == what and m.at_ms >= after_ms), None)

    def count(self, what: str) -> int:
        return sum(moment.what == what for moment in self.timeline)
