"""What Twilio tells when it asks what to do with a call, by POST or by GET.

Fields: https://www.twilio.com/docs/voice/twiml#request-parameters
"""

from collections.abc import Mapping
from typing import Final

TOLD: Final = (
    *("CallSid", "AccountSid", "ApiVersion", "Direction"),
    *("From", "To", "CallerName", "ForwardedFrom", "StirVerstat"),
    *("FromCity", "FromState", "FromZip", "FromCountry"),
    *("ToCity", "ToState", "ToZip", "ToCountry"),
)
"""Of its fields those that reach the bot, as parameters of the call. Places are those of the numbers, not of people."""
_OF_TRANSPORT: Final = frozenset({"bodySHA256"})


def call_parameters(query: Mapping[str, str], form: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of the call: all of the query, and of the form what Twilio tells of the call.

    A GET has its fields in the query, beside what the operator wrote there.
    """
    written = {name: value for name, value in query.items() if name not in _OF_TRANSPORT}
    return {**written, **{name: form[name] for name in TOLD if form.get(name)}}
