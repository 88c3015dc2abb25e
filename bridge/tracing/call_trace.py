"""The trace of one call while it is made: a span of the call, one a turn with its parts, one for what a bot asks.

What was said is in none of them, nor who called: the call log has that, and `bridge.record` names the call in it.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bot.actions import Action
from bot.api import Final
from bot.tracing import Span, Value
from bridge.observer import CallObserver
from bridge.records.answer_times import AnswerTimes
from bridge.tracing.spans import EndedSpan, SpanEvent, traceparent

_MOST_SPANS = 2_000
"""Of one call; an hour of conversation has a quarter of it."""
_MOST_EVENTS = 200
_MS = 1_000_000
_FACTS = ("call_id", "wire", "direction", "route", "bot", "voice", "node")
"""Of what is known of a call: no numbers, no names, no parameters."""


class CallTrace(CallObserver):
    """Of one call; also what its bot's spans go to (`bot.tracing.Tracer`)."""

    def __init__(
        self,
        put: Callable[[EndedSpan], None],
        *,
        record: str = "",
        now_ns: Callable[[], int] = time.time_ns,
        new_id: Callable[[int], int] = lambda bits: secrets.randbits(bits) or 1,
    ) -> None:
        """`put` gets each span as it ends; `record` names the call in the call log.
        `now_ns`: nanoseconds since 1970. `new_id` makes one of so many bits."""
        self._put, self._now_ns, self._new_id = put, now_ns, new_id
        self._id, self._root = new_id(128), new_id(64)
        self._began_ns = now_ns()
        self._facts: dict[str, Value] = {"bridge.record": record} if record else {}
        self._begun = False
        self._events: list[SpanEvent] = []
        self._spans = 0
        self._turns = self._barge_ins = 0
        self._times = AnswerTimes(lambda: now_ns() / 1e9)
        self._turn = self._new_turn()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, as logs and viewers have it."""
        return f"{self._id:032x}"

    # ------------------------------------------------------------ the call

    def started(self, facts: Mapping[str, object]) -> None:
        self._begun = True
        self._facts |= {f"bridge.{name}": str(facts[name]) for name in _FACTS if facts.get(name)}

    def ended(self, reason: str, *, fault: str) -> None:
        self._end_turn()
        if not self._begun:
            return
        counted: dict[str, Value] = {"bridge.turns": self._turns, "bridge.barge_ins": self._barge_ins}
        self._put(
            EndedSpan(
                name="call",
                trace_id=self._id,
                span_id=self._root,
                began_ns=self._began_ns,
                ended_ns=self._now_ns(),
                attributes={**self._facts, **counted, "bridge.end_reason": reason, "bridge.fault": fault},
                events=tuple(self._events),
                server=True,
                error=reason if fault == "ours" else "",
            )
        )

    def acted(self, action: Action, failure: str = "") -> None:
        self._note("action", {"bridge.action": type(action).__name__, "bridge.failed": bool(failure)})

    def fault(self, what: str) -> None:
        self._turn.fault = what
        self._note("fault", {"bridge.fault": what})

    def barged_in(self) -> None:
        self._barge_ins += 1
        self._note("barge-in", {})

    def ran_dry(self, *, gap_ms: int) -> None:
        self._note("audio gap", {"bridge.gap_ms": gap_ms})

    def _note(self, name: str, attributes: Mapping[str, Value]) -> None:
        if len(self._events) < _MOST_EVENTS:
            self._events.append(SpanEvent(name, self._now_ns(), attributes))

    # ------------------------------------------------------------ a turn

    def asked(self) -> None:
        if self._turn.sent_ns is not None:  # what is asked now answers something else
            self._end_turn()

    def speech_ended(self, *, ago_ms: int) -> None:
        spoken_ns = self._now_ns() - ago_ms * _MS
        if self._turn.answered_before(spoken_ns):
            self._end_turn()
        self._times.speech_ended(ago_ms=ago_ms)
        self._turn.spoken_ns = spoken_ns

    def nothing_said(self) -> None:
        self._times.forget()
        self._turn.spoken_ns = None

    def said(self, final: Final) -> None:
        self._times.stamp("final")
        self._turn.language = final.language or self._turn.language

    def text_came(self) -> None:
        self._times.stamp("text")

    def made(self) -> None:
        self._times.stamp("made")

    def sent(self) -> None:
        self._times.stamp("sent")
        now_ns = self._now_ns()
        self._turn.sent_ns = self._turn.sent_ns or now_ns
        self._turn.last_ns = now_ns

    def heard(self, *, ago_ms: int) -> None:
        self._times.heard(ago_ms=ago_ms)
        self._turn.last_ns = self._now_ns()

    def _end_turn(self) -> None:
        """Put the turn, where the caller was answered in it, or a bot was asked for it."""
        turn, times = self._turn, self._times.take()
        self._turn = self._new_turn()
        self._turns += bool(times)
        begins = [at_ns for at_ns in (turn.spoken_ns, turn.asked_ns) if at_ns is not None]
        if not begins or not (times or turn.asked_ns):
            return
        began_ns = min(begins)
        parts = {name.removesuffix("_ms"): (turn.spoken_ns or began_ns) + ms * _MS for name, ms in times.items()}
        attributes: dict[str, Value] = {f"bridge.answer.{name}": ms for name, ms in times.items()}
        if turn.language:
            attributes["bridge.language"] = turn.language
        span = EndedSpan(
            name="turn" if times else "unasked reply",
            trace_id=self._id,
            span_id=turn.span_id,
            parent_id=self._root,
            began_ns=began_ns,
            ended_ns=max([began_ns, turn.last_ns, *parts.values()]),
            attributes=attributes,
            events=[SpanEvent(name, at_ns) for name, at_ns in parts.items()],
            error=turn.fault,
        )
        self._add(span)

    def _new_turn(self) -> "_AnsweredTurn":
        return _AnsweredTurn(self._new_id(64))

    def _add(self, span: EndedSpan) -> None:
        self._spans += 1
        if self._spans <= _MOST_SPANS:
            self._put(span)

    # ------------------------------------------------------------ what the bot asks

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Value], /) -> Iterator[Span]:
        """Note what is enclosed as a part of the turn under way."""
        turn = self._turn
        began_ns, error = self._now_ns(), ""
        turn.asked_ns = turn.asked_ns or began_ns
        noted = _BotSpan(traceparent(self._id, span_id := self._new_id(64)), dict(attributes))
        try:
            yield noted
        except Exception as failed:  # of the bot's author, whatever it is: it is noted on its way to them
            error = type(failed).__name__
            noted.set("error.type", error)
            raise
        finally:
            turn.last_ns = max(turn.last_ns, self._now_ns())
            self._add(
                EndedSpan(
                    name=name,
                    trace_id=self._id,
                    span_id=span_id,
                    parent_id=turn.span_id,
                    began_ns=began_ns,
                    ended_ns=self._now_ns(),
                    attributes=noted.attributes,
                    client="server.address" in noted.attributes,
                    error=error,
                )
            )


class _AnsweredTurn:
    """The one under way: from the end of the caller's speech to the next thing that is answered."""

    def __init__(self, span_id: int) -> None:
        self.span_id, self.last_ns = span_id, 0
        self.spoken_ns: int | None = None
        """When the caller's speech ended."""
        self.asked_ns: int | None = None
        """When the bot first asked somebody for the answer."""
        self.sent_ns: int | None = None
        """When the first audio of the answer left."""
        self.language = self.fault = ""

    def answered_before(self, spoken_ns: int) -> bool:
        """Return whether it was answered, and not ahead of the end of speech at `spoken_ns` that is now known."""
        return self.sent_ns is not None and (self.spoken_ns is not None or self.sent_ns < spoken_ns)


class _BotSpan(Span):
    """What a bot notes of one of its requests."""

    def __init__(self, parent: str, attributes: dict[str, Value]) -> None:
        self.traceparent, self.attributes = parent, attributes

    def set(self, name: str, value: Value) -> None:
        self.attributes[name] = value
