import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bridge.speech.backends.models import find_whisper
from bridge.speech.backends.whisper.text import WhisperText, as_sentence

TOKENIZER = Tokenizer.from_file(str(find_whisper("tiny.en").folder / "tokenizer.json"))
TEXT = WhisperText(TOKENIZER, multilingual=False)
END = 50256  # <|endoftext|>, the first of the special tokens


def test_the_english_prompt_is_start_and_no_timestamps() -> None:
    assert [TOKENIZER.id_to_token(i) for i in TEXT.start("en")] == ["<|startoftranscript|>", "<|notimestamps|>"]


@pytest.mark.parametrize(
    "text",
    [
        "hello there",
        "<|endoftext|>",
        "नमस्ते दुनिया",
        "Are ye kya ho raha hai",
        "👩\u200d👧 ok",
        "你好吗",
        "naïve café — “yes”",
    ],
)
def test_text_of_any_script_survives_tokens_and_back(text: str) -> None:
    assert "".join(TEXT.pieces(TEXT.prefix(text, "en"), begins=True)) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_can_become_a_command(text: str) -> None:
    assert all(i < END for i in TEXT.prefix(text, "en") + TEXT.context(text, limit=1000)[1:])


@pytest.mark.parametrize("text", ["<|endoftext|>", "a <|startoftranscript|> b", "<|0.00|>", "<|en|><|transcribe|>"])
def test_marks_in_a_clients_text_stay_text(text: str) -> None:
    ids = TEXT.prefix(text, "en")
    assert len(ids) > 3
    assert all(i < END for i in ids)


def test_a_piece_never_ends_inside_a_character() -> None:
    ids = TEXT.prefix("नमस्ते 👍", "en")
    assert len(ids) > len("नमस्ते 👍")  # several tokens a character
    for count in range(len(ids) + 1):
        text = "".join(TEXT.pieces(ids[:count], begins=True))
        assert "\ufffd" not in text
        assert "नमस्ते 👍".startswith(text)


def test_bytes_that_are_no_character_do_not_stop_the_rest() -> None:
    half = TEXT.prefix("न", "en")[-2:-1]
    assert "".join(TEXT.pieces([*half, *TEXT.prefix("ok", "en")], begins=False)).endswith(" ok")


def test_only_a_beginning_loses_its_space() -> None:
    ids = TEXT.prefix("hello there", "en")
    assert TEXT.pieces(ids, begins=True) == ["hello", " there"]
    assert TEXT.pieces(ids, begins=False) == [" hello", " there"]


def test_end_marks_and_timestamps_are_no_text() -> None:
    assert TEXT.pieces([END, 50257, 50363, *TEXT.prefix("yes", "en"), 50400], begins=True) == ["yes"]


def test_languages_written_without_spaces_get_none_in_front() -> None:
    assert "".join(TEXT.pieces(TEXT.prefix("你好", "zh"), begins=False)) == "你好"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Spinny, Koramangala", "Spinny, Koramangala."),
        (" Spinny, Koramangala, ", "Spinny, Koramangala."),
        ("Where is it?", "Where is it?"),
        ("\u0928\u092e\u0938\u094d\u0924\u0947\u0964", "\u0928\u092e\u0938\u094d\u0924\u0947\u0964"),
        (" ,; ", ""),
        ("", ""),
    ],
)
def test_a_list_of_names_ends_as_a_sentence_does(text: str, sentence: str) -> None:
    assert as_sentence(text) == sentence


def test_each_piece_says_how_many_tokens_make_it() -> None:
    ids = TEXT.prefix("naïve 👍 yes", "en")
    pieces = TEXT.counted_pieces([*ids, END, *ids], "en")
    assert "".join(text for text, _ in pieces) == " naïve 👍 yes"
    assert sum(count for _, count in pieces) == len(ids)
    assert TEXT.counted_pieces(TEXT.prefix("你。", "zh"), "zh")[0][0] == " 你"


def test_the_last_tokens_of_a_long_context_count() -> None:
    context = TEXT.context("one two three four", limit=2)
    assert TOKENIZER.id_to_token(context[0]) == "<|startofprev|>"
    assert TEXT.pieces(context[1:], begins=True) == ["three", " four"]


@pytest.mark.parametrize("text", ["", "   "])
def test_no_context_is_no_prompt(text: str) -> None:
    assert TEXT.context(text, limit=10) == []


def test_half_a_surrogate_pair_is_not_fatal() -> None:
    assert "".join(TEXT.pieces(TEXT.prefix("a \ud83d b", "en"), begins=True)) == "a ? b"
