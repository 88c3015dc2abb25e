"""Events of ARI and targets of transfers, right and wrong."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.ari import Dialled, Endpoint, Entered, Extension, Left, Pressed, Replaced, Told, destination, understand
from telephony.malformed import Refused

CHANNEL = {
    "id": "17.2",
    "name": "PJSIP/alice-1",
    "state": "Ring",
    "caller": {"name": "Alice", "number": "4711"},
    "dialplan": {"context": "test", "exten": "600", "priority": 1, "app_name": "Stasis"},
}


def event(kind: str, **more: object) -> str:
    return json.dumps({"type": kind, "application": "bridge", "channel": CHANNEL, **more})


def test_a_channel_comes_with_what_the_dialplan_says_of_it() -> None:
    assert understand(event("StasisStart", args=["campaign=spring%2C 1", "vip", "=x"])) == Entered(
        channel="17.2",
        name="PJSIP/alice-1",
        caller="4711",
        callee="600",
        context="test",
        parameters={"campaign": "spring, 1", "arg2": "vip", "arg3": "=x"},
        caller_name="Alice",
    )


def test_keys_and_ends_name_their_channel() -> None:
    assert understand(event("ChannelDtmfReceived", digit="#", duration_ms=90)) == Pressed("17.2", "#")
    assert understand(event("ChannelDtmfReceived", digit="a")) == Pressed("17.2", "A")
    assert understand(event("StasisEnd")) == Left("17.2")
    assert understand(event("Dial", peer={"id": "17.3"}, dialstatus="BUSY")) == Dialled("17.3", "BUSY")
    assert understand(event("Dial", peer={"id": "17.3"}, dialstatus=None)) == Dialled("17.3", "")
    busy = event("ChannelDestroyed", cause=17, cause_txt="User busy")
    assert understand(busy) == Left("17.2", 17, "User busy")
    assert understand(event("ChannelDestroyed", cause="17", cause_txt=[17])) == Left("17.2")


def test_another_client_of_the_same_application_is_heard_of() -> None:
    assert understand('{"type":"ApplicationReplaced","application":"bridge"}') == Replaced()


def test_what_we_had_it_tell_us_comes_back() -> None:
    assert understand('{"type":"ChannelUserevent","eventname":"here-1","userevent":{}}') == Told("here-1")


def test_what_is_nothing_to_a_call_is_nothing() -> None:
    assert understand(event("ChannelVarset", variable="X", value="1")) is None


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("no", "message"),
        ("[]", "message"),
        (b"\x00", "message"),
        ("{}", "type"),
        ('{"type": 7}', "type"),
        ('{"type":"StasisStart"}', "channel"),
        ('{"type":"StasisStart","channel":{"id":"1"}}', "caller"),
        ('{"type":"StasisEnd","channel":{"id":7}}', "id"),
        (event("ChannelDtmfReceived", digit="55"), "digit"),
        (event("ChannelDtmfReceived"), "digit"),
        ('{"type":"ChannelUserevent"}', "eventname"),
    ],
)
def test_an_event_that_lacks_something_is_refused_by_its_name(message: str | bytes, field: str) -> None:
    with pytest.raises(Refused, match=field):
        understand(message)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CHANNEL, "args", "digit"]), inner),
    max_leaves=8,
)


@given(kind=st.sampled_from(["StasisStart", "StasisEnd", "ChannelDtmfReceived"]), more=st.dictionaries(st.text(), _ANY))
def test_garbage_is_refused_and_nothing_else_happens(kind: str, more: dict[str, object]) -> None:
    with suppress(Refused):
        understand(json.dumps({"type": kind, "channel": more, **more}))


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("300", Extension("300", "test")),
        ("+49301234", Extension("+49301234", "test")),
        ("300@internal", Extension("300", "internal")),
        ("*21#", Extension("*21#", "test")),
        ("sip:bob@example.com:5080", Endpoint("PJSIP/sip:bob@example.com:5080")),
        ("PJSIP/bob", Endpoint("PJSIP/bob")),
    ],
)
def test_a_transfer_goes_to_an_extension_or_an_endpoint(target: str, where: Extension | Endpoint) -> None:
    assert destination(target, context="test") == where


@pytest.mark.parametrize(
    "target", ["", "3 00", "300,1)", "300@a b", "x" * 65, "sip:a b@c", "PJSIP/a,b", "Local/1@x/n", "300\n", "PJSIP/a&b"]
)
def test_no_target_reaches_the_dialplan_that_could_be_more_than_one(target: str) -> None:
    with pytest.raises(ValueError, match="allowed: an extension"):
        destination(target, context="test")
