"""Azure's media streaming: the messages of its documentation, and what is peculiar to it."""

import base64
import json

import numpy as np
import pytest

from telephony.carriers.azure import AzureProtocol
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Hangup,
    Malformed,
    Mark,
    Media,
    Notice,
    Play,
    SendDtmf,
    Transfer,
)

# The examples of https://learn.microsoft.com/azure/communication-services/how-tos/call-automation/audio-streaming-quickstart
METADATA = """{
  "kind": "AudioMetadata",
  "audioMetadata": {
    "subscriptionId": "89e8cb59-b991-48b0-b154-1db84f16a077",
    "encoding": "PCM",
    "sampleRate": 16000,
    "channels": 1,
    "length": 640
  }
}"""
DTMF = '{"kind": "DtmfData", "dtmfData": {"data": "3"}}'
PCM = np.arange(320, dtype="<i2").tobytes()


def audio(payload: bytes = PCM, *, by: str | None = "8:acs:3d20e1de-0f28-41c5") -> str:
    """Its example of AudioData, with whole audio."""
    about = {"timestamp": "2024-11-15T19:16:12.925Z", "participantRawID": by, "silent": False}
    return json.dumps({"kind": "AudioData", "audioData": {**about, "data": base64.b64encode(payload).decode()}})


def metadata(**changed: object) -> str:
    message = json.loads(METADATA)
    return json.dumps({**message, "audioMetadata": {**message["audioMetadata"], **changed}})


def begun(told: dict[str, str] | None = None) -> AzureProtocol:
    made = AzureProtocol(told)
    made.receive(METADATA)
    return made


def test_its_own_examples_are_understood() -> None:
    made = AzureProtocol()
    [started] = made.receive(METADATA)
    assert isinstance(started, CallStarted)
    assert started.call_id == "89e8cb59-b991-48b0-b154-1db84f16a077"
    assert started.format == AudioFormat(Encoding.L16, 16_000)
    assert made.receive(audio()) == [Media(PCM, 0)]
    assert made.receive(audio()) == [Media(PCM, 20)]
    assert made.receive(DTMF) == [Dtmf("3")]
    assert list(made.receive(METADATA)) == [], "a second one begins no second call"


def test_the_call_is_what_was_told_of_it_before() -> None:
    told = {"CallSid": "18dea47f-b081", "From": "+4915", "To": "+4930", "CallerName": "Anna", "shop": "7"}
    [started] = AzureProtocol(told).receive(METADATA)
    assert isinstance(started, CallStarted)
    assert (started.call_id, started.caller, started.callee) == ("18dea47f-b081", "+4915", "+4930")
    assert (started.caller_name, started.parameters) == ("Anna", told)


def test_24_khz_is_spoken_too() -> None:
    [started] = AzureProtocol().receive(metadata(sampleRate=24_000, length=960))
    assert isinstance(started, CallStarted) and started.format == AudioFormat(Encoding.L16, 24_000)


@pytest.mark.parametrize(
    "changed",
    [{"encoding": "OPUS"}, {"sampleRate": 8000}, {"sampleRate": "16000"}, {"channels": 2}, {"sampleRate": [16_000]}],
)
def test_a_format_that_we_do_not_speak_is_named(changed: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError, match=r"audioMetadata is .*; allowed: PCM, 16000 or 24000, 1 channel"):
        AzureProtocol().receive(metadata(**changed))


def test_what_we_say_has_capitals_as_in_its_examples() -> None:
    made = begun()
    [said] = made.send(Play(PCM))
    data = base64.b64encode(PCM).decode()
    assert json.loads(said) == {"Kind": "AudioData", "AudioData": {"Data": data}, "StopAudio": None}
    [stop] = made.send(Clear())
    assert json.loads(stop) == {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}}
    assert list(made.send(Hangup("done"))) == []


def test_long_audio_goes_out_in_pieces_and_nothing_of_it_is_lost() -> None:
    said = [json.loads(message)["AudioData"]["Data"] for message in begun().send(Play(PCM * 25))]
    assert [len(base64.b64decode(data)) for data in said] == [6400, 6400, 3200]
    assert b"".join(map(base64.b64decode, said)) == PCM * 25


@pytest.mark.parametrize(
    ("written", "key"), [("*", "*"), ("#", "#"), ("asterisk", "*"), ("pound", "#"), ("seven", "7"), ("A", "A")]
)
def test_keys_are_taken_as_they_are_and_as_the_api_calls_them(written: str, key: str) -> None:
    assert begun().receive(json.dumps({"kind": "DtmfData", "dtmfData": {"data": written}})) == [Dtmf(key)]


def test_of_voices_that_are_not_mixed_the_first_is_heard_and_that_is_told_once() -> None:
    made = begun()
    assert made.receive(audio(by="4:+4915")) == [Media(PCM, 0)]
    [notice] = made.receive(audio(by="8:acs:other"))
    assert isinstance(notice, Notice) and "8:acs:other" in notice.message and "mixed" in notice.message
    assert list(made.receive(audio(by="8:acs:other"))) == []
    assert made.receive(audio(by="4:+4915")) == [Media(PCM, 20)]


def test_a_stream_that_is_mixed_names_nobody_and_is_heard_whole() -> None:
    made = begun()
    assert made.receive(audio(by=None)) == [Media(PCM, 0)]
    assert made.receive(audio(by=None)) == [Media(PCM, 20)]


def test_what_came_before_the_metadata_is_heard_behind_them() -> None:
    made = AzureProtocol()
    assert list(made.receive(audio())) == [] and list(made.receive(DTMF)) == []
    started, *rest = made.receive(METADATA)
    assert isinstance(started, CallStarted) and started.early_ms == 20
    assert rest == [Media(PCM, 0), Dtmf("3")]


def test_nothing_is_said_before_the_metadata_and_what_a_stream_cannot_do_is_the_apis() -> None:
    with pytest.raises(LocalProtocolError, match="AudioMetadata"):
        AzureProtocol().send(Play(PCM))
    for command in (Mark("m"), Transfer("+49"), SendDtmf("1")):
        with pytest.raises(LocalProtocolError, match="REST API"):
            begun().send(command)


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "{}",
        '{"Kind": "AudioData"}',
        '{"kind": "AudioData"}',
        '{"kind": "AudioData", "audioData": {"data": 7}}',
        '{"kind": "AudioData", "audioData": {"data": "?"}}',
        '{"kind": "DtmfData", "dtmfData": {"data": "star"}}',
        '{"kind": "DtmfData", "dtmfData": []}',
    ],
)
def test_a_malformed_message_is_told_and_the_call_goes_on(message: str) -> None:
    made = begun()
    assert [type(event) for event in made.receive(message)] == [Malformed]
    assert made.receive(audio()) == [Media(PCM, 0)]


def test_kinds_that_nobody_knows_mean_nothing() -> None:
    assert list(begun().receive('{"kind": "TranscriptionData", "transcriptionData": {}}')) == []
