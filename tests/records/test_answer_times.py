"""The stopwatch of answers: what counts for which turn."""

import pytest

from bridge.records.answer_times import AnswerTimes


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def times(clock: Clock) -> AnswerTimes:
    return AnswerTimes(clock)


def test_each_part_counts_from_the_end_of_speech(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=400)
    clock.now += 0.05
    times.stamp("text")
    clock.now += 0.01
    times.stamp("made")
    times.stamp("sent")
    clock.now += 2.0
    times.heard(ago_ms=1950)
    assert times.take() == {"judged_ms": 400, "text_ms": 450, "made_ms": 460, "sent_ms": 460, "heard_ms": 510}


def test_a_final_and_a_reply_of_before_the_turn_was_judged_belong_to_it(clock: Clock, times: AnswerTimes) -> None:
    clock.now += 0.2
    times.stamp("final")
    times.stamp("text")
    clock.now += 0.2
    times.speech_ended(ago_ms=400)
    times.stamp("sent")
    assert times.take() == {"final_ms": 200, "judged_ms": 400, "text_ms": 200, "sent_ms": 400}


def test_what_came_before_the_speech_ended_does_not(clock: Clock, times: AnswerTimes) -> None:
    times.stamp("text")
    times.stamp("sent")
    clock.now += 5
    times.speech_ended(ago_ms=300)
    assert times.take() == {}


def test_only_the_first_sentence_of_an_answer_counts(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=0)
    clock.now += 0.5
    times.stamp("sent")
    clock.now += 3
    times.stamp("sent")
    times.heard(ago_ms=2400)
    clock.now += 3
    times.heard(ago_ms=500)
    assert times.take() == {"judged_ms": 0, "sent_ms": 500, "heard_ms": 1100}


def test_a_reply_that_was_begun_ahead_is_not_taken_for_the_one_before(clock: Clock, times: AnswerTimes) -> None:
    times.stamp("text")
    times.stamp("made")
    times.stamp("sent")
    times.heard(ago_ms=0)
    clock.now += 5
    times.stamp("final")
    times.stamp("text")
    times.stamp("made")
    clock.now += 0.1
    times.speech_ended(ago_ms=300)
    times.stamp("sent")
    clock.now += 1
    times.stamp("text")
    assert times.take() == {"final_ms": 200, "judged_ms": 300, "text_ms": 200, "made_ms": 200, "sent_ms": 300}


def test_a_reply_that_was_begun_at_an_earlier_pause_was_there_at_once(clock: Clock, times: AnswerTimes) -> None:
    times.stamp("text")
    times.stamp("made")
    clock.now += 2
    times.speech_ended(ago_ms=900)
    times.stamp("sent")
    assert times.take() == {"judged_ms": 900, "text_ms": 0, "made_ms": 0, "sent_ms": 900}


def test_a_reply_that_is_begun_anew_before_it_was_heard_counts_anew(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=0)
    times.stamp("text")
    times.stamp("made")
    clock.now += 1
    times.stamp("text")
    times.stamp("made")
    times.stamp("sent")
    assert times.take() == {"judged_ms": 0, "text_ms": 1000, "made_ms": 1000, "sent_ms": 1000}


def test_nothing_is_heard_before_it_was_sent(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=0)
    times.heard(ago_ms=0)
    clock.now += 1
    times.stamp("sent")
    times.heard(ago_ms=5000)
    assert times.take() == {"judged_ms": 0, "sent_ms": 1000, "heard_ms": 1000}


def test_what_was_no_question_is_answered_by_nothing(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=100)
    times.forget()
    times.stamp("sent")
    assert times.take() == {}


def test_an_answer_is_taken_once(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=0)
    times.stamp("sent")
    assert times.take()
    assert times.take() == {}


def test_what_is_begun_ahead_for_the_next_turn_counts_for_it(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=0)
    times.stamp("text")
    times.stamp("made")
    times.stamp("sent")
    clock.now += 3
    times.stamp("final")
    times.asked()
    times.stamp("text")
    times.stamp("made")
    times.heard(ago_ms=2900)  # a slow far side tells it only now
    clock.now += 0.1
    assert times.take() == {"judged_ms": 0, "text_ms": 0, "made_ms": 0, "sent_ms": 0, "heard_ms": 100}
    times.speech_ended(ago_ms=300)
    times.stamp("sent")
    assert times.take() == {"final_ms": 200, "judged_ms": 300, "text_ms": 200, "made_ms": 200, "sent_ms": 300}


def test_what_is_said_unasked_after_an_answer_is_no_part_of_the_next(clock: Clock, times: AnswerTimes) -> None:
    times.speech_ended(ago_ms=0)
    times.stamp("sent")
    times.heard(ago_ms=0)
    clock.now += 9
    times.asked()
    times.stamp("text")
    times.stamp("sent")
    times.heard(ago_ms=0)
    clock.now += 5
    assert times.take() == {"judged_ms": 0, "sent_ms": 0, "heard_ms": 0}
    times.speech_ended(ago_ms=300)
    assert times.take() == {}
