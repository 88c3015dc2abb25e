"""What counts as a difference, and what many of them come to."""

import pytest

from bridge.replay.comparison import Event as Told
from bridge.replay.comparison import cut_and_merged, differences, figures, words_changed


def event(what: str, media_ms: int, **more: object) -> Told:
    return {"t": media_ms / 1000, "is": "event", "what": what, "media_ms": media_ms, **more}


def final(text: str, from_ms: int, to_ms: int) -> Told:
    return event("final", to_ms + 400, text=text, from_ms=from_ms, to_ms=to_ms)


CALL = [event("turn closed", 1400), final("one two", 500, 1000), event("answered", 1600, wait_ms=600)]


def test_what_happens_at_another_time_is_a_difference_beyond_the_tolerance() -> None:
    later = [*CALL[:2], event("answered", 1640, wait_ms=640)]
    assert differences(CALL, later, tolerance_ms=40) == []
    [found] = differences(CALL, later, tolerance_ms=39)
    assert (found.what, found.at_ms, found.before, found.after) == ("answered", 1640, CALL[2], later[2])


def test_two_events_of_the_same_moment_may_change_places() -> None:
    assert differences(CALL, [CALL[1], CALL[0], CALL[2]], tolerance_ms=0) == []


def test_a_text_that_changed_is_one_difference_with_both() -> None:
    changed = [CALL[0], final("one too", 500, 1000), CALL[2]]
    [found] = differences(CALL, changed, tolerance_ms=40)
    assert (found.before, found.after) == (CALL[1], changed[1])


def test_what_is_gone_or_new_stands_alone_and_the_rest_finds_its_own() -> None:
    far = event("turn closed", 9000)
    assert [(each.before, each.after) for each in differences([*CALL, far], CALL, tolerance_ms=40)] == [(far, None)]
    early = event("turn closed", 100)
    assert [(each.before, each.after) for each in differences(CALL, [early, *CALL], tolerance_ms=40)] == [(None, early)]


@pytest.mark.parametrize(
    ("spans", "cut", "merged"),
    [
        ([(0, 1000), (2000, 3000)], 0, 0),
        ([(0, 400), (500, 1000), (2000, 3000)], 1, 0),
        ([(0, 3000)], 0, 1),
        ([(0, 300), (350, 700), (750, 3000)], 1, 0),
        ([], 0, 0),
    ],
)
def test_utterances_are_cut_and_merged(spans: list[tuple[int, int]], cut: int, merged: int) -> None:
    then = figures([final("a", 0, 1000), final("b", 2000, 3000)])
    now = figures([final("x", *span) for span in spans])
    assert cut_and_merged(then, now) == (cut, merged)


def test_words_are_counted_without_regard_to_case() -> None:
    then, now = figures([final("Book a table", 0, 1000)]), figures([final("book the big table", 0, 1000)])
    assert words_changed(then, now) == 2
    assert words_changed(then, then) == 0


def test_the_numbers_of_a_call() -> None:
    found = figures([*CALL, event("barge-in", 1700), event("answered", 3000, wait_ms=400), final("", 0, 0)])
    assert (found.turns, found.barge_ins, found.waits_ms, found.wait_ms) == (1, 1, [600, 400], 500)
    assert found.spans == [(500, 1000)]
    assert figures([]).wait_ms is None
