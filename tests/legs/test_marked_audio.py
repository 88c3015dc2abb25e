"""Bot audio that waits, and the marks in it."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.marked_audio import MarkedAudio


def test_audio_leaves_in_order_and_no_more_than_there_is() -> None:
    audio = MarkedAudio()
    audio.play(b"abc")
    audio.play(b"de")
    assert (len(audio), audio.take(4), audio.take(4), len(audio)) == (5, b"abcd", b"e", 0)


def test_a_mark_is_reached_once_all_audio_before_it_has_left() -> None:
    audio = MarkedAudio()
    audio.play(b"abc")
    audio.mark("m")
    audio.play(b"d")
    audio.take(2)
    assert (audio.reached(), audio.marked) == ([], True)
    audio.take(1)
    assert audio.reached(unheard=1) == [], "its last byte is not heard yet"
    assert (audio.reached(), audio.marked) == (["m"], False)
    assert audio.reached() == []


def test_a_mark_behind_nothing_is_reached_at_once() -> None:
    audio = MarkedAudio()
    audio.mark("m")
    assert audio.reached() == ["m"]


def test_what_is_cleared_is_gone_and_its_marks_come_back() -> None:
    audio = MarkedAudio()
    audio.play(b"abc")
    audio.mark("m")
    audio.take(1)
    assert audio.clear() == ["m"]
    assert (len(audio), audio.marked) == (0, False)
    audio.play(b"d")
    audio.mark("n")
    assert audio.reached() == []
    audio.take(1)
    assert audio.reached() == ["n"]


@given(st.lists(st.binary(min_size=1, max_size=9)), st.integers(1, 7))
def test_each_mark_comes_back_once_and_with_its_audio(pieces: list[bytes], size: int) -> None:
    audio, heard, reached = MarkedAudio(), b"", dict[str, int]()
    for number, piece in enumerate(pieces):
        audio.play(piece)
        audio.mark(str(number))
    while len(audio):
        heard += audio.take(size)
        reached |= {name: len(heard) for name in audio.reached()}
    assert heard == b"".join(pieces)
    assert list(reached) == [str(number) for number in range(len(pieces))]
    ends = [sum(map(len, pieces[: number + 1])) for number in range(len(pieces))]
    assert all(end <= at < end + size for end, at in zip(ends, reached.values(), strict=True))
