"""The options of native SIP: docs/sip.md has the reasons."""

from typing import Literal

from pydantic import Field, SecretStr

from bridge.settings.types import (
    Address,
    Group,
    HeaderNames,
    Networks,
    OptionalPath,
    PortRange,
    SipCodecs,
    SipName,
    SipTransports,
    SipUri,
)


class Sip(Group):
    """Native SIP calls, with the extra sip: the bridge is the telephone."""

    sip: bool = Field(default=False, description="Answer SIP calls. The stack runs in a process of its own.")
    sip_host: Address = Field(
        default="127.0.0.1",
        description="Address to listen on for SIP and RTP; 0.0.0.0 is every network the machine is on.",
    )
    sip_port: int = Field(
        default=5060, ge=1, le=65534, description="Port of SIP over UDP and TCP; TLS is on the next one."
    )
    sip_transports: SipTransports = Field(
        default=("udp", "tcp"), min_length=1, description="What SIP is taken over; tls needs sip_certfile."
    )
    sip_allow: Networks = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Networks that may reach the SIP ports, besides the trunk; the kernel drops what comes from "
        "elsewhere. 0.0.0.0/0 lets everybody in, and a public port is found by fraudsters within minutes.",
    )
    sip_max_calls_per_second: float = Field(
        default=20.0, gt=0, le=1000, description="Calls that may come in a second; more are answered 486 unheard."
    )
    sip_codecs: SipCodecs = Field(
        default=("opus", "g722", "pcmu", "pcma"), min_length=1, description="Codecs, the best first."
    )
    sip_media_encryption: Literal["off", "optional", "required"] = Field(
        default="off",
        description="SRTP with keys in the SDP: required refuses calls without. The keys are as secret as the "
        "signalling, so it needs TLS.",
    )
    sip_certfile: OptionalPath = Field(default=None, description="Certificate chain (PEM) for SIP over TLS.")
    sip_keyfile: OptionalPath = Field(default=None, description="Private key (PEM) of sip_certfile.")
    sip_cafile: OptionalPath = Field(
        default=None, description="Certificates (PEM) that a trunk's must descend from; unset, the system's."
    )
    sip_headers: HeaderNames = Field(
        default=("Diversion", "History-Info", "P-Asserted-Identity", "Remote-Party-ID", "User-to-User", "X-Call-ID"),
        max_length=14,
        description="Headers of an INVITE that the bot gets as parameters of the call.",
    )
    sip_dtmf: Literal["auto", "rtp", "info"] = Field(
        default="auto", description="How digits are sent: rtp (RFC 4733), info, or auto: rtp where the peer offers it."
    )
    sip_media_timeout: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="Seconds without any RTP that end a call; 0 never. Not short: a PBX sends none while nothing "
        "plays, and a peer that holds the call is not counted.",
    )
    sip_jitter_min: int = Field(
        default=20,
        ge=0,
        le=500,
        description="Milliseconds of caller audio held back at least, for packets that are late.",
    )
    sip_jitter_max: int = Field(
        default=160, ge=20, le=2000, description="Milliseconds held back at most, on a line where they are very late."
    )
    sip_rtp_ports: PortRange = Field(
        default="10000-20000",
        description="UDP ports of RTP, to be opened in the firewall.",
    )
    sip_trunk: SipUri = Field(
        default="",
        description="Our address at a provider or PBX, sip:user@host[:port][;transport=tls]: calls go out through it.",
    )
    sip_trunk_user: SipName = Field(
        default="",
        description="User name for authentication, where it is not that of sip_trunk.",
    )
    sip_trunk_password: SecretStr | None = Field(default=None, description="Password at the trunk.")
    sip_trunk_password_file: OptionalPath = Field(default=None, description="File that holds sip_trunk_password.")
    sip_register: int = Field(
        default=300,
        ge=0,
        le=86400,
        description="Seconds between registrations at the trunk; 0 does not register: it knows our address.",
    )
