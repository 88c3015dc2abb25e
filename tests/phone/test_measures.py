"""What is measured of a call: by the definitions of tau-voice and EVA."""

import pytest
from phone.measures import cut_short, silence, silent_from, spoken_over, turn


@pytest.mark.parametrize(
    ("voice", "response_ms", "cut_ms"),
    [
        ([(1500.0, 2000.0)], 500.0, None),
        ([(1005.0, 2000.0)], 5.0, None),
        ([], None, None),
        ([(1500.0, 1510.0)], None, None),  # a click
        ([(100.0, 300.0), (1500.0, 2000.0)], 500.0, 0.0),  # inside the first word
        ([(550.0, 700.0), (1500.0, 2000.0)], 500.0, 150.0),  # in the pause
        ([(550.0, 3000.0)], 0.0, 150.0),
        ([(-500.0, -100.0), (1500.0, 2000.0)], 500.0, None),  # the answer before
    ],
)
def test_a_turn_is_answered_or_cut_short(
    voice: list[tuple[float, float]], response_ms: float | None, cut_ms: float | None
) -> None:
    trial = turn("two-part", "1", voice, [(0.0, 400.0), (800.0, 1000.0)])
    assert (trial.response_ms, trial.cut_ms) == (response_ms, cut_ms)


def test_a_bot_that_speaks_before_the_last_word_is_over_cuts_it_short() -> None:
    assert cut_short([(990.0, 2000.0)], [(0.0, 1000.0)]) == 0.0
    assert cut_short([(1000.0, 2000.0)], [(0.0, 1000.0)]) is None


@pytest.mark.parametrize(
    ("voice", "stopped_ms"),
    [
        ([(0.0, 1300.0)], 300.0),
        ([(0.0, 1300.0), (1600.0, 5000.0)], None),  # a pause between words
        ([(0.0, 1300.0), (1800.0, 5000.0)], 300.0),  # it went on, but it had stopped
        ([(0.0, 900.0), (1100.0, 1200.0)], 200.0),
        ([(0.0, 3500.0)], None),  # too late
        ([(0.0, 3000.0)], 2000.0),
    ],
)
def test_a_bot_yields_when_it_is_silent_for_long_enough(
    voice: list[tuple[float, float]], stopped_ms: float | None
) -> None:
    assert silent_from(voice, 1000.0, 2000.0) == stopped_ms


def test_a_backchannel_is_to_be_spoken_over() -> None:
    said = (1000.0, 1300.0)
    speaks_on = spoken_over("selectivity", "1", "backchannel", [(0.0, 9000.0)], said)
    goes_on = spoken_over("selectivity", "2", "backchannel", [(0.0, 1200.0), (2500.0, 9000.0)], said)
    answers = spoken_over("selectivity", "3", "backchannel", [(0.0, 1200.0), (1800.0, 3300.0)], said)
    silent = spoken_over("selectivity", "4", "backchannel", [(0.0, 500.0)], said)
    assert [(t.yield_ms, t.kept, t.tested) for t in (speaks_on, goes_on, answers, silent)] == [
        (None, True, True),
        (200.0, True, True),
        (200.0, False, True),
        (0.0, False, False),
    ]


def test_an_interruption_has_longer_to_be_heard_than_a_backchannel() -> None:
    voice, said = [(0.0, 2500.0)], (1000.0, 2000.0)
    assert spoken_over("interruption", "1", "interruption", voice, said).yield_ms == 1500.0
    assert spoken_over("selectivity", "1", "cough", voice, said).yield_ms is None


def test_times_that_a_bot_speaks_into_a_silence() -> None:
    voice = [(0.0, 500.0), (2000.0, 2300.0), (2400.0, 2900.0), (6000.0, 6500.0), (9000.0, 9100.0)]
    assert silence("silence", "1", voice, (1000.0, 8000.0)).spoke == 2
