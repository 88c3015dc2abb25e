"""The record of a call that the simulated phone made."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at_ms: float
    """Milliseconds since the call began."""
    what: str
    """speech-begins, speech-ends, audio-received, audio-heard, silence, clear, mark, gap, partial, final, closed."""
    detail: str = ""


@dataclass(slots=True)
class CallRecord:
    """What happened in a call, and the audio of both sides: mu-law, 8 kHz, from the same instant on."""

    timeline: list[Moment] = field(default_factory=list)
    caller: bytearray = field(default_factory=bytearray)
    """What the caller said."""
    bot: bytearray = field(default_factory=bytearray)
    """What the caller heard of the bot."""
    late_ms: list[float] = field(default_factory=list)
    """Milliseconds by which each of our own frames left late."""
    close_code: int | None = None
    """WebSocket close code; None while the call lasts."""

    def first(self, what: str, *, after_ms: float = 0.0) -> float | None:
        """Return when `what` first happened at or after `after_ms`; None where it did not."""
        return next((m.at_ms for m in self.timeline if m.what == what and m.at_ms >= after_ms), None)

    def count(self, what: str) -> int:
        """Return how often `what` happened."""
        return sum(moment.what == what for moment in self.timeline)
