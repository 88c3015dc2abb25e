"""What the waits learn from a caller's pauses."""

import random

import pytest

from bridge.turns.caller_pauses import CallerPauses, CallerPausesRules

RULES = CallerPausesRules(usual_ms=200, keep=0.9, keep_mistaken=0.5, shortest_ms=200, longest_ms=2000, most_ms=900)


def test_a_new_caller_is_taken_for_a_usual_one() -> None:
    assert CallerPauses(RULES).floor_ms == 200


def test_a_mistake_counts_as_much_as_all_before_it() -> None:
    pauses = CallerPauses(RULES)
    pauses.mistaken(600)
    assert pauses.floor_ms == 400 + 200  # half way, and half the distance as deviation


def test_the_pauses_of_a_slow_caller_raise_the_wait_to_about_their_length() -> None:
    pauses = CallerPauses(RULES)
    for _ in range(60):
        pauses.paused(700)
    assert 695 <= pauses.floor_ms <= 720


def test_varied_pauses_raise_it_above_most_of_them() -> None:
    pauses, rng = CallerPauses(RULES), random.Random(4)
    lengths = [rng.randrange(300, 800) for _ in range(300)]
    for length in lengths:
        pauses.paused(length)
    assert 0.6 < sum(length < pauses.floor_ms for length in lengths) / len(lengths) < 0.95


def test_it_is_never_raised_beyond_its_limit() -> None:
    pauses = CallerPauses(RULES)
    for _ in range(50):
        pauses.mistaken(2000)
    assert pauses.floor_ms == 900


def test_clean_turns_let_it_drift_back() -> None:
    pauses = CallerPauses(RULES)
    pauses.mistaken(1000)
    raised = pauses.floor_ms
    for _ in range(60):
        pauses.answered()
    assert raised > 600
    assert pauses.floor_ms <= 210


@pytest.mark.parametrize("pause_ms", [-5, 0, 199, 2001, 10**9])
def test_stops_inside_words_and_new_thoughts_are_no_pauses(pause_ms: int) -> None:
    pauses = CallerPauses(RULES)
    pauses.paused(pause_ms)
    pauses.mistaken(pause_ms)
    assert pauses.floor_ms == 200


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"keep": 1.1}, "keep is 1.1, must be 0 to 1"),
        ({"keep_mistaken": -0.1}, "keep_mistaken is -0.1"),
        ({"most_ms": 10_001}, "most_ms is 10001, must be 0 to 10000"),
        ({"usual_ms": -1}, "usual_ms is -1"),
        ({"longest_ms": float("nan")}, "longest_ms is nan"),
    ],
)
def test_rules_out_of_range_are_refused_by_name(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CallerPausesRules(**wrong)  # type: ignore[arg-type]
