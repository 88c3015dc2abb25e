"""How much of one sentence was heard, and what of it has to leave again after a cut."""

import pytest

from bridge.speaking.sentence import Sentence

FRAME_BYTES = 160


def sentence(text: str, made_ms: int, *, sent_ms: int, whole: bool = True) -> Sentence:
    """Return a sentence with a loud and a distinct byte for every frame, heard from 1000 ms on."""
    made = Sentence(text, True, [len(word) for word in text.split()], FRAME_BYTES)
    for frame in range(made_ms // 20):
        made.audio += bytes([frame]) * FRAME_BYTES
        made.levels.append(-20.0)
    made.sent, made.begins_ms, made.whole = sent_ms // 20 * FRAME_BYTES, 1000, whole
    return made


@pytest.mark.parametrize(
    ("now_ms", "heard"), [(0, 0), (1000, 0), (1249, 0), (1260, 1), (1510, 2), (2000, 4), (9000, 4)]
)
def test_whole_words_count_as_heard_by_their_share_of_the_letters(now_ms: int, heard: int) -> None:
    assert sentence("aaaa bbbb cccc dddd", 1000, sent_ms=1000).words_heard(now_ms) == heard


def test_only_what_has_left_can_be_heard() -> None:
    half = sentence("aaaa bbbb cccc dddd", 1000, sent_ms=500)
    assert half.heard_ms(5000) == 500
    assert half.unsent_ms == 500
    assert half.ends_ms == 1500
    assert half.split(5000) == ("aaaa bbbb", "cccc dddd")


def test_a_sentence_that_is_still_made_is_taken_to_last_65_ms_a_letter() -> None:
    text = "aaaa bbbb cccc dddd"
    assert sentence(text, 300, sent_ms=300, whole=False).words_heard(1300) == 0
    assert sentence(text, 300, sent_ms=300, whole=True).words_heard(1300) == 4


def test_a_cut_keeps_the_words_that_were_not_heard_and_the_audio_of_them() -> None:
    made = sentence("aaaa bbbb cccc dddd", 1000, sent_ms=1000)
    made.mark = "0:1"
    heard, heard_ms = made.cut(1510)
    assert (heard, made.text, made.letters) == ("aaaa bbbb", "cccc dddd", [4, 4])
    assert made.audio[0] * 20 == heard_ms
    assert len(made.audio) == (1000 - heard_ms) // 20 * FRAME_BYTES
    assert made.left
    assert (made.sent, made.announced) == (0, True)


def test_a_sentence_that_was_played_was_heard_whole_although_its_audio_is_gone() -> None:
    made = sentence("aaaa bbbb", 1000, sent_ms=1000)
    made.forget_audio()
    assert made.heard_ms(0) == 1000
    assert made.words_heard(0) == 2
    assert not made.audio
    assert not made.left
