"""What a trace is made of. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.tracing import Value


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A moment in a span."""

    name: str
    at_ns: int
    """Nanoseconds since 1970, as all times here."""
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSpan:
    """One that is over."""

    name: str
    trace_id: int
    """128 bits, not 0."""
    span_id: int
    """64 bits, not 0."""
    parent_id: int = 0
    """The span that it is part of; 0 for the call itself."""
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: Sequence[SpanEvent] = ()
    client: bool = False
    """It is a request to another program."""
    server: bool = False
    """It is one from another program."""
    error: str = ""
    """What went wrong."""


def traceparent(trace_id: int, span_id: int) -> str:
    """Return the header of that name (W3C Trace Context, version 00); the trace is kept."""
    return f"00-{trace_id:032x}-{span_id:016x}-01"
