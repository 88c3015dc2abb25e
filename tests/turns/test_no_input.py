"""How long a caller may say nothing."""

import pytest

from bridge.turns.no_input import NoInputRules, NoInputTimer


def asked(vigil: NoInputTimer, *busy_until_ms: int, until_ms: int = 60_000) -> list[int]:
    """Return when the caller is asked; each question keeps the bot busy for a second."""
    times: list[int] = []
    for now_ms in range(0, until_ms, 32):
        busy = now_ms < max(busy_until_ms, default=0) or (bool(times) and now_ms < times[-1] + 1000)
        if vigil.look(now_ms, busy=busy):
            times.append(now_ms)
            if vigil.given_up:
                break
    return times


def test_a_silent_caller_is_asked_as_often_as_the_rules_say_and_then_given_up() -> None:
    vigil = NoInputTimer(NoInputRules(8000, prompts=2))
    first, second, last = asked(vigil)
    assert 8000 <= first < 8064
    assert 9000 <= second - first < 9064
    assert 9000 <= last - second < 9064
    assert vigil.given_up


def test_silence_begins_when_both_are_done() -> None:
    vigil = NoInputTimer(NoInputRules(8000))
    assert 13_000 <= asked(vigil, 5000)[0] < 13_100


def test_words_begin_it_all_again() -> None:
    vigil = NoInputTimer(NoInputRules(1000, prompts=1))
    assert not vigil.look(0, busy=False)
    assert vigil.look(1000, busy=False)
    vigil.answered()
    assert not vigil.look(1500, busy=False)
    assert vigil.look(2500, busy=False)
    assert vigil.count == 1 and not vigil.given_up


def test_who_is_given_no_prompt_is_given_up_at_once() -> None:
    vigil = NoInputTimer(NoInputRules(1000, prompts=0))
    vigil.look(0, busy=False)
    assert vigil.look(1000, busy=False) and vigil.given_up


@pytest.mark.parametrize("prompts", [0, 2])
def test_switched_off_nobody_is_asked(prompts: int) -> None:
    assert asked(NoInputTimer(NoInputRules(0, prompts=prompts))) == []
