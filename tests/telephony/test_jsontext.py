"""JSON of a peer that may be anybody: what is taken, and how what is not is told."""

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.events import Dtmf
from telephony.jsontext import (
    MAX_CHARS,
    FieldRefused,
    Fields,
    as_text,
    audio_of,
    json_object,
    key_of,
    number_of,
    object_of,
    object_of_body,
    text_of,
    truth_of,
    whole_of,
)
from telephony.malformed import Refused

FIELDS: Fields = {
    "text": "hello",
    "object": {"a": 1},
    "truth": False,
    "whole": 7,
    "number": 0.5,
    "key": "a",
    "null": None,
}


def test_what_is_there_is_returned() -> None:
    assert text_of(FIELDS, "text", at_most=5) == "hello"
    assert object_of(FIELDS, "object") == {"a": 1}
    assert truth_of(FIELDS, "truth", True) is False
    assert whole_of(FIELDS, "whole", 1, between=(0, 7)) == 7
    assert (number_of(FIELDS, "number", 1, between=(0, 1)), number_of(FIELDS, "whole", 1, between=(0, 9))) == (0.5, 7.0)
    assert key_of(FIELDS, "key") == Dtmf("A")


def test_what_is_not_there_is_the_default() -> None:
    assert truth_of({}, "truth", True) is True
    assert whole_of({}, "whole", 3, between=(0, 7)) == 3
    assert number_of({}, "number", 0.5, between=(0, 1)) == 0.5


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda: text_of(FIELDS, "whole"), "field whole: got 7; allowed: a string"),
        (lambda: text_of(FIELDS, "none", where="call.from"), "field call.from.none: got None; allowed: a string"),
        (lambda: text_of(FIELDS, "text", at_most=4), "field text: got 5 characters; allowed: at most 4"),
        (lambda: object_of(FIELDS, "text"), "field text: got 'hello'; allowed: an object"),
        (lambda: truth_of(FIELDS, "whole", True), "field whole: got 7; allowed: true, false"),
        (
            lambda: whole_of(FIELDS, "number", 1, between=(0, 9)),
            "field number: got 0.5; allowed: a whole number from 0",
        ),
        (lambda: whole_of(FIELDS, "truth", 1, between=(0, 9)), "field truth: got False; allowed: a whole number"),
        (lambda: whole_of(FIELDS, "whole", 1, between=(0, 6)), "allowed: a whole number from 0 to 6"),
        (lambda: number_of(FIELDS, "whole", 1, between=(0, 0.5)), "got 7; allowed: a number from 0 to 0.5"),
        (lambda: key_of(FIELDS, "text", where="dtmf"), "field dtmf.text: got 'HELLO'; allowed: one of 0-9 * # A-D"),
    ],
)
def test_what_cannot_be_taken_is_named_with_its_value_and_what_is_allowed(
    read: Callable[[], object], told: str
) -> None:
    with pytest.raises(Refused) as refused:
        read()
    assert told in str(refused.value)


def test_a_refusal_has_its_parts() -> None:
    with pytest.raises(FieldRefused) as refused:
        text_of(FIELDS, "null", where="call")
    assert (refused.value.what, refused.value.value, refused.value.allowed) == ("field call.null", None, "a string")


@pytest.mark.parametrize(
    "message", ["", "{", "[]", '"x"', "7", "{} {}", "[" * 100_000, '{"a": "\\ud800"}', b"{}", " " * (MAX_CHARS + 1)]
)
def test_what_is_no_object_is_refused(message: str | bytes) -> None:
    with pytest.raises(Refused, match="message: got"):
        json_object(message)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_any_object_is_read(fields: dict[str, object]) -> None:
    assert json_object(f" {json.dumps(fields, ensure_ascii=False)}\n") == fields


@pytest.mark.parametrize(("body", "fields"), [(b'{"a": 1}', {"a": 1}), (b"", {}), (b"\r\n", {})])
def test_an_answer_is_an_object_or_has_no_body(body: bytes, fields: Fields) -> None:
    assert object_of_body(body) == fields


@pytest.mark.parametrize("body", [b"[]", b"\xff", b'{"a": ', b"[" * 100_000, b"null"])
def test_an_answer_that_is_no_object_is_an_error_and_not_an_empty_one(body: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        object_of_body(body)


PACKET = bytes(range(160))


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(PACKET).decode(),
        base64.b64encode(PACKET).decode().rstrip("="),
        base64.encodebytes(PACKET).decode(),
        base64.encodebytes(PACKET).decode().replace("\n", "\r\n").rstrip("=\r\n"),
        f" {base64.b64encode(PACKET).decode()}\n",
    ],
    ids=["plain", "no padding", "lines", "lines of DOS, no padding", "blanks around it"],
)
def test_audio_is_read_however_its_base64_is_written(written: str) -> None:
    assert audio_of({"payload": written}, "payload", where="media", at_most=160) == PACKET


@pytest.mark.parametrize("written", ["AAAAA", "A$$A", "ÄÄÄÄ", "AA=A", 17, None, "A" * 1000])
def test_what_is_no_base64_or_too_much_of_it_is_refused(written: object) -> None:
    with pytest.raises(Refused, match=r"field media\.payload"):
        audio_of({"payload": written}, "payload", where="media", at_most=160)


@given(st.binary(max_size=300), st.integers(1, 90), st.booleans())
def test_line_breaks_and_padding_change_no_audio(audio: bytes, width: int, padded: bool) -> None:
    text = base64.b64encode(audio).decode()
    text = text if padded else text.rstrip("=")
    lines = "\n".join(text[start : start + width] for start in range(0, len(text), width))
    assert audio_of({"payload": lines}, "payload", where="media", at_most=600) == audio


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("x", "x"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        ([1, "a"], '[1, "a"]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_a_plain_value_has_a_text(value: object, text: str) -> None:
    assert as_text(value) == text
