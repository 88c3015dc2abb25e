"""What carriers tell of a call when they ask what to do with it: in a form, a query or a JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from telephony.carriers.stream_fields import fields_of
from telephony.jsontext import Fields, as_text
from telephony.twilio_webhook import TOLD

MOST_CHARS: Final = 256
"""Of a value that is told."""
_OF_PLIVO: Final = (
    *("CallUUID", "From", "To", "CallerName", "Direction", "ForwardedFrom", "STIRVerification", "STIRAttestation"),
)
_OF_PIVOT: Final = {
    "Call-ID": "CallSid",
    "CallSid": "CallSid",
    "From": "From",
    "To": "To",
    "Caller-ID-Name": "CallerName",
    "Caller-ID-Number": "From",
    "Callee-ID-Number": "To",
    "Account-ID": "AccountSid",
    "Direction": "Direction",
}
_OF_EXOTEL: Final = {"CallSid": "CallSid", "CallFrom": "From", "CallTo": "To", "From": "From", "To": "To"}
_OF_VONAGE: Final = {
    "uuid": "CallSid",
    "from": "From",
    "to": "To",
    "conversation_uuid": "ConversationUuid",
    "region_url": "RegionUrl",
    "endpoint_type": "EndpointType",
    "from_user": "FromUser",
}
_OURS: Final = frozenset({"token"})
"""Of a query: what opens the door, and is told to nobody."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A webhook, read."""

    told: Mapping[str, str] = field(default_factory=dict)
    """What the bot is told of the call: From, To and CallSid by these names, the rest as the carrier calls it."""
    answer: str = ""
    """Id of a call that is answered over the REST API; "" where the answer of the webhook does it."""
    over: bool = False
    """It tells of something, and asks nothing."""
    reply: str = ""
    """JSON that it wants to be answered with all the same."""


def asked_by_telnyx(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what Telnyx asks: TeXML by a form or a query, call control by JSON events."""
    if not body:
        return Asked(told_by(query, form, TOLD))
    data = fields_of(body, "data")
    call = fields_of(data, "payload")
    if data.get("event_type") != "call.initiated" or call.get("direction") != "incoming":
        return Asked(over=True)
    call_id = as_text(call.get("call_control_id"))[:MOST_CHARS]
    named = {
        "CallSid": call_id,
        "From": call.get("from"),
        "To": call.get("to"),
        "CallerName": call.get("caller_id_name"),
        "StirVerstat": call.get("shaken_stir_attestation"),
    }
    told = {name: as_text(value)[:MOST_CHARS] for name, value in named.items() if value}
    return Asked({**told, **_plain(query)}, answer=call_id, over=not call_id)


def asked_by_plivo(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what Plivo or Vobiz asks, by a form or a query; `body` is not used."""
    told = told_by(query, form, _OF_PLIVO)
    return Asked({"CallSid": told["CallUUID"], **told} if "CallUUID" in told else told)


def asked_by_signalwire(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what SignalWire asks, as Twilio would; `body` is not used."""
    return Asked(told_by(query, form, TOLD))


def asked_by_pivot(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what 2600Hz's Pivot asks, by a query, a form or JSON, in its own names or in Twilio's."""
    return Asked(_renamed({**query, **form, **body}, _OF_PIVOT, query))


def asked_by_exotel(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what Exotel asks, by a query; it has no other way."""
    return Asked(_renamed({**query, **form, **body}, _OF_EXOTEL, query))


def asked_by_vonage(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what Vonage asks, by a query or by JSON. Its numbers have no plus."""
    return Asked(_renamed(body or {**query, **form}, _OF_VONAGE, query))


def _renamed(fields: Fields, names: Mapping[str, str], query: Mapping[str, str]) -> dict[str, str]:
    """Return what `fields` have under `names`, by ours, and all else that the operator wrote into the query."""
    named = {ours: as_text(fields[theirs])[:MOST_CHARS] for theirs, ours in names.items() if fields.get(theirs)}
    return {**named, **{name: value for name, value in _plain(query).items() if name not in names}}


def asked_nothing(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return that nothing is asked: this carrier has no webhook."""
    return Asked(over=True)


def told_by(query: Mapping[str, str], form: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a call: all of the query, and of the form what has one of `names`."""
    return {**_plain(query), **{name: form[name][:MOST_CHARS] for name in names if form.get(name)}}


def _plain(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:MOST_CHARS] for name, value in query.items() if name not in _OURS}
