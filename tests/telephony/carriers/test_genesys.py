"""Genesys AudioHook: the messages of its documentation, and what is peculiar to it."""

import json
from typing import Any

import pytest

from telephony.carriers.genesys import GenesysProtocol
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Event,
    Hangup,
    Malformed,
    Mark,
    Media,
    Notice,
    Owed,
    Play,
    Transfer,
)

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
ONE = {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}
# The forms of https://developer.genesys.cloud/devapps/audiohook/protocol-reference
OPEN: dict[str, Any] = {
    "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
    "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
    "participant": {
        "id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0",
        "ani": "tel:+15555550100",
        "aniName": "John Doe",
        "dnis": "+18005551234",
    },
    "media": [BOTH, ONE],
    "language": "en-US",
    "inputVariables": {"tier": "gold"},
}


def said(kind: str, seq: int, **parameters: object) -> str:
    head = {"version": "2", "id": SESSION, "type": kind, "seq": seq, "serverseq": 0, "position": "PT0S"}
    return json.dumps({**head, "parameters": parameters})


def begun(**changed: object) -> GenesysProtocol:
    made = GenesysProtocol()
    made.receive(said("open", 1, **{**OPEN, **changed}))
    return made


def owed(events: object) -> dict[str, Any]:
    assert isinstance(events, list)
    [text] = [message for event in events if isinstance(event, Owed) for message in event.messages]
    told: dict[str, Any] = json.loads(text)
    return told


def test_a_session_is_opened_in_the_form_of_its_documentation() -> None:
    events = GenesysProtocol().receive(said("open", 1, **OPEN))
    [started] = [event for event in events if isinstance(event, CallStarted)]
    assert started.call_id == "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
    assert (started.caller, started.callee, started.caller_name) == ("+15555550100", "+18005551234", "John Doe")
    assert started.parameters["tier"] == "gold" and started.parameters["language"] == "en-US"
    assert owed(events) == {
        "version": "2",
        "id": SESSION,
        "type": "opened",
        "seq": 1,
        "clientseq": 1,
        "position": "PT0.000S",
        "parameters": {"startPaused": False, "media": [BOTH]},
    }


@pytest.mark.parametrize(
    ("media", "heard"),
    [([ONE], b"123456"), ([BOTH], b"135"), ([{**BOTH, "channels": ["internal", "external"]}], b"246")],
)
def test_of_two_channels_the_callers_is_heard(media: object, heard: bytes) -> None:
    assert begun(media=media).receive(b"123456") == [Media(heard, 0)]


@pytest.mark.parametrize(
    "media",
    [None, [], [7], [{**ONE, "format": "L16"}], [{**ONE, "channels": ["internal"]}], [{**ONE, "rate": 16_000}], {}],
)
def test_an_offer_that_we_cannot_take_is_named(media: object) -> None:
    with pytest.raises(RemoteProtocolError, match="media is"):
        begun(media=media)


def test_numbers_go_up_by_one_on_both_sides() -> None:
    made = begun()
    pong = owed(made.receive(said("ping", 2, rtt="PT0.025S")))
    assert (pong["type"], pong["seq"], pong["clientseq"]) == ("pong", 2, 2)
    assert made.receive(said("dtmf", 3, digit="5")) == [Dtmf("5")]
    again: list[Event] = [*made.receive(said("dtmf", 3, digit="6"))]
    assert [type(event) for event in again] == [Malformed, Dtmf]
    [barge_in] = made.send(Clear())
    told = json.loads(barge_in)
    assert (told["type"], told["seq"], told["clientseq"]) == ("event", 3, 3)
    assert told["parameters"] == {"entities": [{"type": "barge_in", "data": {}}]}


def test_its_end_is_confirmed_and_nothing_comes_after() -> None:
    made = begun()
    events = made.receive(said("close", 2, reason="end"))
    assert owed(events)["type"] == "closed"
    assert events[-1] == CallEnded("caller hung up")
    assert list(made.receive(b"123")) == []
    assert begun().receive(said("close", 2, reason="error"))[-1] == CallEnded("Genesys ended it: error")


def test_the_bot_gives_the_call_back_to_the_flow_with_a_variable_or_without() -> None:
    made = begun()
    assert json.loads(made.send(Hangup("done"))[0])["parameters"] == {"reason": "completed", "info": "done"}
    told = json.loads(made.send(Transfer("+4930"))[0])
    assert told["type"] == "disconnect"
    assert told["parameters"] == {"reason": "completed", "outputVariables": {"transfer_to": "+4930"}}


def test_audio_goes_out_in_small_pieces_and_only_into_an_open_session() -> None:
    assert [len(piece) for piece in begun().send(Play(bytes(4000)))] == [1600, 1600, 800]
    for command in (Play(b"x"), Clear(), Transfer("+49")):
        with pytest.raises(LocalProtocolError):
            GenesysProtocol().send(command)
    with pytest.raises(LocalProtocolError):
        begun().send(Mark("m"))


def test_a_connection_that_only_tries_is_opened_without_audio_and_is_no_call() -> None:
    made = GenesysProtocol()
    events = made.receive(said("open", 1, **{**OPEN, "conversationId": "00000000-0000-0000-0000-000000000000"}))
    assert owed(events)["parameters"] == {"media": []}
    assert not any(isinstance(event, CallStarted) for event in events)
    assert owed(made.receive(said("close", 2, reason="end")))["type"] == "closed"


@pytest.mark.parametrize("kind", ["paused", "resumed", "update", "playback_started", "playback_completed", "x"])
def test_what_the_call_need_not_know_means_nothing(kind: str) -> None:
    assert list(begun().receive(said(kind, 2))) == []


def test_audio_that_was_thrown_away_and_errors_are_told() -> None:
    made = begun()
    [notice] = made.receive(said("discarded", 2, start="PT1S", discarded="PT1.5S"))
    assert isinstance(notice, Notice) and "discarded" in notice.message and "PT1.5S" in notice.message
    [error] = made.receive(said("error", 3, code=429, message="Rate limit"))
    assert isinstance(error, Notice) and "429" in error.message


def test_messages_of_another_session_and_before_the_first_are_refused() -> None:
    assert [type(event) for event in begun().receive(said("ping", 2).replace(SESSION, "other"))] == [Malformed]
    assert [type(event) for event in GenesysProtocol().receive(said("ping", 1))] == [Malformed]
