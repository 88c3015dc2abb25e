"""What the SIP process is told when it starts: the same on both sides of the socket."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

Transport = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """All that the process needs; it reads neither settings nor environment. The repr leaves the secrets out."""

    host: str
    port: int
    """The port of UDP and TCP; TLS has the next one."""
    transports: tuple[Transport, ...]
    public_address: str
    """The IP address that peers are told; "" where the machine's own can be reached."""
    allow: tuple[str, ...]
    """Networks whose packets the kernel lets through to the SIP ports; the trunk's addresses are added."""
    codecs: tuple[str, ...]
    media_encryption: str
    certificate: str
    """Private key and certificate chain in PEM, "" for none: read once, so that a file half written stops no start."""
    cafile: str
    users: tuple[str, ...]
    """Who may call with a password, as name:password; empty: callers are not asked for one."""
    headers: tuple[str, ...]
    """Headers of an INVITE that the bot is told."""
    dtmf: Literal["auto", "rtp", "info"]
    max_calls: int
    calls_per_second: float
    media_timeout_s: int
    jitter_ms: int
    """So long audio waits for a packet that it has overtaken."""
    trunk: str
    trunk_user: str
    trunk_password: str
    register_s: int
    rtp_ports: str

    def __repr__(self) -> str:
        return f"StackOptions(host={self.host!r}, port={self.port}, trunk={self.trunk!r})"

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "StackOptions":
        told = json.loads(data)
        for name, value in told.items():
            if isinstance(value, list):
                told[name] = tuple(value)
        return cls(**told)
