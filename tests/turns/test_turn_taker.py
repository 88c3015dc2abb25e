"""Who holds the floor."""

from collections.abc import Iterator, Sequence

import pytest

from bot.api import Expect
from bridge.speech.dictation import Kind, Reading
from bridge.turns.caller_pauses import CallerPausesRules
from bridge.turns.endpointing import Endpointing, EndpointRules, Expected
from bridge.turns.rolling_quantile import RollingQuantile
from bridge.turns.turn_taker import Began, Cut, FloorState, Over, Paused, Resumed, TurnEvent, TurnRules, TurnTaker

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
    assert turns.state is FloorState.SILENT


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
    assert turns.state is FloorState.SPEAKING


def test_breathless_speech_is_cut_again_and_again() -> None:
    events = play(TurnTaker(RULES), "#" * 350)
    assert events == [Began(0, 96), Cut(3200), Cut(6400), Cut(9600)]


def test_the_turn_of_a_speaker_who_was_done_at_the_cut_is_over_after_the_usual_silence() -> None:
    turns = TurnTaker(RULES)
    events = play(turns, "#" * 70 + "-" * 10)
    assert events == [Began(0, 96), Cut(74 * 32), Over(80 * 32, speech_end_ms=70 * 32)]
    assert turns.state is FloorState.SILENT


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
    assert turns.state is FloorState.SILENT


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


# ---------------------------------------------------------------- waits that follow what is known


WAITS = EndpointRules(
    stop_ms=128, wait_ms=512, sure_ms=256, unsure_ms=1024, caller_pauses=CallerPausesRules(usual_ms=0)
)


def listener() -> tuple[TurnTaker, Endpointing]:
    endpointing = Endpointing(WAITS, time_to_final=RollingQuantile(100))
    return TurnTaker(RULES, endpointing), endpointing


def test_nothing_known_the_turn_is_over_after_the_plain_wait() -> None:
    turns, _ = listener()
    assert play(turns, "###" + "-" * 15) == [Began(0, 96), Paused(7 * 32)]
    assert play(turns, "-", start_ms=18 * 32) == [Over(19 * 32, speech_end_ms=3 * 32)]


@pytest.mark.parametrize(("probability", "windows"), [(1.0, 8), (0.0, 32)])
def test_a_judgement_changes_the_wait_of_the_pause_under_way(probability: float, windows: int) -> None:
    turns, endpointing = listener()
    play(turns, "###" + "-" * 4)
    assert endpointing.paused_since_ms == 96
    endpointing.read(Reading(Kind.OPEN))
    endpointing.judged(probability, speech_end_ms=96)
    assert play(turns, "-" * (windows - 5), start_ms=7 * 32) == []
    (over,) = play(turns, "-", start_ms=(2 + windows) * 32)
    assert over == Over((3 + windows) * 32, speech_end_ms=96)


def test_a_judgement_that_comes_after_its_wait_closes_the_turn_at_the_next_window() -> None:
    turns, endpointing = listener()
    play(turns, "###" + "-" * 12)
    endpointing.judged(1.0, speech_end_ms=96)
    assert play(turns, "-", start_ms=15 * 32) == [Over(16 * 32, speech_end_ms=96)]


def test_who_speaks_on_is_waited_for_anew() -> None:
    turns, endpointing = listener()
    play(turns, "###" + "-" * 4)
    endpointing.judged(1.0, speech_end_ms=96)
    assert play(turns, "##" + "-" * 15, start_ms=7 * 32) == [Resumed(7 * 32), Paused(13 * 32)]
    assert endpointing.paused_since_ms == 9 * 32


def test_after_a_question_the_final_of_a_short_answer_is_begun_sooner_and_that_of_a_long_one_is_not() -> None:
    turns, endpointing = listener()
    endpointing.expect(Expected(asked=True))
    events = play(turns, "###" + "--" + "#" * 50 + "----")
    assert events == [Began(0, 96), Paused(5 * 32), Resumed(5 * 32), Paused(59 * 32)]


def test_a_shorter_stop_than_that_after_a_question_stays() -> None:
    endpointing = Endpointing(EndpointRules(stop_ms=32), time_to_final=RollingQuantile(100))
    endpointing.expect(Expected(Expect.YES_NO))
    assert endpointing.stop_ms(300) == 32


def test_the_pauses_of_the_caller_are_learnt_from() -> None:
    turns, endpointing = listener()
    for start in range(0, 40 * 18, 18):
        play(turns, "#####" + "-" * 13, start_ms=32 * start)
    play(turns, "###----", start_ms=32 * 720)
    assert endpointing.paused_since_ms is not None
    endpointing.judged(1.0, speech_end_ms=endpointing.paused_since_ms)
    assert endpointing.wait_ms == pytest.approx(13 * 32, abs=40)


@pytest.mark.parametrize("script", ["###" + "-" * 20, "#" * 70 + "-" * 20, "#" * 91 + "-" * 20])
def test_a_turn_that_is_over_pauses_no_more_whether_it_was_cut_or_not(script: str) -> None:
    turns, endpointing = listener()
    events = play(turns, script)
    assert isinstance(events[-1], Over)
    assert endpointing.paused_since_ms is None


@pytest.mark.parametrize("speech", [70, 91])
def test_a_cut_in_a_pause_leaves_it_a_pause(speech: int) -> None:
    turns, endpointing = listener()
    events = play(turns, "#" * speech + "-" * 5)
    assert isinstance(events[-1], Cut)
    assert endpointing.paused_since_ms == 32 * speech
    endpointing.read(Reading(Kind.OPEN))
    endpointing.judged(0.0, speech_end_ms=32 * speech)
    assert play(turns, "-" * 20 + "#", start_ms=32 * (speech + 5)) == [Resumed(32 * (speech + 25))]
    assert endpointing.paused_since_ms is None


def test_flush_closes_the_turn_for_the_waits_too() -> None:
    turns, endpointing = listener()
    play(turns, "###----")
    turns.flush(1000)
    assert endpointing.paused_since_ms is None
