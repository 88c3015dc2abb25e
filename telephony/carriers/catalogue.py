"""Every carrier whose calls come by a webhook and a stream of its own: one entry each.

Their paths are /NAME/voice, /NAME/stream, /NAME/status and what hangs on these; their options begin with NAME_.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from telephony.carriers import answers, signatures, tickets, webhooks
from telephony.carriers.azure import AzureProtocol
from telephony.carriers.azure_signature import check_azure
from telephony.carriers.event_grid import asked_by_azure
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
    ticket_opens: bool = True
    """False where a stream must be signed, beside the ticket that it may have."""
    signs_webhook: bool = True
    """False where another service asks what to do with a call, unsigned: then the API token opens that door."""
    keys_at: str = ""
    """The option with the OpenID configuration that names the keys it signs with, where it publishes them."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the request that opens the stream, and what the bot knows them by; the query tells the same way."""


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
    Carrier(
        name="azure",
        title="Azure",
        protocol=AzureProtocol,
        key="azure_resource_id",
        check=check_azure,
        asked=asked_by_azure,
        stream=answers.nothing,
        busy=answers.nothing,
        content_type=answers.JSON,
        signs_sockets=True,
        ticket_opens=False,
        signs_webhook=False,
        keys_at="azure_openid_url",
        headers={"x-ms-call-connection-id": "CallSid", "x-ms-call-correlation-id": "CorrelationId"},
    ),
)
BY_NAME: Final[Mapping[str, Carrier]] = {carrier.name: carrier for carrier in CARRIERS}
