"""What bench/conversations.py makes of calls."""

from typing import Any

from conversations import TURNS, noticed


def call(*heard_ms: float | None, gaps: int = 0) -> dict[str, Any]:
    turns = [{"heard_ms": ms} for ms in heard_ms]
    return {"turns": turns, "gaps": gaps, "late_p99_ms": 1.0, "timeline": [{"at_ms": 0.0}, {"at_ms": 30_000.0}]}


def test_calls_that_wait_no_second_and_hear_no_gap_are_clean() -> None:
    row = noticed([call(*[400.0] * TURNS), call(*[600.0] * TURNS)], calls=2, cpu_s=3.0)
    assert row["unclean"] == ""
    assert row["heard p50"] == 500
    assert row["CPU-s a call-minute"] == 3.0


def test_a_turn_without_answer_and_a_call_that_was_refused_are_never_answered() -> None:
    row = noticed([call(400.0, 400.0, None, 400.0)], calls=2, cpu_s=1.0)
    assert row["never answered"] == 1 + TURNS
    assert row["unclean"] == f"{1 + TURNS} never answered"


def test_gaps_and_late_answers_are_unclean() -> None:
    row = noticed([call(*[1500.0] * TURNS, gaps=2)], calls=1, cpu_s=1.0)
    assert row["unclean"] == "2 gaps, p95 1500 ms"


def test_an_answer_before_the_end_of_speech_is_told() -> None:
    assert noticed([call(-200.0, 400.0, 400.0, 400.0)], calls=1, cpu_s=1.0)["too early"] == 1


def test_nobody_reached_the_server() -> None:
    row = noticed([], calls=3, cpu_s=0.0)
    assert row["never answered"] == 3 * TURNS
    assert row["CPU-s a call-minute"] == 0.0
