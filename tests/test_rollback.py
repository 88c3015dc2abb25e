import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import Ended, Hypothesis
from bridge.speech.rollback import PrefixRollback

WORDS = ["Where", " can", " I", " buy", " a", " Spinny", " car", " today"]


def heard(*pieces: str, ended: Ended = Ended.STOP) -> Hypothesis:
    return Hypothesis(pieces, "English", ended)


def test_the_first_chunks_are_decoded_without_prefix() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=2, unfixed_token_num=1)
    assert rollback.prefix() == ""
    rollback.add(heard(*WORDS))
    assert rollback.prefix() == ""
    rollback.add(heard(*WORDS))
    assert rollback.prefix() == "".join(WORDS[:-1])


def test_the_defaults_are_four_chunks_and_five_pieces() -> None:
    rollback = PrefixRollback()
    for _ in range(4):
        assert rollback.prefix() == ""
        rollback.add(heard(*WORDS))
    assert rollback.prefix() == "Where can I"


def test_before_a_prefix_binds_each_hypothesis_replaces_the_one_before() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=2)
    assert rollback.add(heard("Wear", " can")) == "Wear can"
    assert rollback.add(heard("Where", " can", " I")) == "Where can I"


def test_the_continuation_is_joined_to_the_prefix_it_was_decoded_with() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=2)
    rollback.add(heard("Where", " can", " eye"))
    assert rollback.prefix() == "Where"
    assert rollback.add(heard(" can", " I", " buy")) == "Where can I buy"
    assert rollback.prefix() == "Where can"


@pytest.mark.parametrize("count", range(6))
def test_fewer_pieces_than_the_rollback_leave_no_prefix(count: int) -> None:
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=5)
    rollback.add(heard(*WORDS[:count]))
    assert rollback.prefix() == ""


def test_silence_before_the_first_word_does_not_bind_the_utterance() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=0)
    assert rollback.add(Hypothesis((), "")) == ""
    assert rollback.prefix() == ""
    assert rollback.add(heard("Hello")) == "Hello"


def test_with_no_rollback_all_of_it_binds() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=0)
    rollback.add(heard("Hello", " there"))
    assert rollback.prefix() == "Hello there"


def test_after_a_loop_one_decode_is_free_of_the_prefix() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=1)
    rollback.add(heard("Thank", " you", " you", ended=Ended.REPETITION))
    assert rollback.prefix() == ""
    assert rollback.add(heard("Thank", " you", " very")) == "Thank you very"
    assert rollback.prefix() == "Thank you"


def test_asking_for_the_prefix_changes_nothing() -> None:
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=2)
    rollback.add(heard(*WORDS))
    assert [rollback.prefix() for _ in range(3)] == ["".join(WORDS[:-2])] * 3


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
    rollback = PrefixRollback(unfixed_chunk_num=0, unfixed_token_num=1)
    assert rollback.add(heard(*pieces)) == "".join(pieces)
    assert rollback.prefix() == prefix


@given(st.lists(st.lists(st.text(max_size=4), max_size=12), max_size=8), st.integers(0, 3), st.integers(0, 6))
def test_text_of_any_script_comes_out_as_it_went_in(chunks: list[list[str]], unfixed: int, taken_back: int) -> None:
    rollback = PrefixRollback(unfixed, taken_back)
    for number, pieces in enumerate(chunks):
        prefix = rollback.prefix()
        assert not prefix or number >= unfixed
        text = rollback.add(heard(*pieces))
        assert text == prefix + "".join(pieces)
        assert text.startswith(rollback.prefix())


@pytest.mark.parametrize("name", ["unfixed_chunk_num", "unfixed_token_num"])
def test_a_negative_number_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is -1"):
        PrefixRollback(**{name: -1})
