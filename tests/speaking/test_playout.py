"""What was sent, what the caller has heard, what was cleared."""

import numpy as np
import pytest

from bridge.observer import CallObserver
from bridge.speaking.playout import HeardSoFar, Playout
from telephony.codec import encode
from telephony.events import AudioFormat, Encoding, Mark, Play, Reply

MULAW = AudioFormat(Encoding.MULAW, 8000)


def audio(ms: int, *, quiet: tuple[int, ...] = ()) -> bytes:
    """Return a tone of so long, silent for 40 ms at each of `quiet`."""
    samples = (0.3 * np.sin(np.arange(8 * ms) * 0.3)).astype(np.float32)
    for at_ms in quiet:
        samples[8 * at_ms : 8 * (at_ms + 40)] = 0
    return encode(samples, Encoding.MULAW)


def send(playout: Playout, now_ms: int) -> list[Play | Mark | Reply]:
    """Send all that waits."""
    sent = []
    while command := playout.next(400):
        playout.sent(command, now_ms)
        sent.append(command)
    return sent


def spoken(playout: Playout, text: str, ms: int, now_ms: int) -> str:
    sentence = playout.begin(text, now_ms)
    playout.made(sentence, audio(ms))
    playout.finish(sentence)
    return next(command.name for command in send(playout, now_ms) if isinstance(command, Mark))


def bytes_of(commands: list[Play | Mark | Reply]) -> bytes:
    return b"".join(command.payload for command in commands if isinstance(command, Play))


def test_nothing_sent_is_nothing_pending_and_nothing_heard() -> None:
    playout = Playout(MULAW)
    assert not playout.pending(0, marks=True)
    assert playout.ahead_ms(0) == 0
    assert playout.end(0) == HeardSoFar("", "")


def test_a_sentence_is_pending_until_its_mark_comes_back() -> None:
    playout = Playout(MULAW)
    mark = spoken(playout, "hello there", 1000, 0)
    assert playout.pending(999, marks=True)
    assert playout.pending(1500, marks=True)
    assert playout.played(mark, 1500)
    assert not playout.pending(1500, marks=True)
    assert playout.end(1500) == HeardSoFar("hello there", "", 1000, whole=1)


def test_a_mark_that_never_comes_is_not_waited_for_for_ever() -> None:
    playout = Playout(MULAW)
    spoken(playout, "hello", 1000, 0)
    assert playout.pending(2999, marks=True)
    assert not playout.pending(3000, marks=True)


def test_without_marks_the_clock_is_believed() -> None:
    playout = Playout(MULAW)
    spoken(playout, "hello", 1000, 0)
    assert playout.pending(999, marks=False)
    assert not playout.pending(1000, marks=False)


def test_a_cut_sentence_gives_the_words_heard_so_far() -> None:
    playout = Playout(MULAW)
    spoken(playout, "aaaa bbbb cccc dddd", 1000, 0)
    assert playout.end(510) == HeardSoFar("aaaa bbbb", "cccc dddd", 510)


def test_sentences_are_played_one_after_the_other() -> None:
    playout = Playout(MULAW)
    first = spoken(playout, "one", 1000, 0)
    spoken(playout, "two", 1000, 10)
    assert playout.ahead_ms(10) == 1990
    playout.played(first, 1200)  # the far side began 200 ms late
    assert playout.ahead_ms(1200) == 1000
    assert playout.end(1300) == HeardSoFar("one", "two", 1100, whole=1)


def test_a_buffer_that_ran_dry_plays_from_now() -> None:
    playout = Playout(MULAW)
    spoken(playout, "one", 500, 0)
    spoken(playout, "two", 500, 2000)
    assert playout.ahead_ms(2000) == 500


def test_the_mark_of_a_cleared_reply_does_not_end_the_next_one() -> None:
    playout = Playout(MULAW)
    stale = spoken(playout, "old words", 1000, 0)
    playout.end(100)
    fresh = spoken(playout, "new words", 1000, 100)
    assert stale != fresh
    assert not playout.played(stale, 200)
    assert playout.pending(200, marks=True)


def test_a_later_mark_means_all_before_it_was_played() -> None:
    playout = Playout(MULAW)
    spoken(playout, "one", 500, 0)
    second = spoken(playout, "two", 500, 0)
    playout.played(second, 1000)
    assert playout.end(1000) == HeardSoFar("one two", "", 1000, whole=2)


def test_unknown_marks_are_ignored() -> None:
    assert not Playout(MULAW).played("0:99", 0)


# ---------------------------------------------------------------- two writers


def test_two_sentences_made_by_turns_leave_one_after_the_other_each_with_its_own_audio_and_mark() -> None:
    playout, first_audio, second_audio = Playout(MULAW), audio(400), audio(400, quiet=(100,))
    first, second = playout.begin("first", 0), playout.begin("second", 0)
    sent = []
    for begin in range(0, len(first_audio), 800):
        playout.made(second, second_audio[begin : begin + 800])
        playout.made(first, first_audio[begin : begin + 800])
        sent += send(playout, 0)
    playout.finish(second)
    assert send(playout, 0) == [], "the second waits until the first is whole"
    playout.finish(first)
    sent += send(playout, 0)
    marks = [command for command in sent if isinstance(command, Mark)]
    end = sent.index(marks[0]) + 1
    assert bytes_of(sent[:end]) == first_audio
    assert bytes_of(sent[end:]) == second_audio
    assert [command for command in sent if isinstance(command, Reply)] == [Reply("first"), Reply("second")]
    playout.played(marks[0].name, 400)
    assert playout.heard(400) == HeardSoFar("first", "second", 400, whole=1)


def test_both_of_two_writers_go_on_with_their_own_sentence_after_a_hold() -> None:
    playout, first_audio, second_audio = Playout(MULAW), audio(1000), audio(1000, quiet=(500,))
    first, second = playout.begin("one two", 0), playout.begin("three four", 0)
    playout.made(first, first_audio[:4000])
    playout.made(second, second_audio[:4000])
    send(playout, 0)
    playout.hold(0, cleared=True)
    for sentence, rest in ((second, second_audio[4000:]), (first, first_audio[4000:])):
        playout.made(sentence, rest)
        playout.finish(sentence)
    assert bytes_of(send(playout, 2000)) == first_audio + second_audio


def test_audio_that_is_still_made_for_an_ended_reply_is_no_part_of_the_next() -> None:
    playout = Playout(MULAW)
    old = playout.begin("old words", 0)
    playout.made(old, audio(200))
    playout.end(100)
    new = playout.begin("new words", 100)
    playout.made(old, audio(200))
    playout.finish(old)
    playout.made(new, audio(400))
    playout.finish(new)
    assert bytes_of(send(playout, 100)) == audio(400)
    assert playout.end(600) == HeardSoFar("new words", "", 400, whole=1)


# ---------------------------------------------------------------- held, and taken up again


def test_a_held_sentence_leaves_again_from_the_word_that_was_cut() -> None:
    playout = Playout(MULAW)
    reference = audio(1000, quiet=(250, 500, 750))
    sentence = playout.begin("aaaa bbbb cccc dddd", 0)
    playout.made(sentence, reference)
    playout.finish(sentence)
    assert bytes_of(send(playout, 0)) == reference
    playout.hold(680, cleared=True)
    again = bytes_of(send(playout, 5000))
    begin = len(reference) - len(again)
    assert 8 * 500 <= begin <= 8 * 540, "the third word begins after the silence at half a second"
    assert again == reference[begin:]
    assert playout.heard(5000).text == "aaaa bbbb"


@pytest.mark.parametrize("first_ms", [0, 20, 100, 500, 990])
@pytest.mark.parametrize("second_ms", [0, 60, 400, 2000])
def test_no_word_is_lost_or_told_twice_however_often_a_reply_is_held(first_ms: int, second_ms: int) -> None:
    playout, texts = Playout(MULAW), ["one two three", "four five", "six seven eight nine"]
    for text in texts:
        sentence = playout.begin(text, 0)
        playout.made(sentence, audio(1000))
        playout.finish(sentence)
    send(playout, 0)
    playout.hold(first_ms, cleared=True)
    send(playout, 3000)
    playout.hold(3000 + second_ms, cleared=True)
    send(playout, 9000)
    heard = playout.heard(10_000)
    assert f"{heard.text} {heard.rest}".split() == " ".join(texts).split()
    assert playout.end(60_000).text == " ".join(texts)


def test_a_sentence_that_is_still_being_made_goes_on_where_it_was_held() -> None:
    playout, reference = Playout(MULAW), audio(2000, quiet=(500, 1000, 1500))
    sentence = playout.begin("aaaa bbbb cccc dddd " * 2, 0)
    playout.made(sentence, reference[:8000])
    send(playout, 0)
    playout.hold(100, cleared=True)
    playout.made(sentence, reference[8000:])
    playout.finish(sentence)
    assert bytes_of(send(playout, 3000)) == reference, "no word had been heard"


def test_what_was_made_and_not_sent_is_not_lost_in_a_hold() -> None:
    playout, reference = Playout(MULAW), audio(1000)
    sentence = playout.begin("one two", 0)
    playout.made(sentence, reference)
    command = playout.next(400)
    assert isinstance(command, Reply)
    playout.sent(command, 0)
    playout.hold(10, cleared=True)
    playout.finish(sentence)
    assert bytes_of(send(playout, 50)) == reference


def test_a_wire_that_cannot_clear_plays_on_what_it_has_and_only_the_rest_leaves_again() -> None:
    playout, reference = Playout(MULAW), audio(1000, quiet=(250, 500, 750))
    sentence = playout.begin("aaaa bbbb cccc dddd", 0)
    playout.made(sentence, reference)
    playout.finish(sentence)
    for _ in range(3):
        command = playout.next(260)
        assert command is not None
        playout.sent(command, 0)  # the text and 520 ms
    playout.hold(0, cleared=False)
    assert playout.ahead_ms(0) == 520
    again = bytes_of(send(playout, 3000))
    assert reference.endswith(again)
    assert len(again) == pytest.approx(8 * 480, abs=8 * 40)


def test_marks_from_before_a_hold_are_stale() -> None:
    playout = Playout(MULAW)
    stale = spoken(playout, "one two three", 1000, 0)
    playout.hold(300, cleared=True)
    fresh = [command.name for command in send(playout, 1000) if isinstance(command, Mark)]
    assert not playout.played(stale, 1010)
    assert playout.pending(1010, marks=True)
    assert playout.played(fresh[0], 2000)
    assert playout.end(2000).text == "one two three"


def test_a_text_is_announced_once() -> None:
    playout = Playout(MULAW)
    sentence = playout.begin("one two", 0)
    playout.made(sentence, audio(400))
    playout.finish(sentence)
    assert Reply("one two") in send(playout, 0)
    playout.hold(100, cleared=True)
    assert not [command for command in send(playout, 200) if isinstance(command, Reply)]


def test_a_sentence_that_may_not_be_interrupted_insists_until_it_was_heard() -> None:
    playout = Playout(MULAW)
    for text, interruptible in (("first", True), ("legal", False), ("last", True)):
        sentence = playout.begin(text, 0, interruptible=interruptible)
        playout.made(sentence, audio(1000))
        playout.finish(sentence)
    send(playout, 0)
    assert [playout.insists(now_ms, marks=False) for now_ms in (0, 990, 1010, 1990, 2010, 3500)] == [
        False, False, True, True, False, False,
    ]  # fmt: skip


def test_a_key_ends_the_sentence_that_says_so_and_no_other() -> None:
    playout = Playout(MULAW)
    for text, keys in (("first", True), ("second", False)):
        sentence = playout.begin(text, 0)
        sentence.keys_interrupt = keys
        playout.made(sentence, audio(1000))
        playout.finish(sentence)
    send(playout, 0)
    assert [playout.yields_to_keys(now_ms, marks=False) for now_ms in (0, 990, 1010, 2010)] == [
        True,
        True,
        False,
        False,
    ]


def test_a_sentence_insists_until_its_mark_is_back_or_long_overdue() -> None:
    playout = Playout(MULAW)
    sentence = playout.begin("legal", 0, interruptible=False)
    playout.made(sentence, audio(1000))
    playout.finish(sentence)
    send(playout, 0)
    assert playout.insists(1200, marks=True)
    assert playout.insists(2990, marks=True)
    assert not playout.insists(3010, marks=True), "the mark is lost"
    playout.played("0:1", 1300)
    assert not playout.insists(1300, marks=True)


def test_the_loudness_of_what_is_heard_is_known_by_the_clock_and_remembered_after_a_cut() -> None:
    playout = Playout(MULAW)
    spoken(playout, "one two", 1000, 1000)
    assert playout.loudest_db(0, 900) == -90
    assert playout.loudest_db(900, 1100) == pytest.approx(-13.5, abs=0.5)
    assert playout.loudest_db(2100, 2500) == -90
    playout.end(1500)
    assert playout.loudest_db(1400, 1600) == pytest.approx(-13.5, abs=0.5)
    assert playout.loudest_db(1600, 1900) == -90


def test_what_is_left_to_hear_counts_what_has_not_left_too() -> None:
    playout = Playout(MULAW)
    spoken(playout, "one", 1000, 0)
    sentence = playout.begin("two", 0)
    playout.made(sentence, audio(500))
    assert playout.left_ms(400) == 1100


class FarSide(CallObserver):
    """What was told of the far side."""

    def __init__(self) -> None:
        self.late_ms: list[int] = []
        self.gaps_ms: list[int] = []

    def mark_returned(self, *, late_ms: int) -> None:
        self.late_ms.append(late_ms)

    def ran_dry(self, *, gap_ms: int) -> None:
        self.gaps_ms.append(gap_ms)


def test_a_mark_tells_how_much_later_than_by_our_clock_the_far_side_played() -> None:
    far_side = FarSide()
    playout = Playout(MULAW, observer=far_side)
    playout.played(spoken(playout, "hello", 1000, 0), 1130)
    playout.played("0:99", 5000)
    assert far_side.late_ms == [130]


def test_silence_in_the_middle_of_a_sentence_is_a_gap_and_silence_between_sentences_is_none() -> None:
    far_side = FarSide()
    playout = Playout(MULAW, observer=far_side)
    sentence = playout.begin("one two three", 0)
    for made_at_ms in (0, 300, 419, 900):  # the second comes in time, the third is 19 ms late: no whole frame
        playout.made(sentence, audio(200))
        send(playout, made_at_ms if made_at_ms != 300 else 190)
    playout.finish(sentence)
    send(playout, 900)
    assert far_side.gaps_ms == [281]
    spoken(playout, "four", 400, 5000)
    assert far_side.gaps_ms == [281]


def test_whether_a_word_was_heard_is_what_its_text_tells_at_every_moment() -> None:
    playout = Playout(MULAW)
    filler = playout.begin("one moment", 0, filler=True)
    playout.made(filler, audio(400))
    playout.finish(filler)
    told = list[bool]()

    def listen(from_ms: int, to_ms: int) -> None:
        for now_ms in range(from_ms, to_ms, 20):
            told.append(playout.any_heard(now_ms))
            assert told[-1] == bool(playout.heard(now_ms).text), now_ms

    send(playout, 0)
    listen(0, 400)
    assert not any(told), "a filler is no part of the reply"
    spoken(playout, "hello there you", 900, 400)
    spoken(playout, "and you", 600, 400)
    listen(400, 1000)
    assert told[-1] and not told[20], "the first word takes its time"
    playout.hold(1000, cleared=True)
    listen(1000, 1400)
    assert all(told[-20:]), "what was heard before a hold stays heard"
    playout.end(1400)
    listen(1400, 1500)
    assert not told[-1], "another reply begins with nothing heard"
