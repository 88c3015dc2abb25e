"""AudioCodes Bot API: its messages, and what is peculiar to it."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from telephony.carriers.audiocodes import AudioCodesProtocol
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Hangup,
    Malformed,
    Mark,
    Media,
    Owed,
    Play,
    Transfer,
)

CONVERSATION = "4a5b4b9d-dab7-42d0-a977-6740c9349588"
# The forms of https://techdocs.audiocodes.com/voice-ai-connect/#Bot-API/ac-bot-api-mode-websocket.htm
INITIATE: dict[str, Any] = {
    "conversationId": CONVERSATION,
    "type": "session.initiate",
    "botName": "my_bot_name",
    "caller": "+1234567890",
    "expectAudioMessages": True,
    "supportedMediaFormats": ["raw/lpcm16", "raw/lpcm16_8"],
}
PCM = np.arange(320, dtype="<i2").tobytes()


def of(kind: str, **fields: object) -> str:
    return json.dumps({"conversationId": CONVERSATION, "type": kind, **fields})


def begun(**changed: object) -> AudioCodesProtocol:
    made = AudioCodesProtocol()
    made.receive(json.dumps({**INITIATE, **changed}))
    return made


def owed(events: object) -> dict[str, Any]:
    assert isinstance(events, list)
    [text] = [message for event in events if isinstance(event, Owed) for message in event.messages]
    told: dict[str, Any] = json.loads(text)
    return told


def test_a_session_is_accepted_in_the_best_format_that_is_offered() -> None:
    events = AudioCodesProtocol({"shop": "7"}).receive(json.dumps(INITIATE))
    [started] = [event for event in events if isinstance(event, CallStarted)]
    assert (started.call_id, started.caller) == (CONVERSATION, "+1234567890")
    assert started.format == AudioFormat(Encoding.L16, 16_000)
    assert started.parameters == {"botName": "my_bot_name", "shop": "7"}
    assert owed(events) == {"type": "session.accepted", "conversationId": CONVERSATION, "mediaFormat": "raw/lpcm16"}
    assert owed(begun().receive(of("userStream.start")))["type"] == "userStream.started"
    assert owed(begun().receive(of("userStream.stop")))["type"] == "userStream.stopped"
    assert owed(AudioCodesProtocol().receive('{"type": "connection.validate"}'))["success"] is True


def test_the_caller_is_heard_and_so_are_the_keys() -> None:
    made = begun()
    chunk = of("userStream.chunk", audioChunk=base64.b64encode(PCM).decode())
    assert made.receive(chunk) == [Media(PCM, 0)]
    assert made.receive(chunk) == [Media(PCM, 20)]
    keys = [{"type": "event", "name": "dtmf", "value": "12"}, {"type": "message", "text": "x"}, 7]
    assert made.receive(of("activities", activities=keys)) == [Dtmf("1"), Dtmf("2")]
    assert made.receive(of("session.end", reasonCode="client-side")) == [CallEnded("caller hung up")]
    assert not made.resumable and list(made.receive(chunk)) == []


def test_what_the_bot_says_is_one_stream_until_it_is_cut_off() -> None:
    made = begun()
    start, chunk = map(json.loads, made.send(Play(PCM)))
    assert start == {
        "type": "playStream.start",
        "conversationId": CONVERSATION,
        "streamId": "1",
        "mediaFormat": "raw/lpcm16",
    }
    assert (chunk["type"], chunk["streamId"]) == ("playStream.chunk", "1")
    assert base64.b64decode(chunk["audioChunk"]) == PCM
    assert [json.loads(message)["type"] for message in made.send(Play(PCM))] == ["playStream.chunk"]
    stop, abort = map(json.loads, made.send(Clear()))
    assert (stop["type"], stop["streamId"]) == ("playStream.stop", "1")
    assert abort["activities"] == [{"type": "event", "name": "abortPrompts"}]
    assert json.loads(made.send(Play(PCM))[0])["streamId"] == "2"


@pytest.mark.parametrize(("target", "told"), [("+4930", "tel:+4930"), ("sip:a@b", "sip:a@b")])
def test_a_call_is_put_through_and_hung_up_by_activities(target: str, told: str) -> None:
    [transfer] = map(json.loads, begun().send(Transfer(target)))
    assert transfer["activities"] == [{"type": "event", "name": "transfer", "activityParams": {"transferTarget": told}}]
    [hangup] = map(json.loads, begun().send(Hangup("done")))
    assert hangup["activities"][0]["name"] == "hangup"


def test_a_conversation_goes_on_over_another_socket() -> None:
    made = begun(supportedMediaFormats=["raw/lpcm16_8"])
    assert owed(made.receive(of("session.resume"))) == {
        "type": "session.accepted",
        "conversationId": CONVERSATION,
        "mediaFormat": "raw/lpcm16_8",
    }
    assert list(AudioCodesProtocol().receive(of("session.resume"))) == []


@pytest.mark.parametrize("offered", [None, [], ["audio/wav"], "raw/lpcm16", [["raw/lpcm16"]]])
def test_an_offer_that_we_cannot_take_is_named(offered: object) -> None:
    with pytest.raises(RemoteProtocolError, match=r"unusable session\.initiate: .* offered"):
        begun(supportedMediaFormats=offered)


def test_what_came_malformed_before_the_session_costs_neither_its_start_nor_the_rest() -> None:
    made = AudioCodesProtocol()
    made.receive(of("userStream.chunk", audioChunk="?"))
    made.receive(of("userStream.chunk", audioChunk=base64.b64encode(PCM).decode()))
    events = made.receive(json.dumps(INITIATE))
    assert [type(event) for event in events] == [CallStarted, Owed, Malformed, Media]


def test_nothing_is_said_before_the_session_and_no_marks_after_it() -> None:
    for command in (Play(PCM), Clear(), Transfer("+49")):
        with pytest.raises(LocalProtocolError):
            AudioCodesProtocol().send(command)
    with pytest.raises(LocalProtocolError):
        begun().send(Mark("m"))


@pytest.mark.parametrize(
    "text",
    ["{", "{}", of("userStream.chunk"), of("activities", activities=[{"type": "event", "name": "dtmf", "value": "x"}])],
)
def test_a_malformed_message_is_told_and_the_call_goes_on(text: str) -> None:
    made = begun()
    assert [type(event) for event in made.receive(text)] == [Malformed]
    assert made.receive(of("userStream.chunk", audioChunk=base64.b64encode(PCM).decode())) == [Media(PCM, 0)]
