"""Who holds the floor."""

from collections.abc import Iterator, Sequence

import pytest

from bridge.turns import Began, Over, Paused, Resumed, State, TurnEvent, TurnRules, TurnTaker

RULES = TurnRules(min_speech_ms=96, pause_ms=128, endpoint_ms=320, max_utterance_ms=3200)


def play(turns: TurnTaker, script: str, *, start_ms: int = 0) -> list[TurnEvent]:
    """Feed one 32 ms window a character: # speech, - silence, ~ in between (0.4)."""
    levels = {"#": 0.9, "-": 0.05, "~": 0.4}
    events = (
        turns.hear(levels[mark], from_ms=start_ms + 32 * i, to_ms=start_ms + 32 * (i + 1))
        for i, mark in enumerate(script)
    )
    return [event for event in events if event]


def test_silence_changes_nothing() -> None:
    turns = TurnTaker(RULES)
    assert play(turns, "-" * 500) == []
    assert turns.state is State.SILENT


def test_an_utterance_begins_at_its_onset_once_there_is_enough_speech() -> None:
    turns = TurnTaker(RULES)
    assert play(turns, "--##") == []
    assert play(turns, "#", start_ms=4 * 32) == [Began(onset_ms=64)]


def test_a_click_is_no_utterance() -> None:
    assert play(TurnTaker(RULES), "-##----#----##-----") == []


def test_speech_with_short_gaps_adds_up() -> None:
    assert play(TurnTaker(RULES), "#-#--#") == [Began(0)]


def test_it_pauses_goes_on_and_is_over() -> None:
    events = play(TurnTaker(RULES), "###" + "----" + "##" + "-" * 10)
    assert events == [Began(0), Paused(7 * 32), Resumed(7 * 32), Paused(13 * 32), Over(19 * 32, speech_end_ms=9 * 32)]


def test_it_is_over_after_endpoint_ms_of_silence_and_not_before() -> None:
    turns = TurnTaker(RULES)
    assert not any(isinstance(event, Over) for event in play(turns, "###" + "-" * 9))
    assert play(turns, "-", start_ms=12 * 32) == [Over(13 * 32, speech_end_ms=3 * 32)]


def test_doubtful_windows_keep_speech_going_but_do_not_start_it() -> None:
    assert play(TurnTaker(RULES), "~" * 50) == []
    assert play(TurnTaker(RULES), "###" + "~" * 50) == [Began(0)]


def test_a_long_utterance_ends_at_a_breath_near_its_limit() -> None:
    events = play(TurnTaker(RULES), "#" * 85 + "-" + "#" * 5)
    assert events[:2] == [Began(0), Over(86 * 32, speech_end_ms=85 * 32)]


def test_a_breathless_utterance_is_cut_at_its_limit_and_the_next_begins_at_once() -> None:
    events = play(TurnTaker(RULES), "#" * 110)
    assert events == [Began(0), Over(3200, speech_end_ms=3200), Began(3200)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("---", []),
        ("--#", [Began(64), Over(1000, speech_end_ms=96)]),
        ("###", [Over(1000, speech_end_ms=96)]),
        ("###-----", [Over(1000, speech_end_ms=96)]),
    ],
)
def test_flush_ends_what_is_pending(script: str, expected: Sequence[TurnEvent]) -> None:
    turns = TurnTaker(RULES)
    play(turns, script)
    assert list(turns.flush(1000)) == expected
    assert list(turns.flush(1000)) == []
    assert turns.state is State.SILENT


def test_every_began_is_followed_by_one_over_whatever_is_heard() -> None:
    def noise() -> Iterator[str]:
        value = 12345
        for _ in range(5000):
            value = (value * 1103515245 + 12345) % 2**31
            yield "#-~"[value >> 16 & 0xFF if (value >> 16 & 0xFF) < 3 else (value >> 20) % 2]

    turns = TurnTaker(RULES)
    events = [*play(turns, "".join(noise())), *turns.flush(5000 * 32)]
    floor = [type(event) for event in events if isinstance(event, Began | Over)]
    assert floor[::2] == [Began] * (len(floor) // 2)
    assert floor[1::2] == [Over] * (len(floor) // 2)
    assert len(floor) > 10
