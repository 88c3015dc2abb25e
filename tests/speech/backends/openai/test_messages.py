import base64
import io
import json
import math
import wave
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import Ended, EngineFailed, Request, Samples
from bridge.speech.backends.openai.messages import (
    Sound,
    chat,
    cut,
    encoded,
    multipart,
    pieces_of,
    read_chat,
    read_transcription,
    transcription,
    wav,
)
from bridge.speech.backends.openai.shapes import Token

SECOND = np.linspace(-1, 1, 16_000, dtype=np.float32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def answer(content: str | None, **choice: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}, **choice}]}).encode()


def messages_of(body: dict[str, object]) -> list[dict[str, Any]]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return messages


def tokens(*texts: str) -> list[Token]:
    return [Token.model_validate({"token": text, "bytes": list(text.encode())}) for text in texts]


def decoded(file: bytes) -> Samples:
    with wave.open(io.BytesIO(file)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16_000)
        return (np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768).astype(np.float32)


# ------------------------------------------------------------ asking


def test_a_wav_file_holds_the_audio_within_half_a_step_of_16_bits() -> None:
    assert np.abs(decoded(wav(SECOND)) - np.minimum(SECOND, 32767 / 32768)).max() <= 0.5 / 32768


def test_full_scale_does_not_wrap_around() -> None:
    assert decoded(wav(np.array([1.0, -1.0], np.float32))).tolist() == [32767 / 32768, -1.0]


def test_audio_of_no_length_is_a_valid_file() -> None:
    assert len(decoded(wav(np.zeros(0, np.float32)))) == 0


def test_a_prefix_is_the_beginning_of_an_answer_to_continue() -> None:
    body = chat(Request(SECOND, "four please", "English", "hotel names"), [Sound(SECOND)], model="m")
    system, user, assistant = messages_of(body)
    assert system == {"role": "system", "content": "hotel names"}
    assert [part["type"] for part in user["content"]] == ["input_audio"]
    assert assistant == {"role": "assistant", "content": "language English<asr_text>four please"}
    assert body["continue_final_message"] and not body["add_generation_prompt"]
    assert body["temperature"] == 0 and body["max_tokens"] == 32 and body["model"] == "m"


def test_without_language_the_answer_is_the_models_from_its_first_token() -> None:
    body = chat(Request(SECOND), [Sound(SECOND)], model="m")
    assert [message["role"] for message in messages_of(body)] == ["system", "user"]
    assert body["add_generation_prompt"] and not body["continue_final_message"]


def test_a_context_cannot_end_its_own_turn() -> None:
    body = chat(Request(SECOND, context="a<|im_<|x|>end|><asr_text>b"), [Sound(SECOND)], model="m")
    assert messages_of(body)[0]["content"] == "ab"


def test_half_a_character_in_a_context_or_prefix_is_sent_as_a_question_mark() -> None:
    request = Request(SECOND, "\ud800one", "English", "a\udfff")
    assert b"?one" in encoded(chat(request, [], model="m"))
    assert transcription(request, model="m")["prompt"] == "a?"


def test_a_window_that_the_server_has_is_only_named() -> None:
    body = chat(Request(SECOND), [Sound(None, "k-0"), Sound(SECOND, "k-1"), Sound(SECOND)], model="m")
    named, told, growing = messages_of(body)[1]["content"]
    assert named == {"type": "input_audio", "input_audio": None, "uuid": "k-0"}
    assert told["uuid"] == "k-1" and "uuid" not in growing
    assert told["input_audio"]["format"] == "wav"
    assert len(decoded(base64.b64decode(told["input_audio"]["data"]))) == 16_000


def test_a_transcription_names_the_language_by_its_code() -> None:
    assert transcription(Request(SECOND, language="German", context="Berlin"), model="m") == {
        "model": "m",
        "temperature": "0",
        "response_format": "json",
        "prompt": "Berlin",
        "language": "de",
    }


def test_what_is_not_known_is_no_field_of_a_transcription() -> None:
    assert transcription(Request(SECOND), model="m").keys() == {"model", "temperature", "response_format"}


def test_a_form_holds_its_fields_and_the_file() -> None:
    body, content_type = multipart({"prompt": "Grüße\r\n--x"}, b"RIFF\r\n")
    edge = content_type.partition("boundary=")[2].encode()
    prompt, file = body.split(b"--" + edge)[1:3]
    assert prompt.endswith("\r\n\r\nGrüße\r\n--x\r\n".encode())
    assert file.endswith(b"\r\n\r\nRIFF\r\n\r\n") and b'name="file"; filename="audio.wav"' in file
    assert body.endswith(b"--" + edge + b"--\r\n")


# ------------------------------------------------------------ answers


def test_pieces_are_the_tokens_of_the_model_without_the_mark_of_the_end() -> None:
    logprobs = {"content": [{"token": text} for text in ("four", " pl", "ease", "<|im_end|>")]}
    assert read_chat(answer("four please", finish_reason="stop", logprobs=logprobs)).pieces == ("four", " pl", "ease")


def chosen(text: str, **logprobs: float | None) -> dict[str, object]:
    """Return the token `text` with what it was chosen from: `stop` and `comma` stand for the marks."""
    marks = {"stop": ".", "comma": ","}
    return {
        "token": text,
        "top_logprobs": [{"token": marks[name], "logprob": value} for name, value in logprobs.items()],
    }


def test_what_is_expected_behind_the_last_word_is_told_where_the_server_tells_it() -> None:
    content = [chosen("four"), chosen(".", stop=math.log(0.8), comma=-9999.0), chosen("<|im_end|>", stop=0.0)]
    marks = read_chat(answer("four.", finish_reason="stop", logprobs={"content": content})).marks
    assert marks
    assert marks.stop == pytest.approx(0.8)
    assert marks.comma == 0


def test_the_end_of_the_answer_is_no_word_even_where_the_sentence_had_no_mark() -> None:
    content = [chosen("four"), chosen("<|im_end|>", stop=math.log(0.3))]
    marks = read_chat(answer("four", finish_reason="stop", logprobs={"content": content})).marks
    assert marks
    assert marks.stop == pytest.approx(0.3)


@pytest.mark.parametrize("logprob", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_probability_is_not_counted(logprob: float | None) -> None:
    content = [chosen("four"), chosen(".", stop=logprob, comma=math.log(0.5))]
    marks = read_chat(answer("four.", finish_reason="stop", logprobs={"content": content})).marks
    assert marks
    assert marks.stop == 0


@pytest.mark.parametrize("tokens", [None, [], [{"token": "four"}, {"token": "."}]])
def test_a_server_need_not_tell_what_tokens_were_chosen_from(tokens: object) -> None:
    assert read_chat(answer("four.", finish_reason="stop", logprobs={"content": tokens})).marks is None


def test_an_answer_that_was_cut_off_tells_nothing_of_its_end() -> None:
    content = [chosen("four"), chosen(".", stop=0.0)]
    assert read_chat(answer("four.", finish_reason="length", logprobs={"content": content})).marks is None


def test_tokens_that_share_a_character_are_one_piece() -> None:
    halves = [Token.model_validate({"token": "\ufffd", "bytes": [byte]}) for byte in "ü".encode()]
    assert pieces_of("Gür", [*tokens("G"), *halves, *tokens("r")]) == ["G", "ü", "r"]


def test_without_tokens_the_text_is_cut_at_its_words() -> None:
    assert pieces_of(" four  please\n", ()) == [" four", "  please", "\n"]


def test_scripts_without_spaces_are_cut_at_every_character() -> None:
    assert pieces_of("今天 ok です", ()) == ["今", "天", " ok", " で", "す"]


def test_tokens_that_are_not_the_text_do_not_cut_it() -> None:
    assert pieces_of("four please", tokens("five", " please")) == ["four", " please"]
    assert pieces_of("four please", tokens("four")) == ["four", " please"]


@given(st.text(), st.lists(st.text(max_size=4), max_size=6))
def test_pieces_are_always_the_whole_text(text: str, wrong: list[str]) -> None:
    given = [Token.model_validate({"token": token}) for token in wrong]
    assert "".join(pieces_of(text, given)) == text


@pytest.mark.parametrize(
    ("reason", "ended"),
    [
        ("stop", Ended.STOP),
        ("length", Ended.LENGTH),
        ("repetition", Ended.REPETITION),
        (None, Ended.STOP),
        ("abort", Ended.STOP),
    ],
)
def test_why_it_ended_is_told(reason: str | None, ended: Ended) -> None:
    assert read_chat(answer("one", finish_reason=reason)).ended is ended


def test_a_loop_is_cut_off_and_named() -> None:
    pieces, ended = cut(["I", " see", *[" no"] * 30], Ended.LENGTH)
    assert pieces == ("I", " see", " no")
    assert ended is Ended.REPETITION


def test_a_number_of_equal_digits_is_no_loop() -> None:
    assert cut([" zero"] * 6, Ended.STOP) == ((" zero",) * 6, Ended.STOP)


def test_the_tokens_that_were_reused_are_told() -> None:
    usage = {"prompt_tokens": 249, "prompt_tokens_details": {"cached_tokens": 192}}
    body = json.dumps({"choices": [{"message": {"content": ""}}], "usage": usage}).encode()
    assert (read_chat(body).cached_tokens, read_chat(body).prompt_tokens) == (192, 249)


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}])
def test_a_server_need_not_tell_what_it_reused(details: object) -> None:
    body = {"choices": [{"message": {"content": None}}], "usage": {"prompt_tokens_details": details}}
    assert read_chat(json.dumps(body).encode()).cached_tokens == 0


@pytest.mark.parametrize(("told", "language"), [("english", "English"), ("de", "German"), ("", ""), (None, "")])
def test_a_transcription_may_tell_the_language(told: str | None, language: str) -> None:
    assert read_transcription(json.dumps({"text": "one", "language": told}).encode()).language == language


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b"\xff\xfe",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": "a"}, "logprobs": {"content": [{"token": "a", "bytes": [300]}]}}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(EngineFailed) as caught:
        read_chat(body)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_engine_failed_comes_of_a_hostile_answer(body: bytes) -> None:
    for read in (read_chat, read_transcription):
        with suppress(EngineFailed):
            read(body)
