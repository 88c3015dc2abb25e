"""Every carrier whose calls come by a webhook and a stream of its own: one entry each.

Their paths are /NAME/voice, /NAME/stream, /NAME/status and what hangs on these; their options begin with NAME_.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from telephony.carriers import answers, signatures, tickets, webhooks
from telephony.carriers.exotel import ExotelProtocol
from telephony.carriers.genesys import GenesysProtocol
from telephony.carriers.genesys_signature import check_genesys
from telephony.carriers.plivo import PlivoProtocol, VobizProtocol
from telephony.carriers.signatures import SignedRequest
from telephony.carriers.telnyx import CODEC_ORDERED, TelnyxProtocol
from telephony.carriers.twilio_dialects import PivotProtocol, SignalWireProtocol
from telephony.carriers.vonage import VonageProtocol
from telephony.carriers.webhooks import Asked
from telephony.events import Capabilities
from telephony.jsontext import Fields
from telephony.wire_protocol import WireProtocol


class Ask(Protocol):
    """Reads a webhook."""

    def __call__(self, query: Mapping[str, str], form: Mapping[str, str], body: Fields, /) -> Asked:
        """Return what is asked; `body`: of a JSON request."""


class MakesProtocol(Protocol):
    """The class of a protocol."""

    capabilities: Capabilities

    def __call__(self, told: Mapping[str, str], /) -> WireProtocol:
        """Return the protocol of one call, of which `told` is known before its stream begins."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One carrier."""

    name: str
    title: str
    protocol: "MakesProtocol"
    """Makes the protocol of one call, of what is known before its stream begins."""
    key: str
    """The option that its requests are verified with; "" where it signs none: then the API token opens its doors."""
    check: Callable[[str, SignedRequest], str]
    """Takes the value of that option and a request; returns why it is not the carrier's, "" where it is."""
    asked: Ask
    stream: Callable[[str, str, str], str]
    """Takes the address of the stream, a format and the id of the call; returns the document that connects the two."""
    busy: Callable[[str], str]
    """Takes the format; returns the document that turns a call away."""
    format: str = ""
    """The option with the format that streams are ordered in; "" where there is one only."""
    told_format: str = ""
    """The parameter by which the protocol learns what was ordered; "" where the start says it."""
    ticket_chars: int = tickets.MOST_CHARS
    """What a ticket may take of an address."""
    content_type: str = answers.XML
    dial: Callable[[str], str] | None = None
    """Takes a target; returns the document by which the carrier puts a call through, where it asks /NAME/transfer."""
    webhook: bool = True
    """False where the carrier opens its socket without asking first."""
    signs_sockets: bool = False
    """The same signature is on the request that opens the stream."""


CARRIERS: Final[tuple[Carrier, ...]] = (
    Carrier(
        name="telnyx",
        title="Telnyx",
        protocol=TelnyxProtocol,
        key="telnyx_public_key",
        check=signatures.check_telnyx,
        asked=webhooks.asked_by_telnyx,
        stream=answers.texml_stream,
        busy=answers.texml_busy,
        format="telnyx_codec",
        told_format=CODEC_ORDERED,
    ),
    Carrier(
        name="plivo",
        title="Plivo",
        protocol=PlivoProtocol,
        key="plivo_auth_token",
        check=signatures.check_plivo,
        asked=webhooks.asked_by_plivo,
        stream=answers.plivo_stream,
        busy=answers.plivo_busy,
        dial=answers.plivo_dial,
    ),
    Carrier(
        name="vobiz",
        title="Vobiz",
        protocol=VobizProtocol,
        key="vobiz_auth_token",
        check=partial(signatures.check_plivo, maker="Vobiz"),
        asked=webhooks.asked_by_plivo,
        stream=answers.plivo_stream,
        busy=answers.plivo_busy,
        dial=answers.plivo_dial,
    ),
    Carrier(
        name="vonage",
        title="Vonage",
        protocol=VonageProtocol,
        key="vonage_signature_secret",
        check=signatures.check_vonage,
        asked=webhooks.asked_by_vonage,
        stream=answers.vonage_stream,
        busy=answers.vonage_busy,
        format="vonage_rate",
        content_type=answers.JSON,
        signs_sockets=True,
    ),
    Carrier(
        name="signalwire",
        title="SignalWire",
        protocol=SignalWireProtocol,
        key="signalwire_signing_key",
        check=signatures.check_signalwire,
        asked=webhooks.asked_by_signalwire,
        stream=answers.twiml_of_others,
        busy=answers.texml_busy,
        dial=answers.twiml_dial,
    ),
    Carrier(
        name="2600hz",
        title="2600Hz Pivot",
        protocol=PivotProtocol,
        key="",
        check=signatures.check_nothing,
        asked=webhooks.asked_by_pivot,
        stream=answers.twiml_of_others,
        busy=answers.texml_busy,
    ),
    Carrier(
        name="exotel",
        title="Exotel",
        protocol=ExotelProtocol,
        key="",
        check=signatures.check_nothing,
        asked=webhooks.asked_by_exotel,
        stream=answers.exotel_stream,
        busy=answers.vonage_busy,
        format="exotel_rate",
        content_type=answers.JSON,
        ticket_chars=400,
    ),
    Carrier(
        name="genesys",
        title="Genesys",
        protocol=GenesysProtocol,
        key="genesys_client_secret",
        check=check_genesys,
        asked=webhooks.asked_nothing,
        stream=answers.nothing,
        busy=answers.nothing,
        webhook=False,
        signs_sockets=True,
    ),
)
BY_NAME: Final[Mapping[str, Carrier]] = {carrier.name: carrier for carrier in CARRIERS}
