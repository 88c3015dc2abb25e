"""How long a caller may say nothing."""

import pytest

from bridge.turns.no_input import NoInputRules, NoInputTimer


def asked(timer: NoInputTimer, *busy_until_ms: int, until_ms: int = 60_000) -> list[int]:
    """Return when the caller is asked; each question keeps the bot busy for a second."""
    times: list[int] = []
    for now_ms in range(0, until_ms, 32):
        busy = now_ms < max(busy_until_ms, default=0) or (bool(times) and now_ms < times[-1] + 1000)
        if timer.look(now_ms, busy=busy):
            times.append(now_ms)
            if timer.given_up:
                break
    return times


def test_a_silent_caller_is_asked_as_often_as_the_rules_say_and_then_given_up() -> None:
    timer = NoInputTimer(NoInputRules(8000, prompts=2))
    first, second, last = asked(timer)
    assert 8000 <= first < 8064
    assert 9000 <= second - first < 9064
    assert 9000 <= last - second < 9064
    assert timer.given_up


def test_silence_begins_when_both_are_done() -> None:
    timer = NoInputTimer(NoInputRules(8000))
    assert 13_000 <= asked(timer, 5000)[0] < 13_100


def test_words_begin_it_all_again() -> None:
    timer = NoInputTimer(NoInputRules(1000, prompts=1))
    assert not timer.look(0, busy=False)
    assert timer.look(1000, busy=False)
    timer.answered()
    assert not timer.look(1500, busy=False)
    assert timer.look(2500, busy=False)
    assert timer.count == 1 and not timer.given_up


def test_who_is_given_no_prompt_is_given_up_at_once() -> None:
    timer = NoInputTimer(NoInputRules(1000, prompts=0))
    timer.look(0, busy=False)
    assert timer.look(1000, busy=False) and timer.given_up


@pytest.mark.parametrize("prompts", [0, 2])
def test_switched_off_nobody_is_asked(prompts: int) -> None:
    assert asked(NoInputTimer(NoInputRules(0, prompts=prompts))) == []
