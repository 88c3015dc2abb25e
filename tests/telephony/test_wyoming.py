"""Wyoming on literals."""

import json
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import AudioFormat, CallEnded, CallStarted, Encoding, Event, Media, Owed, Play, Transcript
from telephony.malformed import Refused
from telephony.recognition import RecognitionOptions
from telephony.wyoming import MAX_INPUT, Synthesis, WyomingProtocol, error
from telephony.wyoming_messages import MAX_HEAD_BYTES, WyomingMessage, WyomingMessages, message

L16 = AudioFormat(Encoding.L16, 16_000)
ABOUT = {"rate": 16_000, "width": 2, "channels": 1}
START = message("audio-start", **ABOUT)
CHUNK = message("audio-chunk", bytes(640), **ABOUT)
STOP = message("audio-stop")


def read(*messages: bytes) -> list[WyomingMessage]:
    return list(WyomingMessages(max_bytes=1 << 20).feed(b"".join(messages)))


def final(text: str) -> Transcript:
    return Transcript(text, "English", final=True, timestamp=0.0)


def told(text: str, *, refuses: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=text):
        WyomingProtocol("s").receive(refuses)


def test_audio_between_start_and_stop_is_a_call_in_the_language_that_was_asked_for() -> None:
    protocol = WyomingProtocol("s", language_of={"en-US": "English"}.__getitem__)
    asked = message("transcribe", name="any", language="en-US")
    started, *media, ended = protocol.receive(asked + START + CHUNK + CHUNK + STOP)
    assert started == CallStarted("s-1", L16, options=RecognitionOptions(language="English", partials=False))
    assert media == [Media(bytes(640), 0), Media(bytes(640), 20)]
    assert isinstance(ended, CallEnded)
    assert isinstance(protocol.receive(START)[0], CallStarted), "another one may follow"


def test_audio_that_was_not_announced_begins_a_call_too() -> None:
    assert [type(event) for event in WyomingProtocol("s").receive(CHUNK)] == [CallStarted, Media]


def test_each_final_is_a_piece_of_the_transcript_and_the_whole_follows_for_older_clients() -> None:
    protocol = WyomingProtocol("s")
    protocol.receive(START + CHUNK)
    sent = [*protocol.send(final("One.")), *protocol.send(final("")), *protocol.send(final("Two.")), *protocol.over()]
    assert [(each.kind, each.data) for each in read(*sent)] == [
        ("transcript-start", {}),
        ("transcript-chunk", {"text": "One."}),
        ("transcript-chunk", {"text": " Two."}),
        ("transcript", {"text": "One. Two."}),
        ("transcript-stop", {}),
    ]
    nothing = [each.kind for each in read(*protocol.over())]
    assert nothing == ["transcript-start", "transcript", "transcript-stop"], "the next one begins anew"


def test_a_stream_that_held_nothing_is_answered_with_no_words() -> None:
    [owed] = WyomingProtocol("s").receive(STOP)
    assert isinstance(owed, Owed)
    assert [each.data.get("text") for each in read(*_bytes(owed)) if each.kind == "transcript"] == [""]


def test_a_client_is_told_what_there_is_and_that_we_are_there() -> None:
    protocol = WyomingProtocol("s", info={"asr": [{"name": "whisper"}], "tts": []})
    info, pong = protocol.receive(message("describe") + message("ping", text="x"))
    assert isinstance(info, Owed) and isinstance(pong, Owed)
    assert read(*_bytes(info)) == [WyomingMessage("info", {"asr": [{"name": "whisper"}], "tts": []})]
    assert read(*_bytes(pong)) == [WyomingMessage("pong", {"text": "x"})]


def _bytes(owed: Owed) -> Sequence[bytes]:
    return [each for each in owed.messages if isinstance(each, bytes)]


def test_a_text_is_to_be_said_by_a_voice() -> None:
    protocol = WyomingProtocol("s")
    asked = message("synthesize", text="Good morning.", voice={"name": "anna", "language": "de_DE"})
    assert protocol.receive(asked) == [Synthesis("Good morning.", "anna", "de_DE")]
    assert protocol.receive(message("synthesize", text="Hello.", voice=None)) == [Synthesis("Hello.")]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (message("detect", names=["ok_nabu"]), "type: got 'detect'"),
        (message("synthesize-start"), "type: got 'synthesize-start'"),
        (message("synthesize", text=" "), "nothing to say"),
        (message("synthesize", text="x" * (MAX_INPUT + 1)), "at most 4096"),
        (message("synthesize", text="x", voice={"speaker": "7"}), "voice.speaker"),
        (message("synthesize", text="x", voice="anna"), "voice"),
        (message("audio-start", rate=16_000, width=4, channels=1), "width: got 4; allowed: 2"),
        (message("audio-start", rate=16_000, width=2, channels=2), "channels: got 2; allowed: 1"),
        (message("audio-start", rate=96_000, width=2, channels=1), "rate: got 96000"),
        (message("audio-start"), "width: got None"),
        (START + START, "audio-stop first"),
        (START + message("audio-chunk", bytes(4), rate=8000, width=2, channels=1), "rate: got 8000"),
        (b"GET / HTTP/1.1\r\n", "JSON"),
        (b"\xff\xfe\n", "no UTF-8"),
        (b"[]\n", "object"),
        (b"{}\n", "type: got None"),
        (b'{"type": "ping", "data_length": -1}\n', "data_length"),
        (b'{"type": "ping", "data_length": 9999999}\n', "data_length"),
        (b'{"type": "ping", "data_length": true}\n', "data_length"),
        (b'{"type": "audio-chunk", "payload_length": 99999999999}\n', "payload_length"),
        (b'{"type": "ping", "data_length": 2}\n[]', "object"),
        (b'{"type": "ping", "data": 7}\n', "data"),
        (b"x" * MAX_HEAD_BYTES, "header"),
    ],
)
def test_what_cannot_be_given_is_refused_in_words(asked: bytes, why: str) -> None:
    told(why, refuses=asked)
    [said] = read(error(why))
    assert said.kind == "error" and said.data["text"] == why


def test_a_language_that_the_recogniser_does_not_know_is_refused() -> None:
    def refuse(tag: str) -> str:
        raise Refused(f"language {tag!r}: unknown")

    with pytest.raises(RemoteProtocolError, match="'tlh': unknown"):
        WyomingProtocol("s", language_of=refuse).receive(message("transcribe", language="tlh"))


def test_data_behind_the_header_goes_before_what_stands_in_it() -> None:
    head = {"type": "synthesize", "data": {"text": "old", "voice": {"name": "anna"}}, "data_length": 15}
    assert WyomingProtocol("s").receive(json.dumps(head).encode() + b'\n{"text": "new"}') == [Synthesis("new", "anna")]


def test_a_voice_is_no_command_of_this_wire() -> None:
    with pytest.raises(LocalProtocolError):
        WyomingProtocol("s").send(Play(b""))


@given(cuts=st.lists(st.integers(1, 200), max_size=40))
@settings(max_examples=50, database=None)
def test_how_a_stream_is_cut_makes_no_difference(cuts: list[int]) -> None:
    stream = message("transcribe", language="ü") + START + CHUNK * 3 + STOP + message("synthesize", text="Hi.")
    protocol, heard, at = WyomingProtocol("s"), list[Event | Synthesis](), 0
    for size in [*cuts, len(stream)]:
        heard += protocol.receive(stream[at : at + size])
        at += size
    assert heard == WyomingProtocol("s").receive(stream)


@given(st.lists(st.sampled_from([START, CHUNK, STOP, message("ping")]) | st.binary(max_size=40), max_size=8))
@settings(max_examples=150, database=None)
def test_garbage_breaks_the_rules_and_nothing_else(pieces: list[bytes]) -> None:
    protocol = WyomingProtocol("s")
    with suppress(RemoteProtocolError):
        for piece in pieces:
            protocol.receive(piece)
