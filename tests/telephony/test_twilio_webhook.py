"""What Twilio tells of a call, by POST and by GET."""

import pytest

from telephony.twilio_webhook import TOLD, call_parameters

FORM = {
    "CallSid": "CA1",
    "AccountSid": "AC1",
    "ApiVersion": "2010-04-01",
    "Direction": "inbound",
    "From": "+4930123",
    "To": "+4930456",
    "CallerName": "ALICE",
    "ForwardedFrom": "+4940789",
    "StirVerstat": "TN-Validation-Passed-A",
    "FromCity": "BERLIN",
    "FromState": "",
    "FromZip": "10115",
    "FromCountry": "DE",
    "ToCity": "HAMBURG",
    "ToState": "HH",
    "ToZip": "20095",
    "ToCountry": "DE",
    "CallStatus": "ringing",
    "Caller": "+4930123",
}


def test_what_twilio_tells_of_the_call_reaches_the_bot_with_the_operators_query() -> None:
    expected = {name: FORM[name] for name in TOLD if name != "FromState"}
    assert call_parameters({"shop": "7", "bodySHA256": "x"}, FORM) == {"shop": "7", **expected}


def test_a_get_has_all_of_it_in_its_query() -> None:
    told = call_parameters({**FORM, "shop": "7"}, {})
    assert told["CallerName"] == "ALICE" and told["shop"] == "7" and told["StirVerstat"] == "TN-Validation-Passed-A"


@pytest.mark.parametrize("name", TOLD)
def test_the_form_is_believed_before_the_query(name: str) -> None:
    assert call_parameters({name: "mine"}, {name: "theirs"})[name] == "theirs"
