"""Audio in JSON."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import EngineFailed
from bridge.speech.voices.base64_answer import Base64Answer

AUDIO = [bytes(range(200)), b"", b"tail"]


def parts(answer: Base64Answer, data: bytes, size: int) -> list[bytes]:
    found = [part for at in range(0, len(data), size) for part in answer.feed(data[at : at + size])]
    return found + list(answer.flush())


def lines(form: str, end: str) -> bytes:
    said = [json.dumps({"result": {"audioContent": base64.b64encode(audio).decode()}}) for audio in AUDIO]
    return "".join(form.format(line) for line in said).encode() + end.encode()


@pytest.mark.parametrize("size", [1, 13, 10**6])
@pytest.mark.parametrize(
    ("form", "end"),
    [
        ("{}\n", ""),
        ("{}\r\n", '{"result": {"usage": {"characters": 3}}}'),
        ("event: audio\ndata: {}\n\n", "data: [DONE]\n\n"),
        (": ping\nid: 3\ndata:{}\n\n", ""),
    ],
)
def test_each_line_is_a_piece_however_it_was_cut(form: str, end: str, size: int) -> None:
    assert parts(Base64Answer("result.audioContent", lines=True), lines(form, end), size) == AUDIO


@pytest.mark.parametrize("size", [1, 10**6])
def test_a_document_is_one_piece(size: int) -> None:
    document = json.dumps({"audios": [base64.b64encode(AUDIO[0]).decode()]}, indent=2).encode()
    assert parts(Base64Answer("audios.0", lines=False), document, size) == AUDIO[:1]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b'{"error": {"code": 3, "message": "voice not found"}}', "without audio: voice not found"),
        (b'{"result": {"audioContent": "%%%"}}', "no base64"),
        ('{"result": {"audioContent": "UklGRé=="}}'.encode(), "no base64"),
        (b"{nonsense", "no JSON"),
    ],
)
def test_an_error_in_place_of_audio_is_told(data: bytes, complaint: str) -> None:
    for answer in (Base64Answer("result.audioContent", lines=True), Base64Answer("result.audioContent", lines=False)):
        with pytest.raises(EngineFailed, match=complaint):
            parts(answer, data, 5)


def test_a_document_without_end_is_given_up() -> None:
    answer = Base64Answer("a", lines=True)
    with pytest.raises(EngineFailed, match="longer than"):
        for _ in range(20):
            list(answer.feed(b"x" * (1 << 20)))


@given(st.lists(st.binary(max_size=60)), st.booleans())
def test_whatever_comes_is_bytes_or_engine_failed(pieces: list[bytes], by_line: bool) -> None:
    answer = Base64Answer("result.0.a", lines=by_line)
    with suppress(EngineFailed):
        for piece in pieces:
            assert all(isinstance(part, bytes) for part in answer.feed(piece))
        list(answer.flush())
