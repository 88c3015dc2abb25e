"""How long a pause must last until the turn is over."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.api import Expect
from bridge.speech.dictation import Kind, Reading
from bridge.turns.caller_pauses import CallerPausesRules
from bridge.turns.endpointing import Endpointing, EndpointRules, Expected
from bridge.turns.expected_cost import CostRules
from bridge.turns.rolling_quantile import RollingQuantile

RULES = EndpointRules(
    stop_ms=128,
    wait_ms=500,
    sure=0.8,
    sure_ms=300,
    unsure=0.4,
    unsure_ms=1500,
    unfinished_ms=1700,
    answer_ms=350,
    asked_answer_ms=200,
    dictation_ms=1600,
    name_ms=700,
    ceiling_ms=2000,
    final_share=0.99,
    final_most_ms=800,
    caller_pauses=CallerPausesRules(usual_ms=0, most_ms=900),
)


def endpointing(*finals_ms: int, rules: EndpointRules = RULES) -> Endpointing:
    time_to_final = RollingQuantile(100)
    for value in finals_ms:
        time_to_final.add(value)
    return Endpointing(rules, time_to_final=time_to_final)


def judge(one: Endpointing, probability: float) -> None:
    """Judge the pause under way, if there is one."""
    one.judged(probability, speech_end_ms=one.paused_since_ms if one.paused_since_ms is not None else -1)


def wait_ms(kind: Kind, probability: float | None, expected: Expected | None = None, *, digits: int = 0) -> int:
    one = endpointing()
    if expected:
        one.expect(expected)
    one.paused(1000)
    one.read(Reading(kind, digits))
    if probability is not None:
        judge(one, probability)
    return one.wait_ms


@pytest.mark.parametrize(
    ("probability", "expected_ms"), [(1.0, 300), (0.8, 300), (0.6, 900), (0.5, 1200), (0.4, 1500), (0.0, 1500)]
)
def test_the_surer_the_end_the_shorter_the_wait(probability: float, expected_ms: int) -> None:
    assert wait_ms(Kind.FINISHED, probability) == expected_ms


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_a_noise_without_words_is_soon_over_whatever_it_sounds_like(probability: float) -> None:
    assert wait_ms(Kind.NOTHING, probability) == 300
    assert wait_ms(Kind.NOTHING, None) == 500, "its words may still come"


def test_equal_limits_make_it_a_step() -> None:
    one = endpointing(rules=EndpointRules(sure=0.5, unsure=0.5, sure_ms=300, unsure_ms=1000))
    one.paused(0)
    one.read(Reading(Kind.OPEN))
    waits = []
    for probability in (0.49, 0.5):
        judge(one, probability)
        waits.append(one.wait_ms)
    assert waits == [1000, 300]


@pytest.mark.parametrize(
    ("finals_ms", "expected_ms"), [((), 500), ((50, 60), 500), ((90, 600), 728), ((5000,), 928), ((-7,), 500)]
)
def test_unjudged_it_waits_as_long_as_finals_of_this_process_take(finals_ms: Sequence[int], expected_ms: int) -> None:
    one = endpointing(*finals_ms)
    one.paused(1000)
    assert one.wait_ms == expected_ms


def test_the_measured_time_to_final_counts_at_once() -> None:
    time_to_final = RollingQuantile(100)
    one = Endpointing(RULES, time_to_final=time_to_final)
    one.paused(1000)
    time_to_final.add(700)
    assert one.wait_ms == 828


def test_a_judgement_is_of_one_pause_only() -> None:
    one = endpointing()
    one.paused(1000)
    judge(one, 1.0)
    one.resumed(1150)
    assert one.wait_ms == 500
    judge(one, 1.0)
    assert one.wait_ms == 500
    one.paused(2000)
    one.judged(1.0, speech_end_ms=1000)
    assert one.wait_ms == 500
    one.judged(1.0, speech_end_ms=2000)
    assert one.wait_ms == 300


@pytest.mark.parametrize(
    ("expected", "expected_ms"),
    [
        (Expected(), 350),
        (Expected(asked=True), 200),
        (Expected(Expect.YES_NO), 200),
        (Expected(Expect.NAME), 350),
        (Expected(Expect.EMAIL), 350),
        (Expected(Expect.DIGITS), 350),
    ],
)
def test_answers_close_quickly_and_above_all_after_a_question(expected: Expected, expected_ms: int) -> None:
    assert wait_ms(Kind.ANSWER, 0.9, expected) == expected_ms


def test_an_answer_is_one_only_when_the_pause_was_judged() -> None:
    """A partial that says "yes" may be the beginning of more."""
    assert wait_ms(Kind.ANSWER, None, Expected(asked=True)) == 500


def test_a_digit_after_a_question_may_be_the_first_of_many() -> None:
    assert wait_ms(Kind.ANSWER, 0.9, Expected(asked=True), digits=1) == 350


def test_a_long_answer_to_a_yes_no_question_is_judged_like_anything() -> None:
    assert wait_ms(Kind.FINISHED, 1.0, Expected(Expect.YES_NO)) == 300
    assert wait_ms(Kind.UNFINISHED, 0.1, Expected(Expect.YES_NO)) == 1700


def test_a_text_that_breaks_off_is_waited_for_however_it_sounds() -> None:
    assert wait_ms(Kind.UNFINISHED, 1.0) == 1700
    assert wait_ms(Kind.UNFINISHED, None) == 500


@pytest.mark.parametrize("kind", [Kind.DIGITS, Kind.SPELLING, Kind.EMAIL])
@pytest.mark.parametrize("probability", [None, 0.0, 1.0])
def test_dictation_lengthens_the_wait_whatever_the_model_says(kind: Kind, probability: float | None) -> None:
    assert wait_ms(kind, probability, digits=4 if kind is Kind.DIGITS else 0) == 1600


def test_dictation_in_a_partial_counts_before_the_pause_is_judged() -> None:
    one = endpointing()
    one.read(Reading(Kind.DIGITS, 5))
    one.paused(1000)
    assert one.wait_ms == 1600


@pytest.mark.parametrize(
    ("expected", "reading"),
    [
        (Expect.DIGITS, Reading(Kind.ANSWER, 1)),
        (Expect.DIGITS, Reading(Kind.NOTHING)),
        (Expect.DIGITS, Reading(Kind.SPELLING)),
        (Expect.SPELLING, Reading(Kind.OPEN)),
        (Expect.SPELLING, Reading(Kind.FINISHED)),
        (Expect.EMAIL, Reading(Kind.OPEN)),
        (Expect.EMAIL, Reading(Kind.NOTHING)),
    ],
)
def test_expected_dictation_is_dictation_from_the_first_word(expected: Expect, reading: Reading) -> None:
    one = endpointing()
    one.expect(Expected(expected))
    one.paused(1000)
    one.read(reading)
    judge(one, 1.0)
    assert one.wait_ms == 1600


@pytest.mark.parametrize(
    ("expected", "reading", "expected_ms"),
    [
        (Expect.DIGITS, Reading(Kind.FINISHED), 300),  # "I don't have it here."
        (Expect.SPELLING, Reading(Kind.QUESTION), 300),  # "What did you say?"
        (Expect.EMAIL, Reading(Kind.ADDRESS), 300),
    ],
)
def test_who_does_not_dictate_is_not_waited_for(expected: Expect, reading: Reading, expected_ms: int) -> None:
    one = endpointing()
    one.expect(Expected(expected))
    one.paused(1000)
    one.read(reading)
    judge(one, 1.0)
    assert one.wait_ms == expected_ms


@pytest.mark.parametrize(("digits", "expected_ms"), [(9, 1600), (10, 300), (11, 300)])
def test_a_number_of_known_length_ends_the_turn_when_it_is_whole(digits: int, expected_ms: int) -> None:
    assert wait_ms(Kind.DIGITS, 0.2, Expected(Expect.DIGITS, digits=10), digits=digits) == expected_ms


def test_a_name_is_given_time_for_its_second_half() -> None:
    assert wait_ms(Kind.FINISHED, 1.0, Expected(Expect.NAME)) == 700
    assert wait_ms(Kind.FINISHED, 0.0, Expected(Expect.NAME)) == 1500
    assert wait_ms(Kind.SPELLING, 1.0, Expected(Expect.NAME)) == 1600


def test_what_is_expected_holds_until_it_is_told_anew() -> None:
    one = endpointing()
    one.expect(Expected(Expect.DIGITS))
    one.closed(1000)
    one.began(2500, bot_heard=True)
    one.paused(3000)
    assert one.wait_ms == 1600
    one.expect(Expected())
    assert one.wait_ms == 500


def test_pauses_inside_turns_raise_the_waits() -> None:
    one = endpointing()
    for start_ms in range(0, 100_000, 2000):
        one.paused(start_ms)
        one.resumed(start_ms + 800)
    one.paused(200_000)
    judge(one, 1.0)
    assert 780 <= one.wait_ms <= 900


def test_a_turn_that_goes_on_after_it_was_closed_raises_the_next_wait_at_once() -> None:
    one = endpointing()
    one.paused(1000)
    judge(one, 1.0)
    assert one.wait_ms == 300
    one.closed(1000)
    one.began(1000 + 600, bot_heard=False)
    one.worded()
    one.paused(4000)
    judge(one, 1.0)
    assert one.wait_ms == 600  # mean 300, deviation 300
    one.read(Reading(Kind.ANSWER))
    one.expect(Expected(asked=True))
    assert one.wait_ms == 200  # after a question, "yes" is "yes"


def test_the_pause_of_a_turn_that_goes_on_counts_from_its_last_speech() -> None:
    """A turn may close without a pause, at its longest: what comes then is no slow caller."""
    one = endpointing()
    one.paused(1000)
    one.closed(29_000)
    one.began(29_100, bot_heard=False)
    one.worded()
    one.paused(31_000)
    judge(one, 1.0)
    assert one.wait_ms == 300


def test_a_cough_after_a_turn_was_closed_teaches_nothing() -> None:
    one = endpointing()
    one.closed(1000)
    one.began(1000 + 600, bot_heard=False)
    one.closed(1900)
    one.began(9000, bot_heard=True)
    one.worded()
    one.paused(10_000)
    judge(one, 1.0)
    assert one.wait_ms == 300


def test_words_are_learnt_from_once() -> None:
    one = endpointing()
    one.closed(1000)
    one.began(1000 + 600, bot_heard=False)
    for _ in range(5):
        one.worded()
    one.paused(4000)
    judge(one, 1.0)
    assert one.wait_ms == 600


def test_who_speaks_on_over_the_first_words_of_the_bot_was_cut_short() -> None:
    one = endpointing()
    one.closed(1000)
    one.began(1700, bot_heard=True)
    one.worded()
    one.paused(4000)
    judge(one, 1.0)
    assert one.wait_ms == 700


def test_who_answers_the_bot_was_not() -> None:
    one = endpointing()
    one.closed(1000)
    one.began(2900, bot_heard=True)
    one.worded()
    one.paused(4000)
    judge(one, 1.0)
    assert one.wait_ms == 300


def test_who_adds_something_to_a_slow_bot_was_not() -> None:
    one = endpointing()
    one.closed(1000)
    one.began(6000, bot_heard=False)
    one.worded()
    one.paused(8000)
    judge(one, 1.0)
    assert one.wait_ms == 300


def test_the_first_words_of_a_call_are_no_mistake() -> None:
    one = endpointing()
    one.began(700, bot_heard=False)
    one.worded()
    one.paused(4000)
    judge(one, 1.0)
    assert one.wait_ms == 300


def test_answered_turns_forget_their_words_and_let_the_waits_drift_back() -> None:
    one = endpointing()
    one.closed(1000)
    one.began(1900, bot_heard=False)
    one.worded()
    one.read(Reading(Kind.DIGITS, 7))
    for at_ms in range(10_000, 310_000, 5000):
        one.closed(at_ms)
        one.began(at_ms + 3000, bot_heard=True)
        one.worded()
    one.paused(400_000)
    assert one.wait_ms == 500
    judge(one, 1.0)
    assert one.wait_ms == 300


def test_a_turn_that_goes_on_keeps_its_words() -> None:
    """Half a number was said before the turn was closed."""
    one = endpointing()
    one.read(Reading(Kind.DIGITS, 5))
    one.closed(1000)
    one.began(1300, bot_heard=False)
    one.paused(2000)
    assert one.wait_ms == 1600


@given(
    st.lists(st.sampled_from(["paused", "resumed", "closed", "began", "worded", "judged", "read"]), max_size=30),
    st.integers(-(10**9), 10**9),
    st.sampled_from(Expect),
    st.sampled_from(Kind),
)
def test_no_wait_is_ever_longer_than_the_ceiling(happened: list[str], at_ms: int, expect: Expect, kind: Kind) -> None:
    one = endpointing(10**6)
    one.expect(Expected(expect))
    for count, name in enumerate(happened):
        match name:
            case "began":
                one.began(at_ms + 300 * count, bot_heard=count % 2 == 0)
            case "judged":
                judge(one, count % 5 / 4)
            case "read":
                one.read(Reading(kind, count))
            case "worded":
                one.worded()
            case _:
                getattr(one, name)(at_ms + 300 * count)
        assert 200 <= one.wait_ms <= RULES.ceiling_ms


def test_the_ceiling_is_above_everything() -> None:
    one = endpointing(rules=EndpointRules(ceiling_ms=150))
    one.paused(0)
    assert one.wait_ms == 150
    one.read(Reading(Kind.ANSWER))
    judge(one, 0.0)
    one.expect(Expected(Expect.YES_NO))
    assert one.wait_ms == 150


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sure_ms": 99}, "sure_ms is 99, must be 100 to 10000"),
        ({"ceiling_ms": 30_001}, "ceiling_ms is 30001"),
        ({"stop_ms": 0}, "stop_ms is 0"),
        ({"asked_stop_ms": 1001}, "asked_stop_ms is 1001"),
        ({"unsure": -0.1}, "unsure is -0.1"),
        ({"final_share": 0.2}, "final_share is 0.2"),
        ({"final_most_ms": -1}, "final_most_ms is -1"),
        ({"sure": 0.2, "unsure": 0.3}, "unsure is 0.3, must not be above sure, which is 0.2"),
    ],
)
def test_rules_out_of_range_are_refused_by_name(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EndpointRules(**wrong)  # type: ignore[arg-type]


EAGER = EndpointRules(cut_ms=800, cost=CostRules(least_ms=256, most_ms=640), caller_pauses=RULES.caller_pauses)


def eager_wait_ms(
    kind: Kind, probability: float, expected: Expected | None = None, *, calibrated: bool = True, digits: int = 0
) -> int:
    one = endpointing(rules=EAGER)
    if expected:
        one.expect(expected)
    one.paused(1000)
    one.read(Reading(kind, digits))
    one.judged(probability, speech_end_ms=1000, calibrated=calibrated)
    return one.wait_ms


def test_a_calibrated_judgement_is_weighed_against_the_length_of_pauses() -> None:
    assert eager_wait_ms(Kind.FINISHED, 0.99) == EAGER.cost.least_ms < EAGER.sure_ms
    assert eager_wait_ms(Kind.FINISHED, 0.01) == EAGER.cost.most_ms


@pytest.mark.parametrize("probability", [0.0, 0.7, 1.0])
def test_a_judgement_that_is_no_frequency_stays_on_the_line(probability: float) -> None:
    plain = endpointing(rules=EndpointRules(caller_pauses=RULES.caller_pauses))
    plain.paused(1000)
    plain.read(Reading(Kind.FINISHED))
    judge(plain, probability)
    assert eager_wait_ms(Kind.FINISHED, probability, calibrated=False) == plain.wait_ms


@pytest.mark.parametrize(
    ("kind", "digits", "expected", "wait"),
    [
        (Kind.DIGITS, 6, None, EAGER.dictation_ms),
        (Kind.DIGITS, 6, Expected(Expect.DIGITS, digits=10), EAGER.dictation_ms),
        (Kind.DIGITS, 10, Expected(Expect.DIGITS, digits=10), EAGER.sure_ms),
        (Kind.FINISHED, 0, Expected(Expect.NAME), EAGER.name_ms),
        (Kind.ANSWER, 0, None, EAGER.answer_ms),
        (Kind.ANSWER, 0, Expected(asked=True), EAGER.asked_answer_ms),
        (Kind.UNFINISHED, 0, None, EAGER.unfinished_ms),
        (Kind.NOTHING, 0, None, EAGER.sure_ms),
    ],
)
def test_what_has_a_rule_of_its_own_keeps_it_however_sure_the_end(
    kind: Kind, digits: int, expected: Expected | None, wait: int
) -> None:
    assert eager_wait_ms(kind, 1.0, expected, digits=digits) == wait


def test_a_new_judgement_forgets_that_the_last_one_was_calibrated() -> None:
    one = endpointing(rules=EAGER)
    one.read(Reading(Kind.FINISHED))
    one.paused(1000)
    one.judged(1.0, speech_end_ms=1000, calibrated=True)
    one.resumed(1300)
    one.paused(2000)
    judge(one, 1.0)
    assert one.wait_ms == EAGER.sure_ms
