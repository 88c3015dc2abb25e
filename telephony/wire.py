"""What is said of a wire that calls come in over: its place, its rules, what people want to know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from telephony.events import Capabilities
from telephony.wire_protocol import WireProtocol


class Door(Enum):
    """What a peer must show to come in."""

    API_TOKEN = "API token"
    TWILIO_SIGNATURE = "Twilio signature"
    CARRIER_SIGNATURE = "the carrier's signature"
    BASIC_PASSWORD = "Basic password, which is the API token"
    OTHER = "see its page"


class Family(Enum):
    """How audio travels; what a call costs depends on it most."""

    JSON = "JSON and base64"
    BINARY = "binary WebSocket"
    TCP = "TCP frames"
    RTP = "RTP"


DOCUMENTS: Final = "from documents"


class Declares(Protocol):
    """A protocol that says what its wire can do."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire: its name in metrics, its place, its rules."""

    name: str
    title: str
    address: str
    """Path of the WebSocket that the server opens; for other wires the flag that opens them, e.g. --sip."""
    protocol: type[Declares]
    door: Door
    family: Family
    audio: str
    """Formats of the audio, for people."""
    tried: str
    """The peers that it was tried against, or DOCUMENTS where none could be had."""
    make: Callable[[], WireProtocol] | None = None
    """Returns the protocol of one call; None where the server has to know more of it, or where it is no WebSocket."""
    subprotocols: tuple[str, ...] = ()
    """What the WebSocket agrees to speak, in the words of Sec-WebSocket-Protocol."""
    discontinuous: bool = False
    """True where the peer sends nothing while there is nothing to hear (discontinuous transmission, DTX)."""
    identity: str = "-"
    """What it tells of the caller, for people."""
    transports: str = "ws, wss"
    """What it runs over, for people."""
    nat: str = "the peer connects to us"
    """What happens where one side or both are behind NAT, for people."""
    note: str = ""
    """What its capabilities depend on, for people."""

    @property
    def capabilities(self) -> Capabilities:
        """What the wire can do by itself; a configured instance may declare more."""
        return self.protocol.capabilities

    @property
    def is_socket(self) -> bool:
        """True where the server opens it as a WebSocket at `address`."""
        return self.address.startswith("/")


def carrier_wire(
    name: str,
    title: str,
    protocol: type[WireProtocol],
    *,
    audio: str,
    note: str,
    identity: str = "number, name",
    family: Family = Family.JSON,
    discontinuous: bool = False,
) -> Wire:
    """Return the wire of a carrier whose signature opens the door, built from its documents."""
    return Wire(
        name=name,
        title=title,
        address=f"/{name}/stream",
        protocol=protocol,
        door=Door.CARRIER_SIGNATURE,
        family=family,
        audio=audio,
        identity=identity,
        tried=DOCUMENTS,
        make=protocol,
        discontinuous=discontinuous,
        note=note,
    )
