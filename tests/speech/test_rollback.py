from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import Ended, Hypothesis
from bridge.speech.rollback import EARLY_STEP_MS, FIRST_SPEECH_MS, Cadence, Draft, PrefixRollback

WORDS = ("Where", " can", " I", " buy", " a", " Spinny", " car", " today")
LATE_MS = 60_000


def draft(*pieces: str, language: str = "English", ended: Ended = Ended.STOP) -> Draft:
    return Draft(pieces, language, ended)


def after(*pieces: str, taken_back: int = 5, language: str = "English", ended: Ended = Ended.STOP) -> str:
    """Return the prefix that follows such a draft late in an utterance."""
    rollback = PrefixRollback(0, taken_back)
    rollback.add(draft(*pieces, language=language, ended=ended))
    return rollback.prefix(LATE_MS).text


# ---------------------------------------------------------------- drafts


def test_the_continuation_is_joined_to_the_prefix_it_was_decoded_with() -> None:
    whole = draft("Where", " can").then(Hypothesis([" I"], "English", Ended.LENGTH))
    assert whole == draft("Where", " can", " I", ended=Ended.LENGTH)


def test_a_continuation_without_words_keeps_the_language() -> None:
    assert draft("Hallo", language="German").then(Hypothesis((), "")).language == "German"


def test_nothing_heard_has_no_language() -> None:
    assert Draft().then(Hypothesis((), "")) == Draft()


# ---------------------------------------------------------------- what binds


def test_the_first_chunks_are_decoded_without_prefix() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=4, unfixed_token_num=1, chunk_ms=1000)
    rollback.add(draft(*WORDS))
    assert rollback.prefix(4999) == Draft()
    assert rollback.prefix(5000) == draft(*WORDS[:-1])


def test_the_defaults_are_four_chunks_of_a_second_and_five_pieces() -> None:
    rollback = PrefixRollback()
    rollback.add(draft(*WORDS))
    assert [rollback.prefix(ms).text for ms in (1000, 4000, 5000)] == ["", "", "Where can I"]


@pytest.mark.parametrize(("chunks", "chunk_ms"), [(0, 1000), (4, 100)])
def test_nothing_binds_in_the_first_two_seconds_however_short_the_chunks(chunks: int, chunk_ms: int) -> None:
    rollback = PrefixRollback(chunks, 1, chunk_ms=chunk_ms)
    rollback.add(draft(*WORDS))
    assert rollback.prefix(1999) == Draft()
    assert rollback.prefix(2000).text


@pytest.mark.parametrize("count", range(6))
def test_fewer_pieces_than_the_rollback_leave_no_prefix(count: int) -> None:
    assert after(*WORDS[:count]) == ""


@pytest.mark.parametrize("pieces", [(), ("",), (" ", "  ")])
def test_silence_before_the_first_word_does_not_bind_the_utterance(pieces: tuple[str, ...]) -> None:
    assert after(*pieces, taken_back=0) == ""


def test_a_text_whose_language_is_not_known_is_no_prefix() -> None:
    assert after(*WORDS, language="") == ""


def test_a_prefix_has_the_language_it_was_heard_in() -> None:
    rollback = PrefixRollback(0, 0)
    rollback.add(draft("Hallo", language="German"))
    assert rollback.prefix(LATE_MS) == draft("Hallo", language="German")


def test_with_no_rollback_all_of_it_binds() -> None:
    assert after(*WORDS, taken_back=0) == "".join(WORDS)


def test_what_looped_does_not_bind_the_next() -> None:
    assert after(*WORDS, ended=Ended.REPETITION) == ""


def test_what_ran_out_of_tokens_binds() -> None:
    assert after(*WORDS, ended=Ended.LENGTH) == "Where can I"


def test_only_the_newest_binds() -> None:
    rollback = PrefixRollback(0, 1)
    rollback.add(draft("Wear", " can", " I"))
    rollback.add(draft("Where", " can", " I"))
    assert [rollback.prefix(LATE_MS).text for _ in range(3)] == ["Where can"] * 3


@pytest.mark.parametrize(
    ("pieces", "prefix"),
    [
        (["नम", "स", "्ते"], "नम"),  # a vowel sign or a virama belongs to the letter before it
        (["हा", "ँ", " जी"], "हाँ"),
        (["a", "e", "\u0301"], "a"),
        (["ok ", "👩", "\u200d", "👧"], "ok "),
        (["ok ", "👩\u200d", "👧"], "ok "),
        (["ok", "\ufffd", "x"], "ok"),
        (["ok", "\ud83d", "\ude00"], "ok"),
        (["안녕", "하세요"], "안녕"),
        (["你", "好", "吗"], "你好"),
        (["ok", "", "\u0301"], ""),
        (["\u0301", "\u0301"], ""),
    ],
)
def test_a_prefix_never_ends_inside_a_character(pieces: list[str], prefix: str) -> None:
    assert after(*pieces, taken_back=1) == prefix


@given(st.lists(st.text(max_size=4), max_size=12), st.integers(0, 6))
def test_a_prefix_of_any_script_is_the_beginning_of_what_was_heard(pieces: list[str], taken_back: int) -> None:
    assert "".join(pieces).startswith(after(*pieces, taken_back=taken_back))


@pytest.mark.parametrize("name", ["unfixed_chunk_num", "unfixed_token_num"])
def test_a_negative_number_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is -1"):
        PrefixRollback(**{name: -1})


# ---------------------------------------------------------------- when


def times(cadence: Cadence, *, until_ms: int, text_at_ms: int | None = None) -> list[int]:
    """Return when uninterrupted speech from 300 ms on is decoded by an engine that hears words at `text_at_ms`."""
    decoded = []
    for at_ms in range(300, until_ms, 20):
        if cadence.due(at_ms - 300, at_ms):
            decoded.append(at_ms)
            cadence.begun(at_ms)
            cadence.heard("word" if text_at_ms is not None and at_ms >= text_at_ms else "")
    return decoded


def test_the_first_decode_waits_for_a_third_of_a_second_of_speech() -> None:
    assert times(Cadence(1000), until_ms=1000)[0] - 300 == pytest.approx(FIRST_SPEECH_MS, abs=20)


def test_until_there_is_text_it_is_tried_often_and_then_once_a_chunk() -> None:
    at = times(Cadence(1000), until_ms=5000, text_at_ms=1000)
    steps = [later - sooner for sooner, later in pairwise(at)]
    assert steps[:2] == [pytest.approx(EARLY_STEP_MS, abs=20)] * 2
    assert steps[2:] == [1000] * len(steps[2:])
    assert len(steps) > 4


def test_short_chunks_stay_short_from_the_beginning() -> None:
    at = times(Cadence(100), until_ms=1500)
    assert {later - sooner for sooner, later in pairwise(at)} == {100}


def test_once_there_was_text_its_loss_brings_no_more_decodes() -> None:
    cadence = Cadence(1000)
    cadence.heard("word")
    cadence.heard("")
    cadence.begun(1000)
    assert not cadence.due(1000, 1990)
    assert cadence.due(1000, 2000)


def test_silence_is_not_decoded_again() -> None:
    cadence = Cadence(1000)
    cadence.begun(3000)
    assert not any(cadence.due(2000, speech_end_ms) for speech_end_ms in (2900, 3000, 3100))
