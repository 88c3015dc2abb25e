"""Twilio Media Streams: every message of its documentation, and many that are in none."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio_messages import PACKET, STREAM, media

from telephony.carriers.json_stream import MAX_PAYLOAD_BYTES, MULAW_8K
from telephony.codec import silence
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Clear,
    Command,
    Dtmf,
    Encoding,
    Event,
    Hangup,
    Malformed,
    Mark,
    Media,
    Notice,
    Play,
    Played,
    Problem,
    SendDtmf,
    Transcript,
    Transfer,
)
from telephony.malformed import MAX_MALFORMED
from telephony.twilio import TwilioProtocol
from telephony.twiml import twiml_busy, twiml_stream

ACCOUNT: Final = "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
CALL: Final = "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"

CONNECTED = """{ "event": "connected", "protocol": "Call", "version": "1.0.0" }"""
START = """{
  "event": "start",
  "sequenceNumber": "1",
  "start": {
    "accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "tracks": [ "inbound" ],
    "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
    "customParameters": { "From": "+15551230001", "To": "+15551230002", "name": "\\u0905\\u092e\\u0930 \\ud83d\\ude00" }
  },
  "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
}"""
DTMF = """{ "event": "dtmf", "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "sequenceNumber": "5",
  "dtmf": { "track": "inbound_track", "digit": "1" } }"""
MARK = """{ "event": "mark", "sequenceNumber": "4", "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
  "mark": { "name": "my label" } }"""
STOP = """{ "event": "stop", "sequenceNumber": "5", "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
  "stop": { "accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX" } }"""


def started() -> TwilioProtocol:
    protocol = TwilioProtocol()
    protocol.receive(START)
    return protocol


def start(**changed: object) -> str:
    message = json.loads(START)
    message["start"].update(changed)
    return json.dumps(message)


def malformed(events: Sequence[Event]) -> str:
    assert len(events) == 1, events
    assert isinstance(events[0], Malformed), events
    return events[0].message


# ---------------------------------------------------------------- what Twilio sends


def test_it_says_nothing_first() -> None:
    assert list(TwilioProtocol().open()) == []


def test_connected_means_nothing_yet() -> None:
    assert list(TwilioProtocol().receive(CONNECTED)) == []


def test_start_begins_the_call() -> None:
    [event] = TwilioProtocol().receive(START)
    assert isinstance(event, CallStarted)
    assert (event.call_id, event.caller, event.callee) == (CALL, "+15551230001", "+15551230002")
    assert (event.format.encoding, event.format.sample_rate) == (Encoding.MULAW, 8000)
    told = {"From": "+15551230001", "To": "+15551230002", "name": "अमर 😀"}
    assert event.parameters == {**told, "AccountSid": ACCOUNT}
    assert event.options is None


def test_start_without_parameters_leaves_the_numbers_empty() -> None:
    [event] = TwilioProtocol().receive(start(customParameters={}))
    assert event == CallStarted(CALL, MULAW_8K, parameters={"AccountSid": ACCOUNT})


def test_media_is_decoded_and_placed() -> None:
    protocol = started()
    assert protocol.receive(media(1)) == [Media(PACKET, 0)]
    assert protocol.receive(media(2)) == [Media(PACKET, 20)]


def test_lost_media_is_filled_and_counted() -> None:
    protocol = started()
    protocol.receive(media(1))
    assert protocol.receive(media(4)) == [
        Media(silence(Encoding.MULAW, 320), 20, concealed=True),
        Media(PACKET, 60),
    ]
    assert protocol.timeline.lost_ms == 40


def test_media_that_comes_twice_is_dropped_and_counted() -> None:
    protocol = started()
    protocol.receive(media(1))
    assert list(protocol.receive(media(1))) == []
    assert protocol.timeline.late == 1


@pytest.mark.parametrize("absent", ["track", "chunk", "timestamp"])
def test_media_is_taken_without_what_only_orders_it(absent: str) -> None:
    protocol = started()
    message = json.loads(media(1))
    del message["media"][absent]
    assert protocol.receive(json.dumps(message)) == [Media(PACKET, 0)]


def test_numbers_may_be_numbers() -> None:
    protocol = started()
    protocol.receive(media(1, chunk=1, timestamp=20))
    assert len(protocol.receive(media(3, chunk=3, timestamp=60))) == 2


def test_our_own_audio_is_not_the_callers() -> None:
    assert list(started().receive(media(track="outbound"))) == []


def test_dtmf_is_a_key() -> None:
    assert started().receive(DTMF) == [Dtmf("1")]


@pytest.mark.parametrize("digit", [*"0123456789*#ABCD"])
def test_every_key_of_the_telephone_is_known(digit: str) -> None:
    assert started().receive(DTMF.replace('"1"', json.dumps(digit))) == [Dtmf(digit)]


def test_a_mark_that_comes_back_was_played() -> None:
    assert started().receive(MARK) == [Played("my label")]


def test_stop_ends_the_call_and_nothing_follows() -> None:
    protocol = started()
    assert protocol.receive(STOP) == [CallEnded("caller hung up")]
    assert list(protocol.receive(media())) == []
    assert list(protocol.receive("garbage")) == []


def test_events_of_the_future_mean_nothing() -> None:
    protocol = started()
    assert list(protocol.receive('{"event": "weather", "streamSid": "MZ"}')) == []
    assert protocol.receive(media()) == [Media(PACKET, 0)]


# ---------------------------------------------------------------- what Twilio would never send


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("", "JSON"),
        ("hello", "hello"),
        ('{"event":', "JSON"),
        ("[]", "a JSON object"),
        ("null", "a JSON object"),
        ("[" * 100_000, "JSON"),
        ('{"event":"media"} {"event":"stop"}', "more text"),
        ('{"event":' + "9" * 5000 + "}", "JSON"),
        ('{"event": "\\ud800"}', "JSON"),
        ("x" * 200_000, "200000 characters"),
        ('{"events": "media"}', "field event: got None"),
        ('{"event": 7}', "field event: got 7"),
        ('{"event": ["media"]}', "field event"),
        (f'{{"event": "media", "streamSid": "{STREAM}"}}', "field media: got None"),
        (f'{{"event": "media", "streamSid": "{STREAM}", "media": "x"}}', "field media: got 'x'"),
        (media().replace(STREAM, "MZother"), "field streamSid: got 'MZother'"),
        (MARK.replace(STREAM, "MZother"), "field streamSid"),
        (STOP.replace(STREAM, "MZother"), "field streamSid"),
        (media(payload=None), "field media.payload: got None"),
        (media(payload=17), "field media.payload: got 17"),
        (media(payload="A$$A"), "base64"),
        (media(payload="ÄÄÄÄ"), "base64"),
        (media(payload="A" * 100_000), f"allowed: {MAX_PAYLOAD_BYTES} bytes"),
        (media(chunk=-1), "field media.chunk: got -1"),
        (media(chunk=True), "field media.chunk: got True"),
        (media(timestamp="soon"), "field media.timestamp: got 'soon'"),
        (media(timestamp=1.5), "field media.timestamp: got 1.5"),
        (media(timestamp="٣"), "field media.timestamp"),
        (media(timestamp="9" * 5000), "field media.timestamp"),
        (DTMF.replace('"1"', '"E"'), "field dtmf.digit: got 'E'"),
        (DTMF.replace('"1"', '"12"'), "field dtmf.digit: got '12'"),
        (DTMF.replace('"1"', '""'), "field dtmf.digit: got ''"),
        (DTMF.replace('"1"', "1"), "field dtmf.digit: got 1"),
        (MARK.replace('"my label"', "{}"), "field mark.name: got {}"),
    ],
    ids=lambda text: text[:40],
)
def test_a_malformed_message_is_named_and_the_call_goes_on(message: str, named: str) -> None:
    protocol = started()
    text = malformed(protocol.receive(message))
    assert named in text
    assert len(text) < 250
    assert protocol.receive(media()) == [Media(PACKET, 0)]


def test_a_binary_message_is_malformed() -> None:
    assert "got 3 binary bytes" in malformed(started().receive(b"abc"))


@pytest.mark.parametrize("track", ["inbound", "inbound_track"])
def test_the_caller_is_heard_by_either_name_of_the_track(track: str) -> None:
    assert started().receive(media(track=track)) == [Media(PACKET, 0)]


@pytest.mark.parametrize("track", ["sideways", ["inbound"], None, 7, {}])
def test_a_track_that_nobody_knows_is_told_once_and_never_ends_the_call(track: object) -> None:
    protocol = started()
    [notice] = protocol.receive(media(track=track))
    assert isinstance(notice, Notice) and "is not heard" in notice.message
    for number in range(2 * MAX_MALFORMED):
        assert list(protocol.receive(media(number, track=track))) == []
    assert protocol.receive(media()) == [Media(PACKET, 0)]


def test_the_names_of_many_tracks_fill_no_log() -> None:
    protocol = started()
    assert sum(len(protocol.receive(media(track=f"track {number}"))) for number in range(100)) == 5


def test_a_start_that_comes_again_means_nothing() -> None:
    protocol = started()
    for _ in range(2 * MAX_MALFORMED):
        assert list(protocol.receive(START)) == []
    assert protocol.receive(media()) == [Media(PACKET, 0)]


def test_what_comes_before_the_start_is_heard_behind_it() -> None:
    protocol = TwilioProtocol()
    for message in (media(1), DTMF, media(2)):
        assert list(protocol.receive(message)) == []
    begun, *early = protocol.receive(START)
    assert isinstance(begun, CallStarted) and begun.early_ms == 40
    assert early == [Media(PACKET, 0), Dtmf("1"), Media(PACKET, 20)]
    assert protocol.receive(media(3)) == [Media(PACKET, 40)]


def test_of_a_start_that_comes_very_late_the_newest_seconds_are_kept_and_nothing_counts() -> None:
    protocol = TwilioProtocol()
    for number in range(5000):
        assert list(protocol.receive(media(number))) == []
    begun, *early = protocol.receive(START)
    assert isinstance(begun, CallStarted) and 1000 < begun.early_ms < 7000
    assert all(isinstance(event, Media) for event in early)
    assert protocol.receive(media(5000)) == [Media(PACKET, begun.early_ms)]


def test_what_was_kept_of_another_stream_is_told_and_does_not_count() -> None:
    protocol = TwilioProtocol()
    for number in range(2 * MAX_MALFORMED):
        protocol.receive(media(number).replace(STREAM, "MZother"))
    begun, *early = protocol.receive(START)
    assert isinstance(begun, CallStarted) and begun.early_ms == 0
    assert {type(event) for event in early} == {Malformed}


def test_a_stream_that_stops_before_it_has_started_is_over() -> None:
    assert TwilioProtocol().receive(STOP) == [CallEnded("caller hung up")]


@pytest.mark.parametrize(
    ("written", "text"), [(7, "7"), (1.5, "1.5"), (True, "true"), (None, ""), ("x", "x"), ([1], "[1]")]
)
def test_parameters_of_any_type_are_text(written: object, text: str) -> None:
    [begun] = TwilioProtocol().receive(start(customParameters={"it": written, "From": "+4930"}))
    assert isinstance(begun, CallStarted)
    assert (begun.parameters["it"], begun.caller) == (text, "+4930")


@pytest.mark.parametrize("parameters", [[], "x", None, 7])
def test_parameters_that_are_no_object_are_none(parameters: object) -> None:
    [begun] = TwilioProtocol().receive(start(customParameters=parameters))
    assert isinstance(begun, CallStarted) and begun.parameters == {"AccountSid": ACCOUNT}


def test_what_the_webhook_was_told_of_the_caller_is_known_of_the_call() -> None:
    told = {"CallerName": "ALICE", "ForwardedFrom": "+4940", "StirVerstat": "TN-Validation-Passed-A"}
    [begun] = TwilioProtocol().receive(start(customParameters=told))
    assert isinstance(begun, CallStarted)
    assert (begun.caller_name, begun.forwarded_from) == ("ALICE", "+4940")
    assert begun.stir_verstat == "TN-Validation-Passed-A"


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ('{"event": "start"}', "field start"),
        ('{"event": "start", "start": []}', "field start"),
        ('{"event": "start", "start": {}}', "streamSid is None"),
        (start(streamSid=None), "streamSid is None"),
        (start(streamSid=""), "streamSid is ''"),
        (start(streamSid="MZ\r\nX"), "streamSid"),
        (start(streamSid="M" * 1000), "streamSid"),
        (start(callSid=5), "callSid is 5"),
        (start(mediaFormat={"encoding": "audio/x-l16", "sampleRate": 8000}), "mediaFormat is"),
        (start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 16000}), "16000"),
        (start(mediaFormat="audio/x-mulaw"), "mediaFormat is"),
    ],
)
def test_an_unusable_start_ends_the_call(message: str, named: str) -> None:
    with pytest.raises(RemoteProtocolError, match=named) as error:
        TwilioProtocol().receive(message)
    assert len(str(error.value).encode()) <= 123  # what a close frame holds


def test_a_hundred_malformed_messages_in_a_row_are_borne_and_no_more() -> None:
    protocol = started()
    for _ in range(MAX_MALFORMED):
        malformed(protocol.receive("nonsense"))
    with pytest.raises(RemoteProtocolError, match="100 malformed"):
        protocol.receive("nonsense")


def test_a_call_with_one_bad_message_in_ten_lasts() -> None:
    protocol = started()
    for number in range(20 * MAX_MALFORMED):
        if number % 10:
            assert protocol.receive(media(number)) != []
        else:
            malformed(protocol.receive("nonsense"))


def test_an_error_never_quotes_much_of_what_came() -> None:
    assert len(malformed(started().receive(media(payload="$" * 60_000)))) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["event", "streamSid", "start", "media", "mark", "dtmf", "payload", "chunk", "name", "digit"])
events = st.sampled_from(["connected", "start", "media", "mark", "dtmf", "stop"])
messages = st.builds(
    lambda event, fields: json.dumps({"event": event, **fields}),
    events | json_values,
    st.dictionaries(names, json_values | st.dictionaries(names, json_values, max_size=4), max_size=5),
)


@given(
    hostile=st.lists(st.binary() | st.text() | json_values.map(json.dumps) | messages, max_size=8), begun=st.booleans()
)
def test_nothing_that_comes_raises_anything_but_its_own_error(hostile: list[str | bytes], begun: bool) -> None:
    protocol = started() if begun else TwilioProtocol()
    try:
        for message in hostile:
            for event in protocol.receive(message):
                repr(event).encode()  # fit for a log
    except RemoteProtocolError as error:
        str(error).encode()


def test_a_frame_costs_next_to_nothing() -> None:
    protocol = started()
    frames = [media(i) for i in range(5000)]
    costs_us = []
    for begin in range(0, 5000, 500):
        began = time.thread_time_ns()
        for frame in frames[begin : begin + 500]:
            protocol.receive(frame)
        costs_us.append((time.thread_time_ns() - began) / 500 / 1000)
    assert min(costs_us) < 40  # 8 us on an idle core; 50 a second for every call


# ---------------------------------------------------------------- what we send


def test_play_is_media_in_base64() -> None:
    [message] = started().send(Play(PACKET))
    assert json.loads(message) == {
        "event": "media",
        "streamSid": STREAM,
        "media": {"payload": base64.b64encode(PACKET).decode()},
    }
    assert " " not in str(message)


def test_long_audio_is_split_and_whole() -> None:
    audio = PACKET * 101  # 16 160 bytes
    parts = [base64.b64decode(json.loads(m)["media"]["payload"]) for m in started().send(Play(audio))]
    assert [len(part) for part in parts] == [8000, 8000, 160]
    assert b"".join(parts) == audio


def test_no_audio_is_no_message() -> None:
    assert list(started().send(Play(b""))) == []


def test_a_mark_carries_its_name() -> None:
    [message] = started().send(Mark('3:"7"'))
    assert json.loads(message) == {"event": "mark", "streamSid": STREAM, "mark": {"name": '3:"7"'}}


def test_clear_names_the_stream() -> None:
    [message] = started().send(Clear())
    assert json.loads(message) == {"event": "clear", "streamSid": STREAM}


@pytest.mark.parametrize(
    "command", [Hangup("done"), Problem("slow"), Transcript("hello", "English", final=True, timestamp=1.0)]
)
def test_what_has_no_message_on_this_wire_sends_none(command: Command) -> None:
    assert list(started().send(command)) == []


@pytest.mark.parametrize("command", [Transfer("+15551230003"), SendDtmf("12")])
def test_what_a_stream_cannot_do_is_our_fault(command: Command) -> None:
    with pytest.raises(LocalProtocolError):
        started().send(command)


@pytest.mark.parametrize("command", [Play(PACKET), Mark("1"), Clear()])
def test_audio_before_start_is_our_fault(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match="start"):
        TwilioProtocol().send(command)


def test_it_declares_what_it_can_do() -> None:
    can = TwilioProtocol.capabilities
    assert (can.audio_out, can.clear, can.mark, can.hangup, can.send_ahead_ms) == (True, True, True, True, 20_000)
    assert (can.transfer, can.dtmf_out, can.transcripts) == (False, False, False)


# ---------------------------------------------------------------- TwiML


def test_twiml_connects_the_stream_with_its_parameters() -> None:
    root = ElementTree.fromstring(
        twiml_stream("wss://bot.example/twilio/stream", {"From": "+1555", "name": 'अ & "<b>"'})
    )
    stream = root.find("Connect/Stream")
    assert root.tag == "Response"
    assert stream is not None
    assert stream.attrib == {"url": "wss://bot.example/twilio/stream"}
    assert [p.attrib for p in stream] == [{"name": "From", "value": "+1555"}, {"name": "name", "value": 'अ & "<b>"'}]


@given(
    parameters=st.dictionaries(
        st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[]))
    )
)
def test_twiml_is_well_formed_whatever_the_caller_sends(parameters: dict[str, str]) -> None:
    ElementTree.fromstring(twiml_stream("wss://bot.example/s", parameters).encode())


def test_parameters_keep_to_twilios_limit() -> None:
    root = ElementTree.fromstring(twiml_stream("wss://bot.example/s", {"From": "1" * 9000, "x" * 600: "y"}))
    [parameter] = root.iter("Parameter")
    assert (parameter.get("name"), parameter.get("value")) == ("From", "1" * 495)


def test_a_stream_url_with_a_query_is_refused() -> None:
    with pytest.raises(ValueError, match="query"):
        twiml_stream("wss://bot.example/s?a=1", {})


@pytest.mark.parametrize("host", ["", "bot example", "b\N{LATIN SMALL LETTER O WITH DIAERESIS}t", "\udcff", "bot\0"])
def test_a_stream_url_that_xml_or_twilio_cannot_take_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="allowed: ws://HOST"):
        twiml_stream(f"wss://{host}", {})


def test_busy_is_a_reject() -> None:
    [reject] = ElementTree.fromstring(twiml_busy())
    assert (reject.tag, reject.attrib) == ("Reject", {"reason": "busy"})


def test_the_wire_itself_needs_no_twilio_package() -> None:
    code = "import sys, telephony.twilio; sys.exit('twilio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
