"""The options of the wires that calls come in on: SIP, sockets of a PBX, Asterisk's REST interface, Twilio's API."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from bridge.settings.types import (
    FIRST,
    Address,
    Group,
    HeaderNames,
    Networks,
    OptionalPath,
    PortRange,
    PostUrl,
    PublicAddress,
    Section,
    SipCodecs,
    SipName,
    SipTransports,
    SipUri,
    SocketUrl,
    Takes,
    Url,
    whole_url,
)
from telephony.audiosocket import RATES

AriUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^/\s@?#]+(/[^\s@?#]*)?)?$"),
    AfterValidator(whole_url),
    Takes("a URL like http://pbx.example.com:8088/ari"),
]


AppName = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,60}$"), Takes("letters, digits, - and _")]
ContextName = Annotated[str, StringConstraints(pattern=r"^[\w.-]{0,64}$"), Takes("letters, digits and . - _")]
AccountSid = Annotated[
    str, StringConstraints(pattern=r"^(AC[0-9A-Za-z]{32})?$"), Takes("AC and 32 letters and digits, from the console")
]


def _rate(value: int) -> int:
    if value not in RATES.values():
        raise ValueError("AudioSocket has no such rate")
    return value


class Sip(Group):
    """Native SIP calls, with the extra sip: docs/sip.md."""

    section = Section.WIRES

    sip: Annotated[bool, FIRST] = Field(
        default=False, description="Answer SIP calls, with the extra sip. The SIP stack runs in a process of its own."
    )
    sip_host: Address = Field(
        default="127.0.0.1",
        description="Address to listen on for SIP and RTP. 0.0.0.0 is every network the machine is on.",
    )
    sip_port: int = Field(
        default=5060, ge=1, le=65534, description="Port of SIP over UDP and TCP. TLS is on the next port."
    )
    sip_public_address: PublicAddress = Field(
        default="",
        description="Our IP address as peers see it, for a bridge behind NAT: told them in SDP and Contact. The router "
        "must hand on the SIP port and sip_rtp_ports under the same numbers.",
    )
    sip_transports: SipTransports = Field(
        default=("udp", "tcp"), min_length=1, description="Transports of SIP; tls needs sip_certfile."
    )
    sip_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks that may reach the SIP ports, besides the trunk. The kernel drops what comes from "
        "elsewhere. 0.0.0.0/0 lets everybody in, and fraudsters find a public port within minutes.",
    )
    sip_users: OptionalPath = Field(
        default=None,
        description="File of callers, a line name:password each, of whom all but the trunk must be one (digest "
        "authentication). If it is not set, whoever reaches the port may call.",
    )
    sip_max_calls_per_second: float = Field(
        default=20.0, gt=0, le=1000, description="Calls that may come in a second. Further ones get status 503."
    )
    sip_codecs: SipCodecs = Field(
        default=("opus", "g722", "pcmu", "pcma"), min_length=1, description="Codecs that we offer, the best first."
    )
    sip_media_encryption: Literal["off", "optional", "required"] = Field(
        default="off",
        description="SRTP with keys in the SDP; required refuses calls without it. The keys are only as secret as the "
        "signalling, so it needs TLS.",
    )
    sip_certfile: OptionalPath = Field(default=None, description="Certificate chain (PEM) for SIP over TLS.")
    sip_keyfile: OptionalPath = Field(default=None, description="Private key (PEM) of sip_certfile.")
    sip_cafile: OptionalPath = Field(
        default=None,
        description="Certificates (PEM) of the authorities that may sign a trunk's certificate. If it is not set, the "
        "system's count.",
    )
    sip_headers: HeaderNames = Field(
        default=("Diversion", "History-Info", "P-Asserted-Identity", "Remote-Party-ID", "User-to-User", "X-Call-ID"),
        max_length=14,
        description="Headers of an INVITE that the bot gets as parameters of the call.",
    )
    sip_dtmf: Literal["auto", "rtp", "info"] = Field(
        default="auto",
        description="How digits are sent: rtp (RFC 4733), info, or auto, which is rtp if the peer offers it.",
    )
    sip_media_timeout: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="Seconds without any RTP that end a call; 0 is never. Keep it long: a PBX sends no RTP while it "
        "plays nothing. The time for which a peer holds the call is not counted.",
    )
    sip_jitter_max: int = Field(
        default=40,
        ge=0,
        le=2000,
        description="Milliseconds that caller audio waits for a packet which it has overtaken. What comes in order, or "
        "late as a whole, waits for nothing.",
    )
    sip_rtp_ports: PortRange = Field(default="10000-20000", description="UDP ports of RTP. Open them in the firewall.")
    sip_trunk: SipUri = Field(
        default="",
        description="Our address at a provider or PBX, sip:user@host[:port][;transport=tls]. Calls go out through it.",
    )
    sip_trunk_user: SipName = Field(
        default="", description="User name for authentication if it is not the one in sip_trunk."
    )
    sip_trunk_password: SecretStr | None = Field(default=None, description="Password at the trunk.")
    sip_trunk_password_file: OptionalPath = Field(default=None, description="File that holds sip_trunk_password.")
    sip_register: int = Field(
        default=300,
        ge=0,
        le=86400,
        description="Seconds between registrations at the trunk. 0 does not register, for a trunk that knows our "
        "address.",
    )


class Pbx(Group):
    """Calls from a PBX over a media socket: docs/pbx.md."""

    section = Section.WIRES

    audiosocket_port: Annotated[int, FIRST] = Field(
        default=0, ge=0, le=65535, description="TCP port for Asterisk's AudioSocket; 0 is off."
    )
    audiosocket_rate: Annotated[int, AfterValidator(_rate), Takes(", ".join(map(str, RATES.values())))] = Field(
        default=8000,
        description="Hertz of AudioSocket calls that begin before any audio has come, on a channel that plays nothing "
        "yet. Asterisk's application uses 8000, Dial(AudioSocket/.../c(slin16)) uses 16000.",
    )
    audiosocket_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks that may connect to audiosocket_port. The protocol has no password, so name only your "
        "PBX.",
    )
    asterisk_url: SocketUrl = Field(
        default="",
        description="Where an Asterisk has the media sockets of calls that wait for us. POST /asterisk/connect makes "
        "the bridge connect to one of them. Empty is off.",
    )


class Wyoming(Group):
    """Home Assistant and other clients of the Wyoming protocol: docs/clients.md."""

    section = Section.WIRES

    wyoming_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="TCP port for clients of the Wyoming protocol, such as Home Assistant (10300 is usual); 0 is off.",
    )
    wyoming_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks that may connect to wyoming_port. The protocol has no password, so name only your "
        "Home Assistant.",
    )


class AriOptions(Group):
    """Calls that an Asterisk hands over by `Stasis`, with audio as RTP: docs/pbx.md."""

    section = Section.WIRES

    ari_url: Annotated[AriUrl, FIRST] = Field(
        default="", description="URL of Asterisk's REST interface (ARI); empty is off."
    )
    ari_app: AppName = Field(
        default="bridge",
        description="Name of the application, as in Stasis(bridge). Each bridge needs its own.",
    )
    ari_dial_context: ContextName = Field(
        default="",
        description="Context of the dialplan in which Asterisk calls the numbers of calls out; empty is no calls out "
        "over ARI.",
    )
    ari_user: SipName = Field(default="", description="User in ari.conf.")
    ari_password: SecretStr | None = Field(default=None, description="Password of ari_user.")
    ari_password_file: OptionalPath = Field(default=None, description="File that holds ari_password.")
    ari_timeout: float = Field(
        default=5.0, ge=0.1, le=60, description="Seconds within which Asterisk must answer a request."
    )
    ari_media_host: Address = Field(
        default="127.0.0.1", description="Address of this machine that Asterisk sends RTP to."
    )
    ari_rtp_ports: PortRange = Field(
        default="20100-21099",
        description="UDP ports of that RTP. Open them for Asterisk in the firewall; a call takes an even one.",
    )
    ari_format: Literal["ulaw", "alaw"] = Field(
        default="ulaw",
        description="Codec of the audio. Take what your telephones and trunks use: both are G.711 at 8 kHz.",
    )


class Twilio(Group):
    """Twilio's REST API, which transfers and places calls, and calls without a bot: docs/twilio.md."""

    section = Section.WIRES

    twilio_account_sid: AccountSid = Field(
        default="",
        description="Account that twilio_auth_token belongs to. With both, Twilio calls can be transferred; with "
        "public_url as well, they can be placed.",
    )
    twilio_api_url: Url = Field(
        default="https://api.twilio.com",
        description="URL of the API. A region has its own, e.g. https://api.dublin.ie1.twilio.com.",
    )
    twilio_api_timeout: float = Field(
        default=10.0, ge=0.1, le=60, description="Seconds within which the API must answer a request."
    )
    listen_hook_url: PostUrl = Field(
        default="",
        description="Where what is said on calls that are only listened to (/twilio/listen) is told, one signed POST a "
        "sentence. webhook_secret signs, webhook_wait is the time for each.",
    )
