"""What Azure tells of a call that comes in: an event of Event Grid, in its own schema.

https://learn.microsoft.com/azure/event-grid/communication-services-voice-video-events, and for the handshake by which
an address proves that it is ours https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema.
"""

import json
from collections.abc import Mapping
from typing import Final

from telephony.carriers.stream_fields import fields_of, plain_texts
from telephony.carriers.webhooks import MOST_CHARS, Asked, told_by
from telephony.jsontext import Fields, as_text

_MOST_CONTEXT_CHARS: Final = 16 * 1024
"""Of what Azure wants back to answer a call; it has about 2 kB."""
_PHONE: Final = "4:"
"""What the raw id of a telephone number begins with."""


def asked_by_azure(query: Mapping[str, str], form: Mapping[str, str], body: Fields) -> Asked:
    """Return what one event asks; `form` is not used."""
    data = fields_of(body, "data")
    match body.get("eventType"):
        case "Microsoft.EventGrid.SubscriptionValidationEvent":
            return Asked(over=True, reply=json.dumps({"validationResponse": as_text(data.get("validationCode"))}))
        case "Microsoft.Communication.IncomingCall":
            context = as_text(data.get("incomingCallContext"))[:_MOST_CONTEXT_CHARS]
            return Asked({**_told(data), **told_by(query, {}, ())}, answer=context, over=not context)
        case _:
            return Asked(over=True)


def _told(data: Fields) -> dict[str, str]:
    custom = fields_of(data, "customContext")
    headers = {**plain_texts(fields_of(custom, "voipHeaders")), **plain_texts(fields_of(custom, "sipHeaders"))}
    named = {
        "From": _identity(fields_of(data, "from")),
        "To": _identity(fields_of(data, "to")),
        "CallerName": as_text(data.get("callerDisplayName")),
        "OnBehalfOf": _identity(fields_of(data, "onBehalfOfCallee")),
        "CorrelationId": as_text(data.get("correlationId")),
        "CallSid": "",  # the stream tells it, and no header of the caller's may
    }
    known = {name: value for name, value in named.items() if value}
    told = {**known, **{name: value for name, value in headers.items() if name not in named}}
    return {name: value[:MOST_CHARS] for name, value in told.items()}


def _identity(identifier: Fields) -> str:
    """Return the number of a telephone; of another participant the raw id, as 8:acs:..."""
    raw = as_text(identifier.get("rawId"))
    return as_text(fields_of(identifier, "phoneNumber").get("value")) or raw.removeprefix(_PHONE)
