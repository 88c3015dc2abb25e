"""What the trace of a call is."""

from collections.abc import Iterator

import pytest

from bot.actions import Hangup
from bot.api import Final
from bridge.tracing.call_trace import CallTrace
from bridge.tracing.spans import EndedSpan, traceparent

MS = 1_000_000
FACTS = {"call_id": "CA1", "wire": "twilio", "caller": "+491701234567", "parameters": {"name": "Ada"}, "route": ""}


class Call:
    """A trace, its clock, and the spans that ended."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.spans: list[EndedSpan] = []
        ids = iter(range(1, 10_000))
        self.trace = CallTrace(
            self.spans.append, record="r1", now_ns=lambda: self.now_ms * MS, new_id=lambda bits: next(ids)
        )
        self.trace.started(FACTS)

    def after(self, ms: int) -> CallTrace:
        self.now_ms += ms
        return self.trace

    def of(self, name: str) -> list[EndedSpan]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def call() -> Iterator[Call]:
    call = Call()
    yield call
    ids = {span.span_id for span in call.spans}
    assert len(ids) == len(call.spans)
    assert all(span.parent_id in ids or span.name == "call" for span in call.spans), "a span without its parent"
    assert {span.trace_id for span in call.spans} == {int(call.trace.trace_id, 16)}


def a_turn(call: Call) -> None:
    """The caller spoke until now, and is answered 900 ms later."""
    call.after(200).said(Final("order number 12", "English", 0, 0))
    call.after(200).speech_ended(ago_ms=400)
    call.trace.asked()
    with call.trace.span("chat m", {"server.address": "gpu1"}) as noted:
        noted.set("a", 1)
        call.after(300).text_came()
    call.after(100).made()
    call.after(100).sent()
    call.after(400).heard(ago_ms=350)


def test_a_turn_begins_with_the_end_of_speech_and_holds_its_parts(call: Call) -> None:
    spoken_ms = call.now_ms
    a_turn(call)
    call.after(100).acted(Hangup())
    call.trace.ended("the bot hung up", fault="")
    [turn], [asked], [whole] = call.of("turn"), call.of("chat m"), call.of("call")
    assert [(event.name, event.at_ns // MS - spoken_ms) for event in turn.events] == [
        ("final", 200), ("judged", 400), ("text", 700), ("made", 800), ("sent", 900), ("heard", 950),
    ]  # fmt: skip
    assert (turn.began_ns // MS, turn.ended_ns // MS) == (spoken_ms, spoken_ms + 1300)
    assert turn.attributes["bridge.answer.heard_ms"] == 950
    assert turn.attributes["bridge.language"] == "English"
    assert (asked.parent_id, turn.parent_id, whole.parent_id) == (turn.span_id, whole.span_id, 0)
    assert asked.client and asked.attributes == {"server.address": "gpu1", "a": 1} and not asked.error
    assert (asked.ended_ns - asked.began_ns) // MS == 300
    assert whole.attributes["bridge.turns"] == 1
    assert [event.name for event in whole.events] == ["action"]


def test_who_called_and_what_was_said_is_nowhere(call: Call) -> None:
    a_turn(call)
    call.trace.spoke("It comes tomorrow.", unheard="at noon", played_ms=100)
    call.trace.ended("stop", fault="")
    assert not any(secret in repr(call.spans) for secret in ("4917", "Ada", "order", "tomorrow", "noon"))
    [whole] = call.of("call")
    assert dict(whole.attributes) | {"bridge.record": "r1", "bridge.call_id": "CA1"} == dict(whole.attributes)
    assert "bridge.route" not in whole.attributes


def test_each_turn_is_a_span_of_its_own_and_what_is_asked_ahead_belongs_to_the_next(call: Call) -> None:
    a_turn(call)
    call.after(2000).asked()  # the caller has paused, and the turn is not judged yet
    with call.trace.span("POST", {}):
        call.after(100).speech_ended(ago_ms=200)
    call.trace.sent()
    call.after(500).ended("stop", fault="")
    first, second = call.of("turn")
    assert call.of("POST")[0].parent_id == second.span_id != first.span_id
    assert first.ended_ns <= second.began_ns


def test_an_answer_in_rounds_is_one_turn(call: Call) -> None:
    a_turn(call)
    with call.trace.span("execute_tool find", {}):
        call.after(500)
    call.after(100).sent()
    call.trace.ended("stop", fault="")
    [turn] = call.of("turn")
    assert {span.parent_id for span in call.spans if span.name != "call"} == {1 + 1, turn.span_id}
    assert turn.ended_ns == (call.now_ms) * MS


def test_a_bot_that_is_asked_for_a_greeting_has_a_span_for_it_and_a_greeting_from_nobody_has_none(call: Call) -> None:
    call.trace.asked()
    call.after(50).sent()
    call.after(50).asked()
    with call.trace.span("POST", {}):
        call.after(50).sent()
    call.now_ms += 1000
    a_turn(call)
    call.trace.ended("stop", fault="")
    assert [span.name for span in call.spans] == ["POST", "unasked reply", "chat m", "turn", "call"]


def test_what_was_a_noise_is_no_turn(call: Call) -> None:
    call.after(200).speech_ended(ago_ms=400)
    call.trace.nothing_said()
    call.after(100).ended("stop", fault="")
    assert [span.name for span in call.spans] == ["call"]


def test_what_fails_is_seen_as_failed(call: Call) -> None:
    call.trace.speech_ended(ago_ms=400)
    call.trace.asked()
    with pytest.raises(TimeoutError), call.trace.span("POST", {}):
        raise TimeoutError
    call.trace.fault("the bot or the voice failed")
    call.after(100).sent()
    call.trace.ended("internal error", fault="ours")
    asked, turn, whole = call.spans
    assert (asked.error, asked.attributes["error.type"]) == ("TimeoutError", "TimeoutError")
    assert turn.error == "the bot or the voice failed"
    assert whole.error == "internal error"


def test_a_call_that_never_began_and_one_without_end_cost_little(call: Call) -> None:
    for _ in range(3000):
        call.trace.asked()
        with call.trace.span("POST", {}):
            call.trace.sent()
        call.trace.barged_in()
    call.trace.ended("stop", fault="")
    assert len(call.spans) == 2001
    assert len(call.of("call")[0].events) == 200
    spans: list[EndedSpan] = []
    CallTrace(spans.append).ended("no start", fault="remote")
    assert spans == []


def test_ids_are_written_as_the_standard_wants() -> None:
    assert traceparent(0xAB, 0x1) == "00-000000000000000000000000000000ab-0000000000000001-01"
