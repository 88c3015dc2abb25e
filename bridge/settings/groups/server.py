"""The options of the server itself: where it listens, who may come in, its limits and its logs."""

from typing import Annotated

from pydantic import Field, SecretStr

from bridge.settings.types import FIRST, Group, Level, OptionalPath, Origins, Section


class Listening(Group):
    """Where the bridge listens."""

    section = Section.LISTENING

    host: Annotated[str, FIRST] = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. The default is this machine only; 0.0.0.0 is every network it is on.",
    )
    port: Annotated[int, FIRST] = Field(
        default=8000,
        ge=0,
        le=65535,
        description="TCP port; 0 takes a free one. Kubernetes itself sets BRIDGE_PORT where a Service is named "
        '"bridge": give that Service another name, or switch enableServiceLinks off.',
    )
    public_url: Annotated[str, FIRST] = Field(
        default="",
        description="https://host under which Twilio reaches this server, with the path that a proxy strips, if any. "
        "Twilio signs this address, so it must be exact. It is needed with twilio_auth_token.",
    )
    generate_self_signed_cert: Annotated[bool, FIRST] = Field(
        default=False,
        description="Serve https with a certificate made at start-up, for tests. Browsers give a page the microphone "
        "over https only.",
    )
    trust_proxy_headers: bool = Field(
        default=False,
        description="Believe X-Forwarded-Proto, X-Forwarded-Host and, for the log, X-Forwarded-For. Use it only behind "
        "a proxy that sets them: without one, anybody can forge them.",
    )
    ssl_certfile: OptionalPath = Field(default=None, description="Certificate chain (PEM) to serve TLS with.")
    ssl_keyfile: OptionalPath = Field(default=None, description="Private key (PEM) of ssl_certfile.")


class Access(Group):
    """Who may come in."""

    section = Section.ACCESS

    twilio_auth_token: SecretStr | None = Field(
        default=None, description="Auth token of Twilio. Requests that Twilio did not sign are refused."
    )
    twilio_auth_token_file: Annotated[OptionalPath, FIRST] = Field(
        default=None, description="File that holds twilio_auth_token, which Twilio signs its requests with."
    )
    twilio_shared_key: SecretStr | None = Field(
        default=None,
        description="Secret of the SharedKey that signs, by SHA-256, the webhooks for which a webhook rule of Twilio's "
        "says so. Others are signed with twilio_auth_token.",
    )
    twilio_shared_key_file: OptionalPath = Field(default=None, description="File that holds twilio_shared_key.")
    api_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that clients must send. If it is not set, everyone on this machine may connect; "
        "where others can reach the port, the server makes one at start-up and prints it.",
    )
    api_token_file: Annotated[OptionalPath, FIRST] = Field(
        default=None, description="File that holds api_token, which clients must send."
    )
    api_tokens_file: OptionalPath = Field(
        default=None,
        description="File (TOML) of further tokens: tables [[token]] with name, token or its sha256, and scopes: read, "
        "calls, admin. docs/records.md tells what each may do. api_token may do everything.",
    )
    insecure: Annotated[bool, FIRST] = Field(
        default=False,
        description="Leave doors open that have no token, although other machines can reach the port.",
    )
    allowed_origins: Origins = Field(
        default=(),
        description="Web pages, as https://host[:port], whose scripts may open /ws besides our own page; * is all. "
        "Clients that are not browsers send no origin and are not checked for it.",
    )


class Limits(Group):
    """Limits: what one peer, or all of them, may take."""

    section = Section.OPERATION

    max_calls: Annotated[int, FIRST] = Field(
        default=100, ge=1, le=100_000, description="Calls at the same time. Further callers hear that we are busy."
    )
    max_connections: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Connections to the port at the same time; 0 is 400 more than max_calls and max_clients, for "
        "pages, orders and monitoring. Each takes a descriptor of `ulimit -n`.",
    )
    max_connections_per_address: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Connections from one address, of IPv6 from one /64; 0 is 100 more than max_calls and max_clients, "
        "because a PBX or a proxy has one address for all its calls.",
    )
    max_call_duration: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="Seconds after which the bridge ends a call, so that none stays for ever.",
    )
    media_timeout: float = Field(
        default=5.0,
        ge=0.5,
        le=600,
        description="Seconds without media after which the peer of a call counts as gone. Carriers send silence too.",
    )
    start_timeout: float = Field(
        default=10.0, ge=0.1, le=600, description="Seconds within which a new connection must say what it is."
    )
    send_timeout: float = Field(
        default=5.0, ge=0.1, le=600, description="Seconds for which a peer may leave unread what we send."
    )
    max_message_bytes: int = Field(
        default=1 << 20,
        ge=1024,
        le=1 << 28,
        description="Bytes of one WebSocket message. 1 MiB is 16 s of float32 audio at 16 kHz.",
    )
    max_upload_mb: float = Field(
        default=25.0,
        ge=0.1,
        le=1000,
        description="Megabytes of a file that is posted to be transcribed. OpenAI takes as many.",
    )


class Logs(Group):
    """Logs."""

    section = Section.OPERATION

    log_level: Annotated[Level, FIRST] = Field(default="INFO", description="Least severe level that is logged.")
    log_json: bool = Field(default=False, description="Write one JSON object a line instead of text.")
