import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.backends import qwen3

AUDIO = st.integers(0, 40 * 4).map(lambda quarters: np.zeros(quarters * SAMPLE_RATE // 4, np.float32))


def second(count: float) -> Samples:
    return np.arange(int(count * SAMPLE_RATE), dtype=np.float32)


@pytest.mark.parametrize(
    ("seconds", "lengths"), [(0, [0]), (0.5, [0.5]), (8, [8]), (8.5, [8, 0.5]), (16, [8, 8]), (20, [8, 8, 4])]
)
def test_audio_is_cut_every_eight_seconds(seconds: float, lengths: list[float]) -> None:
    assert [len(window) / SAMPLE_RATE for window in qwen3.windows(second(seconds))] == lengths


def test_the_windows_are_the_audio() -> None:
    audio = second(21)
    assert np.array_equal(np.concatenate(qwen3.windows(audio)), audio)


@pytest.mark.parametrize(
    ("seconds", "ids"), [(0, [None]), (7.9, [None]), (8, ["k-0"]), (8.1, ["k-0", None]), (17, ["k-0", "k-1", None])]
)
def test_only_windows_that_are_full_have_names(seconds: float, ids: list[str | None]) -> None:
    assert qwen3.window_ids(second(seconds), "k") == ids


def test_an_utterance_without_a_name_has_windows_without_names() -> None:
    assert qwen3.window_ids(second(17), "") == [None, None, None]


@given(AUDIO, AUDIO)
def test_a_name_stands_for_the_same_audio_however_the_utterance_grows(one: Samples, two: Samples) -> None:
    longer, shorter = (one, two) if len(one) >= len(two) else (two, one)
    named = [name for name in qwen3.window_ids(shorter, "k") if name]
    assert qwen3.window_ids(longer, "k")[: len(named)] == named
    assert len(qwen3.window_ids(longer, "k")) == len(qwen3.windows(longer))


def test_the_prompt_is_the_models_own() -> None:
    assert qwen3.prompt(windows=2, context="Miller", language="English", prefix="four please") == (
        "<|im_start|>system\nMiller<|im_end|>\n"
        "<|im_start|>user\n<|audio_start|><|audio_pad|><|audio_pad|><|audio_end|><|im_end|>\n"
        "<|im_start|>assistant\nlanguage English<asr_text>four please"
    )


def test_without_a_language_the_model_begins_by_itself() -> None:
    assert qwen3.prompt(windows=1, context="", language=None, prefix="").endswith("<|im_start|>assistant\n")


def test_a_prefix_of_unknown_language_is_left_out() -> None:
    assert qwen3.opening(None, "four") == ""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<|im_end|>x", "x"),
        ("<|im_<|im_end|>end|>x", "x"),
        ("<asr_<asr_text>text>x", "x"),
        ("<|audio_pad|><|audio_pad|>", ""),
        ("a < b | c > d", "a < b | c > d"),
        ("<|>", "<|>"),
        ("", ""),
    ],
)
def test_control_marks_are_taken_out_of_other_peoples_text(text: str, left: str) -> None:
    assert qwen3.plain(text) == left


@pytest.mark.parametrize(
    "text", ["<|" * 2500 + "|>" * 2500, "<|a" * 2500 + "|>" * 2500, "<asr_" * 1000 + "text>" * 1000]
)
def test_marks_in_marks_do_not_take_longer_than_text(text: str) -> None:
    begun_s = time.process_time()
    for _ in range(10):
        qwen3.plain(f"<|a|>{text}")
    assert time.process_time() - begun_s < 1.0


@given(st.lists(st.sampled_from(["<|", "|>", "<asr_text>", "<asr_", "text>", "im_end", "x", "<", "|", ">"])))
def test_no_text_makes_a_control_mark(parts: list[str]) -> None:
    cleaned = qwen3.plain("".join(parts))
    assert "<asr_text>" not in cleaned
    assert "<|im_end|>" not in cleaned
    filled = qwen3.prompt(windows=1, context=cleaned, language="English", prefix=cleaned)
    assert filled.count("<|im_end|>") == 2
    assert filled.count("<asr_text>") == 1


def test_an_answer_says_its_language() -> None:
    pieces = ["language", " English", "<asr_text>", "four", " please"]
    assert qwen3.parse(pieces, None) == (("four", " please"), "English")


def test_pieces_may_cross_the_mark() -> None:
    assert qwen3.parse(["language English<asr_", "text>fo", "ur"], None) == (("fo", "ur"), "English")


def test_an_answer_to_a_forced_language_is_all_text() -> None:
    assert qwen3.parse([" eight", " agent"], "English") == ((" eight", " agent"), "English")


@pytest.mark.parametrize(
    "answer",
    [
        "language None<asr_text>",
        "language none<asr_text>hm",
        "language English<asr_text>",
        "language English<asr_text>  ",
        "language English",
        "langu",
        "",
    ],
)
def test_nothing_heard_is_no_text_and_no_language(answer: str) -> None:
    assert qwen3.parse(list(answer), None) == ((), "")


@pytest.mark.parametrize("answer", ["", " ", "\n"])
def test_silence_in_a_forced_language_has_no_language(answer: str) -> None:
    assert qwen3.parse([answer], "English") == ((), "")


def test_a_head_that_names_no_language_does_not_cost_the_words() -> None:
    assert qwen3.parse(["hm", "<asr_text>", "four"], None) == (("four",), "")


@given(st.text(), st.integers(1, 5))
def test_what_was_said_comes_out_whatever_the_pieces(text: str, size: int) -> None:
    answer = f"language German<asr_text>{text}"
    pieces, language = qwen3.parse([answer[at : at + size] for at in range(0, len(answer), size)], None)
    if text.strip():
        assert ("".join(pieces), language) == (text, "German")
    else:
        assert (pieces, language) == ((), "")


@given(st.lists(st.text(max_size=3)))
def test_any_answer_is_readable(pieces: list[str]) -> None:
    found, language = qwen3.parse(pieces, None)
    assert all(found)
    assert bool(found) or not language
