"""What was sent, what the caller has heard, what was cleared."""

from bridge.playout import Heard, Playout


def spoken(playout: Playout, text: str, ms: int, now_ms: int) -> str:
    playout.begin(text, now_ms)
    playout.sent(ms, now_ms)
    return playout.mark()


def test_nothing_sent_is_nothing_pending_and_nothing_heard() -> None:
    playout = Playout()
    assert not playout.pending(0, marks=True)
    assert playout.ahead_ms(0) == 0
    assert playout.end(0) == Heard("", "")


def test_a_sentence_is_pending_until_its_mark_comes_back() -> None:
    playout = Playout()
    mark = spoken(playout, "hello there", 1000, 0)
    assert playout.pending(999, marks=True)
    assert playout.pending(1500, marks=True)
    assert playout.played(mark, 1500)
    assert not playout.pending(1500, marks=True)
    assert playout.end(1500) == Heard("hello there", "")


def test_a_mark_that_never_comes_is_not_waited_for_for_ever() -> None:
    playout = Playout()
    spoken(playout, "hello", 1000, 0)
    assert playout.pending(2999, marks=True)
    assert not playout.pending(3000, marks=True)


def test_without_marks_the_clock_is_believed() -> None:
    playout = Playout()
    spoken(playout, "hello", 1000, 0)
    assert playout.pending(999, marks=False)
    assert not playout.pending(1000, marks=False)


def test_a_cut_sentence_gives_the_words_heard_so_far() -> None:
    playout = Playout()
    spoken(playout, "aaaa bbbb cccc dddd", 1000, 0)
    assert playout.end(510) == Heard("aaaa bbbb", "cccc dddd")


def test_sentences_are_played_one_after_the_other() -> None:
    playout = Playout()
    first = spoken(playout, "one", 1000, 0)
    spoken(playout, "two", 1000, 10)
    assert playout.ahead_ms(10) == 1990
    playout.played(first, 1200)  # the far side began 200 ms late
    assert playout.ahead_ms(1200) == 1000
    assert playout.end(1300) == Heard("one", "two")


def test_a_buffer_that_ran_dry_plays_from_now() -> None:
    playout = Playout()
    spoken(playout, "one", 500, 0)
    spoken(playout, "two", 500, 2000)
    assert playout.ahead_ms(2000) == 500


def test_the_mark_of_a_cleared_reply_does_not_end_the_next_one() -> None:
    playout = Playout()
    stale = spoken(playout, "old words", 1000, 0)
    playout.end(100)
    fresh = spoken(playout, "new words", 1000, 100)
    assert stale != fresh
    assert not playout.played(stale, 200)
    assert playout.pending(200, marks=True)


def test_a_later_mark_means_all_before_it_was_played() -> None:
    playout = Playout()
    spoken(playout, "one", 500, 0)
    second = spoken(playout, "two", 500, 0)
    playout.played(second, 1000)
    assert playout.end(1000) == Heard("one two", "")


def test_unknown_marks_are_ignored() -> None:
    assert not Playout().played("0:99", 0)
