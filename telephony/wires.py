"""Every wire that calls come in over: one line each. The server opens its sockets from this table."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol
from uuid import uuid4

from telephony.ari import AriProtocol
from telephony.asterisk import AsteriskProtocol
from telephony.audiosocket import AudioSocketProtocol
from telephony.carriers.audiocodes import AudioCodesProtocol
from telephony.carriers.exotel import ExotelProtocol
from telephony.carriers.genesys import GenesysProtocol
from telephony.carriers.plivo import PlivoProtocol, VobizProtocol
from telephony.carriers.telnyx import TelnyxProtocol
from telephony.carriers.twilio_dialects import PivotProtocol, SignalWireProtocol
from telephony.carriers.vonage import VonageProtocol
from telephony.deepgram import DeepgramProtocol
from telephony.events import Capabilities
from telephony.freeswitch import AudioForkProtocol, AudioStreamProtocol
from telephony.plain import PlainProtocol
from telephony.realtime import RealtimeProtocol
from telephony.sip import SipProtocol
from telephony.talk import TalkProtocol
from telephony.twilio import TwilioProtocol
from telephony.twilio_listen import TwilioListenProtocol
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


WIRES: Final[tuple[Wire, ...]] = (
    Wire(
        name="plain",
        title="Plain WebSocket",
        address="/ws",
        protocol=PlainProtocol,
        door=Door.API_TOKEN,
        family=Family.BINARY,
        audio="float32, int16, mu-law, A-law; 8 to 48 kHz",
        tried="Chromium, aiohttp",
        note="Transcripts only; the client configures recognition.",
    ),
    Wire(
        name="talk",
        title="Plain WebSocket with a bot",
        address="/talk",
        protocol=TalkProtocol,
        door=Door.API_TOKEN,
        family=Family.BINARY,
        audio="float32, int16, mu-law, A-law; 8 to 48 kHz",
        tried="Chromium, aiohttp",
    ),
    Wire(
        name="deepgram",
        title="Deepgram's streaming socket",
        address="/v1/listen",
        protocol=DeepgramProtocol,
        door=Door.API_TOKEN,
        family=Family.BINARY,
        audio="16 bit, float32, mu-law, A-law; 8 to 48 kHz",
        tried="Deepgram's SDKs for Python and JavaScript",
        make=lambda: DeepgramProtocol(uuid4().hex),
        note="Transcripts only, for applications written for Deepgram: [clients.md](clients.md).",
    ),
    Wire(
        name="realtime",
        title="OpenAI's Realtime socket",
        address="/v1/realtime",
        protocol=RealtimeProtocol,
        door=Door.API_TOKEN,
        family=Family.JSON,
        audio="16 bit 24 kHz; mu-law, A-law 8 kHz",
        tried="OpenAI's SDKs for Python and JavaScript",
        make=lambda: RealtimeProtocol(uuid4().hex[:16]),
        subprotocols=("realtime",),
        note="The bot is the model, or transcripts only: [clients.md](clients.md).",
    ),
    Wire(
        name="twilio",
        title="Twilio Media Streams",
        address="/twilio/stream",
        protocol=TwilioProtocol,
        door=Door.TWILIO_SIGNATURE,
        family=Family.JSON,
        audio="mu-law 8 kHz",
        identity="number, name, forwarded from, STIR/SHAKEN",
        tried=DOCUMENTS,
        make=TwilioProtocol,
        note="Transfers too with `--twilio-account-sid`; keys are sent as tones.",
    ),
    Wire(
        name="listen",
        title="Twilio Media Streams, listened to only",
        address="/twilio/listen",
        protocol=TwilioListenProtocol,
        door=Door.TWILIO_SIGNATURE,
        family=Family.JSON,
        audio="mu-law 8 kHz, one or two tracks",
        identity="what its parameters say: number, name, forwarded from",
        tried=DOCUMENTS,
        note="No bot; transcripts go to `--listen-hook-url` and to listeners.",
    ),
    Wire(
        name="telnyx",
        title="Telnyx media streaming",
        address="/telnyx/stream",
        protocol=TelnyxProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.JSON,
        audio="mu-law, A-law 8 kHz; 16 bit 8 to 24 kHz",
        identity="number, name, STIR/SHAKEN",
        tried=DOCUMENTS,
        make=TelnyxProtocol,
        note="Transfers and digits too with `--telnyx-api-key-file`.",
    ),
    Wire(
        name="plivo",
        title="Plivo audio streams",
        address="/plivo/stream",
        protocol=PlivoProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.JSON,
        audio="mu-law 8 kHz; 16 bit 8, 16 kHz",
        identity="number, name, STIR/SHAKEN",
        tried=DOCUMENTS,
        make=PlivoProtocol,
        note="Transfers too with `--plivo-auth-id`.",
    ),
    Wire(
        name="vobiz",
        title="Vobiz audio streams",
        address="/vobiz/stream",
        protocol=VobizProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.JSON,
        audio="mu-law 8 kHz; 16 bit 8, 16 kHz",
        identity="number, name",
        tried=DOCUMENTS,
        make=VobizProtocol,
        note="Plivo's dialect. Transfers too with `--vobiz-auth-id`.",
    ),
    Wire(
        name="vonage",
        title="Vonage WebSocket endpoint",
        address="/vonage/stream",
        protocol=VonageProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.BINARY,
        audio="16 bit 8, 16, 24 kHz",
        identity="number",
        tried=DOCUMENTS,
        make=VonageProtocol,
        note="Transfers and digits too with `--vonage-application-id`.",
    ),
    Wire(
        name="signalwire",
        title="SignalWire cXML streams",
        address="/signalwire/stream",
        protocol=SignalWireProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.JSON,
        audio="mu-law 8 kHz; 16 bit 8 to 24 kHz",
        identity="number, name",
        tried=DOCUMENTS,
        make=SignalWireProtocol,
        note="Twilio's dialect. Transfers too with `--signalwire-auth-id`.",
    ),
    Wire(
        name="2600hz",
        title="2600Hz Pivot streams",
        address="/2600hz/stream",
        protocol=PivotProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.JSON,
        audio="16 bit 8 to 24 kHz; mu-law 8 kHz",
        identity="number, name",
        tried=DOCUMENTS,
        make=PivotProtocol,
        note="Twilio's dialect; it signs nothing, so the API token opens the door.",
    ),
    Wire(
        name="exotel",
        title="Exotel Voicebot, ExoML",
        address="/exotel/stream",
        protocol=ExotelProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.JSON,
        audio="16 bit 8 to 24 kHz; mu-law 8 kHz",
        identity="number",
        tried=DOCUMENTS,
        make=ExotelProtocol,
        note="It signs nothing, so the API token opens the door.",
    ),
    Wire(
        name="genesys",
        title="Genesys AudioHook, Audio Connector",
        address="/genesys/stream",
        protocol=GenesysProtocol,
        door=Door.CARRIER_SIGNATURE,
        family=Family.BINARY,
        audio="mu-law 8 kHz, one or two channels",
        identity="number, name",
        tried=DOCUMENTS,
        make=GenesysProtocol,
        discontinuous=True,
        note="A transfer ends the session with the variable `transfer_to`, for the flow.",
    ),
    Wire(
        name="audiocodes",
        title="AudioCodes Bot API",
        address="/audiocodes",
        protocol=AudioCodesProtocol,
        door=Door.API_TOKEN,
        family=Family.JSON,
        audio="16 bit 8, 16, 24 kHz",
        identity="number",
        tried=DOCUMENTS,
        make=AudioCodesProtocol,
        discontinuous=True,
        note="A conversation whose socket is lost goes on over another one.",
    ),
    Wire(
        name="audiosocket",
        title="Asterisk AudioSocket",
        address="--audiosocket-port",
        protocol=AudioSocketProtocol,
        door=Door.OTHER,
        family=Family.TCP,
        audio="16 bit, 8 to 192 kHz",
        tried="Asterisk 22.10",
        transports="TCP",
    ),
    Wire(
        name="asterisk",
        title="Asterisk chan_websocket",
        address="/asterisk/media",
        protocol=AsteriskProtocol,
        door=Door.BASIC_PASSWORD,
        family=Family.BINARY,
        audio="mu-law, A-law, 16 bit; 8 to 192 kHz",
        identity="what the dialplan passes on: number, name, forwarded from",
        tried="Asterisk 22.10",
        subprotocols=("media",),
        note="Or we connect to it: `--asterisk-url`.",
    ),
    Wire(
        name="jambonz",
        title="jambonz, mod_audio_fork",
        address="/jambonz",
        protocol=AudioForkProtocol,
        door=Door.BASIC_PASSWORD,
        family=Family.BINARY,
        audio="16 bit, 8 to 64 kHz",
        identity="what the metadata say: number, name",
        tried=DOCUMENTS,
        make=lambda: AudioForkProtocol(uuid4().hex),
        subprotocols=("audio.drachtio.org", "audio.jambonz.org"),
        discontinuous=True,
        note="No FreeSWITCH was at hand.",
    ),
    Wire(
        name="audiostream",
        title="mod_audio_stream",
        address="/audiostream",
        protocol=AudioStreamProtocol,
        door=Door.API_TOKEN,
        family=Family.JSON,
        audio="16 bit, 8 to 64 kHz",
        identity="what the metadata say: number, name",
        tried=DOCUMENTS,
        make=lambda: AudioStreamProtocol(uuid4().hex),
        discontinuous=True,
        note="No FreeSWITCH was at hand.",
    ),
    Wire(
        name="ari",
        title="Asterisk ARI external media",
        address="--ari-url",
        protocol=AriProtocol,
        door=Door.OTHER,
        family=Family.RTP,
        audio="mu-law, A-law; 8 kHz",
        identity="number, name, forwarded from",
        tried="Asterisk 22.10",
        transports="HTTP and WebSocket to Asterisk; RTP over UDP",
        nat="none in between: Asterisk sends RTP to `--ari-media-host`",
    ),
    Wire(
        name="sip",
        title="SIP",
        address="--sip",
        protocol=SipProtocol,
        door=Door.OTHER,
        family=Family.RTP,
        audio="PCMU, PCMA, G.722, Opus",
        identity="number, name, asserted identity, forwarded from, STIR/SHAKEN",
        tried="Asterisk 22.10, baresip, sipp",
        note="Who calls, who vouches and who forwarded: [sip.md](sip.md#who-calls).",
        transports="UDP, TCP, TLS; RTP and SRTP over UDP",
        nat="callers: symmetric RTP; the bridge: `--sip-public-address`",
    ),
)
