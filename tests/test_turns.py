"""Who holds the floor."""

from collections.abc import Iterator, Sequence

import pytest

from bridge.turns import Began, Cut, Over, Paused, Resumed, State, TurnEvent, TurnRules, TurnTaker

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
    assert play(turns, "#", start_ms=4 * 32) == [Began(onset_ms=64, speech_ms=96)]


def test_a_click_is_no_utterance() -> None:
    assert play(TurnTaker(RULES), "-##----#----##-----") == []


def test_speech_with_short_gaps_adds_up() -> None:
    assert play(TurnTaker(RULES), "#-#--#") == [Began(0, speech_ms=96)]


def test_it_pauses_goes_on_and_is_over() -> None:
    events = play(TurnTaker(RULES), "###" + "----" + "##" + "-" * 10)
    assert events == [
        Began(0, 96),
        Paused(7 * 32),
        Resumed(7 * 32),
        Paused(13 * 32),
        Over(19 * 32, speech_end_ms=9 * 32),
    ]


def test_it_is_over_after_endpoint_ms_of_silence_and_not_before() -> None:
    turns = TurnTaker(RULES)
    assert not any(isinstance(event, Over) for event in play(turns, "###" + "-" * 9))
    assert play(turns, "-", start_ms=12 * 32) == [Over(13 * 32, speech_end_ms=3 * 32)]


def test_doubtful_windows_keep_speech_going_but_do_not_start_it() -> None:
    assert play(TurnTaker(RULES), "~" * 50) == []
    assert play(TurnTaker(RULES), "###" + "~" * 50) == [Began(0, 96)]


def test_the_newest_window_is_speech_by_the_same_rule() -> None:
    turns, speech = TurnTaker(RULES), ""
    for mark in "~-##~-~#":
        play(turns, mark)
        speech += "#" if turns.speech else "-"
    assert speech == "--###--#"


# ---------------------------------------------------------------- utterances that grow too long: 3200 ms, 100 windows


def test_a_long_utterance_is_cut_at_a_pause_in_its_last_third() -> None:
    events = play(TurnTaker(RULES), "#" * 70 + "----" + "#" * 10)
    assert events == [Began(0, 96), Cut(74 * 32), Resumed(74 * 32)]


def test_a_pause_before_its_last_third_is_a_pause_like_any_other() -> None:
    events = play(TurnTaker(RULES), "#" * 50 + "----" + "#" * 10)
    assert events == [Began(0, 96), Paused(54 * 32), Resumed(54 * 32)]


def test_a_gap_between_words_in_its_last_third_cuts_nothing() -> None:
    assert play(TurnTaker(RULES), "#" * 70 + "---" + "#" * 10) == [Began(0, 96)]


def test_any_gap_in_its_last_tenth_cuts_it() -> None:
    events = play(TurnTaker(RULES), "#" * 92 + "-" + "#" * 5)
    assert events == [Began(0, 96), Cut(93 * 32), Resumed(93 * 32)]


def test_a_breathless_utterance_is_cut_at_its_limit_and_the_next_begins_there() -> None:
    turns = TurnTaker(RULES)
    assert play(turns, "#" * 110) == [Began(0, 96), Cut(3200)]
    assert turns.state is State.SPEAKING


def test_breathless_speech_is_cut_again_and_again() -> None:
    events = play(TurnTaker(RULES), "#" * 350)
    assert events == [Began(0, 96), Cut(3200), Cut(6400), Cut(9600)]


def test_the_turn_of_a_speaker_who_was_done_at_the_cut_is_over_after_the_usual_silence() -> None:
    turns = TurnTaker(RULES)
    events = play(turns, "#" * 70 + "-" * 10)
    assert events == [Began(0, 96), Cut(74 * 32), Over(80 * 32, speech_end_ms=70 * 32)]
    assert turns.state is State.SILENT


def test_a_speaker_who_pauses_long_and_often_is_cut_though_the_end_of_the_turn_never_comes() -> None:
    rules = TurnRules(min_speech_ms=96, pause_ms=128, endpoint_ms=3000, max_utterance_ms=3200)
    events = play(TurnTaker(rules), "#" * 60 + "-" * 60 + "#" * 60)
    cuts = [event.at_ms for event in events if isinstance(event, Cut)]
    assert cuts[0] == 67 * 32, "in the pause, once the last third has begun"
    assert not any(isinstance(event, Over) for event in events)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("---", []),
        ("--#", [Began(64, 32), Over(1000, speech_end_ms=96)]),
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


def test_no_utterance_is_longer_than_allowed_whatever_is_heard() -> None:
    turns, begun_ms = TurnTaker(RULES), 0
    for at in range(5000):
        speech = (at * at) % 7 < 5 or at % 300 > 100
        event = turns.hear(0.9 if speech else 0.1, from_ms=32 * at, to_ms=32 * at + 32)
        match event:
            case Began(onset_ms):
                begun_ms = onset_ms
            case Cut(at_ms):
                assert at_ms - begun_ms <= RULES.max_utterance_ms
                begun_ms = at_ms


def test_every_began_is_followed_by_one_over_whatever_is_heard() -> None:
    def noise() -> Iterator[str]:
        value = 12345
        for _ in range(15_000):
            value = (value * 1103515245 + 12345) % 2**31
            yield "#-~"[value >> 16 & 0xFF if (value >> 16 & 0xFF) < 3 else (value >> 20) % 2]

    turns = TurnTaker(RULES)
    events = [*play(turns, "".join(noise())), *turns.flush(15_000 * 32)]
    floor = [type(event) for event in events if isinstance(event, Began | Over)]
    assert floor[::2] == [Began] * (len(floor) // 2)
    assert floor[1::2] == [Over] * (len(floor) // 2)
    assert len(floor) > 10
