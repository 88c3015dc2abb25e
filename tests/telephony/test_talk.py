"""A bot on the plain protocol: both directions, and what no client should send."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Command,
    Encoding,
    Finalize,
    Hangup,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
    Problem,
    Reply,
    SendDtmf,
    Transcript,
    Transfer,
)
from telephony.malformed import MAX_MALFORMED_OF_CLIENTS
from telephony.recognition import RecognitionOptions
from telephony.talk import MAX_MARK_CHARS, TalkProtocol


def protocol() -> TalkProtocol:
    return TalkProtocol("abc", refuse_language=lambda language: "no Klingon here" if language == "Klingon" else "")


def begun() -> TalkProtocol:
    call = protocol()
    call.receive('{"type": "config"}')
    return call


def malformed(message: str | bytes, call: TalkProtocol) -> str:
    [event] = call.receive(message)
    assert isinstance(event, Malformed)
    return event.message


def test_it_begins_as_the_plain_protocol_does() -> None:
    call = protocol()
    [greeting] = call.open()
    assert json.loads(greeting) == {"type": "session_created", "session_id": "abc"}
    [started] = call.receive('{"type": "config", "encoding": "int16", "sample_rate": 8000, "context": "Spinny"}')
    audio, options = AudioFormat(Encoding.L16, 8000), RecognitionOptions("Spinny")
    assert started == CallStarted("abc", audio, options=options)
    assert call.receive(b"\x01\x00" * 8) == [Media(b"\x01\x00" * 8, 0)]
    assert call.receive('{"type": "finalize"}') == [Finalize()]


def test_audio_alone_begins_a_call_with_the_defaults() -> None:
    started, media = protocol().receive(np.zeros(160, "<f4").tobytes())
    assert started == CallStarted("abc", AudioFormat(Encoding.FLOAT32, 16_000), options=RecognitionOptions())
    assert media == Media(bytes(640), 0)


def test_it_can_do_all_that_a_conversation_needs() -> None:
    able = protocol().capabilities
    assert (able.transcripts, able.audio_out, able.clear, able.mark, able.hangup) == (True,) * 5
    assert (able.transfer, able.dtmf_out, able.send_ahead_ms) == (False, False, 10_000)


def test_bot_audio_goes_out_as_it_is() -> None:
    assert begun().send(Play(b"\x00\x01\x02\x03")) == [b"\x00\x01\x02\x03"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Mark("0:1"), {"type": "mark", "name": "0:1"}),
        (Clear(), {"type": "clear"}),
        (Reply("नमस्ते!"), {"type": "reply", "text": "नमस्ते!"}),
        (Problem("no"), {"type": "error", "message": "no"}),
    ],
)
def test_each_command_has_its_message(command: Command, message: object) -> None:
    [sent] = begun().send(command)
    assert isinstance(sent, str)
    assert json.loads(sent) == message


def test_transcripts_go_out_as_on_the_plain_wire() -> None:
    [sent] = begun().send(Transcript("hello", "English", final=True, timestamp=1.5))
    message = {"type": "final", "language": "English", "text": "hello", "timestamp": 1.5, "is_speech_final": True}
    assert json.loads(sent) == message


def test_to_hang_up_is_to_close_the_socket() -> None:
    assert begun().send(Hangup("bye")) == ()


@pytest.mark.parametrize("command", [Play(b""), Mark("1"), Clear(), Reply("hi"), Transcript("", "", True, 0.0)])
def test_nothing_is_said_before_the_session_began(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match="began"):
        protocol().send(command)


@pytest.mark.parametrize("command", [Transfer("+49"), SendDtmf("1")])
def test_what_it_cannot_do_is_our_bug(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=type(command).__name__):
        begun().send(command)


def test_a_mark_that_comes_back_was_played() -> None:
    [mark] = (call := begun()).send(Mark("3:7"))
    assert call.receive(mark) == [Played("3:7")]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ('{"type": "mark"}', "field name: got null"),
        ('{"type": "mark", "name": 7}', "field name: got 7"),
        ('{"type": "mark", "name": ["1"]}', "field name: got a list"),
        (json.dumps({"type": "mark", "name": "x" * (MAX_MARK_CHARS + 1)}), f"at most {MAX_MARK_CHARS}"),
        ('{"type": "clear"}', 'allowed: "config", "finalize", "mark"'),
        ('{"type": "reply", "text": "hi"}', "field type"),
        ('{"type": "mark", "name": "\\ud800"}', "JSON"),
        ("{", "JSON"),
        (b"\x00", "multiple of 4"),
    ],
)
def test_bad_input_is_named_and_survived(message: str | bytes, named: str) -> None:
    call = begun()
    assert named in malformed(message, call)
    assert call.receive('{"type": "mark", "name": "1"}') == [Played("1")]


def test_a_mark_before_the_session_is_refused() -> None:
    call = protocol()
    assert "before the session began" in malformed('{"type": "mark", "name": "1"}', call)
    assert isinstance(call.receive('{"type": "config"}')[0], CallStarted)


def test_a_language_the_engine_lacks_is_refused() -> None:
    assert "no Klingon here" in malformed('{"type": "config", "language": "Klingon"}', protocol())


def test_too_much_bad_input_ends_the_call() -> None:
    call = begun()
    for _ in range(MAX_MALFORMED_OF_CLIENTS):
        malformed('{"type": "mark"}', call)
    with pytest.raises(RemoteProtocolError, match=str(MAX_MALFORMED_OF_CLIENTS)):
        call.receive('{"type": "mark"}')


@given(st.dictionaries(st.sampled_from(["type", "name", "text"]), st.none() | st.text() | st.integers() | st.just([])))
def test_no_message_breaks_it(message: dict[str, object]) -> None:
    for event in begun().receive(json.dumps(message | {"type": "mark"})):
        assert isinstance(event, Malformed | Played)
