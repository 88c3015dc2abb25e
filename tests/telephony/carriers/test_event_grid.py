"""Events of Event Grid: what Azure tells of a call that comes in, and the handshake before the first."""

import json

import pytest

from telephony.carriers.event_grid import asked_by_azure
from telephony.carriers.webhooks import Asked

# The example of https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
VALIDATION = {
    "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    "topic": "/subscriptions/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    "subject": "",
    "data": {
        "validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
        "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/myeventsub/validate?id=0",
    },
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "eventTime": "2022-10-28T04:23:35.1981776Z",
    "metadataVersion": "1",
    "dataVersion": "1",
}
# The example of https://learn.microsoft.com/azure/event-grid/communication-services-voice-video-events, with what
# custom context is like by
# https://learn.microsoft.com/azure/communication-services/how-tos/call-automation/custom-context
INCOMING = {
    "id": "d5546be8-227a-4db8-b2c3-4f06fd675fd6",
    "subject": "/caller/4:+16041234567/recipient/8:acs:ff4181e1-324c-4cd1-9c4f-bda3e5d348f5_00000000",
    "data": {
        "to": {"kind": "PhoneNumber", "rawId": "4:+18331234567", "phoneNumber": {"value": "+18331234567"}},
        "from": {"kind": "PhoneNumber", "rawId": "4:+16041234567", "phoneNumber": {"value": "+16041234567"}},
        "callerDisplayName": "Anna",
        "incomingCallContext": "eyJhbGciOiJub25lIiwidHliSldUIn0.eyJjYyI6Ikg0c0lBQi9iT0JiOUs0",
        "correlationId": "00000000-0000-0000-0000-000000000000",
        "customContext": {
            "sipHeaders": {"User-To-User": "616d617a6f6e", "X-MS-Custom-shop": "7", "From": "+0"},
            "voipHeaders": {"customer": "42", "CallSid": "of another call"},
        },
    },
    "eventType": "Microsoft.Communication.IncomingCall",
    "dataVersion": "1.0",
    "metadataVersion": "1",
    "eventTime": "2023-04-10T20:53:03.9498922Z",
}


def with_data(**changed: object) -> dict[str, object]:
    return {**INCOMING, "data": {**INCOMING["data"], **changed}}  # type: ignore[dict-item]


def test_the_handshake_is_answered_with_its_code() -> None:
    asked = asked_by_azure({}, {}, VALIDATION)
    assert asked.over and json.loads(asked.reply) == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}


def test_a_call_is_answered_over_the_api_and_the_bot_is_told_who_calls() -> None:
    asked = asked_by_azure({"queue": "a", "token": "k3y"}, {}, INCOMING)
    assert asked.answer == "eyJhbGciOiJub25lIiwidHliSldUIn0.eyJjYyI6Ikg0c0lBQi9iT0JiOUs0" and not asked.over
    assert asked.told == {
        "From": "+16041234567",  # and not what a header of the caller's says
        "To": "+18331234567",
        "CallerName": "Anna",
        "CorrelationId": "00000000-0000-0000-0000-000000000000",
        "User-To-User": "616d617a6f6e",
        "X-MS-Custom-shop": "7",
        "customer": "42",
        "queue": "a",
    }


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ({"kind": "communicationUser", "rawId": "8:acs:ff41", "communicationUser": {"id": "8:acs:ff41"}}, "8:acs:ff41"),
        ({"rawId": "4:+4915"}, "+4915"),
        ({"kind": "unknown", "rawId": "4:anonymous"}, "anonymous"),
        ({}, None),
        ([], None),
        (7, None),
    ],
)
def test_who_is_no_telephone_is_told_by_the_raw_id(identifier: object, told: str | None) -> None:
    assert asked_by_azure({}, {}, with_data(**{"from": identifier})).told.get("From") == told


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"eventType": "Microsoft.Communication.CallEnded", "data": {}},
        {"eventType": ["Microsoft.Communication.IncomingCall"]},
        {"eventType": "Microsoft.Communication.IncomingCall"},
        {"eventType": "Microsoft.Communication.IncomingCall", "data": []},
        with_data(incomingCallContext=""),
    ],
)
def test_what_is_no_call_asks_nothing(event: dict[str, object]) -> None:
    assert asked_by_azure({}, {}, event) == Asked(asked_by_azure({}, {}, event).told, over=True)


def test_long_values_are_cut_but_what_azure_wants_back_is_not() -> None:
    asked = asked_by_azure({}, {}, with_data(incomingCallContext="x" * 4000, callerDisplayName="y" * 4000))
    assert len(asked.answer) == 4000 and len(asked.told["CallerName"]) == 256
