"""The options themselves: name, type, default, range, unit and the reason for the default."""

from typing import Final, Literal

from pydantic import Field, SecretStr

from bridge.settings.ari import Ari
from bridge.settings.barge_in import BargeIn, Echo, Speculation
from bridge.settings.end_of_turn import CallerPauses, EndOfTurn
from bridge.settings.machine_detection import MachineDetection
from bridge.settings.no_input import NoInput
from bridge.settings.outbound import Dialling
from bridge.settings.pbx import Pbx
from bridge.settings.recognition import Recognition, Vllm
from bridge.settings.route import Route
from bridge.settings.sip import Sip
from bridge.settings.twilio import Twilio
from bridge.settings.types import Group, Level, OptionalPath, Origins, Plugin, PluginNames
from bridge.settings.webhook import Webhook


class Listening(Group):
    """Where the bridge listens."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. The default is this machine only; 0.0.0.0 is every network it is on.",
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="TCP port; 0 takes a free one. Kubernetes sets BRIDGE_PORT itself beside a Service named "
        '"bridge": name it otherwise or switch enableServiceLinks off.',
    )
    public_url: str = Field(
        default="",
        description="https://host under which Twilio reaches this server. Twilio signs it, so it must be exact; "
        "needed with twilio_auth_token.",
    )
    trust_proxy_headers: bool = Field(
        default=False,
        description="Believe X-Forwarded-Proto, X-Forwarded-Host and, for the log, X-Forwarded-For. Only behind a "
        "proxy that sets them: otherwise any peer can forge them.",
    )
    generate_self_signed_cert: bool = Field(
        default=False,
        description="Serve TLS with a certificate made at start-up. For tests: browsers give a page the microphone "
        "over https only.",
    )
    ssl_certfile: OptionalPath = Field(default=None, description="Certificate chain (PEM) to serve TLS with.")
    ssl_keyfile: OptionalPath = Field(default=None, description="Private key (PEM) of ssl_certfile.")


class Access(Group):
    """Who may come in."""

    twilio_auth_token: SecretStr | None = Field(
        default=None, description="Twilio's auth token: requests it did not sign are refused."
    )
    twilio_auth_token_file: OptionalPath = Field(default=None, description="File that holds twilio_auth_token.")
    api_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that clients must send. Unset, everyone on this machine may connect; where "
        "others can reach the port, one is made at start-up and printed.",
    )
    api_token_file: OptionalPath = Field(default=None, description="File that holds api_token.")
    insecure: bool = Field(
        default=False, description="Leave doors open that no token was set for, though other machines reach the port."
    )
    allowed_origins: Origins = Field(
        default=(),
        description="Web pages, as https://host[:port], whose scripts may open /ws besides our own page; * is all. "
        "Clients that are no browsers send no origin and are not held to it.",
    )


class Plugins(Group):
    """What does the work: the name of an installed plug-in or module:attribute."""

    asr: PluginNames = Field(
        default=("auto",),
        min_length=1,
        description="Recognisers; of several, the least loaded healthy one takes the next decode. auto is vllm where "
        "the extra vllm is installed and the machine has an NVIDIA GPU, else whisper, which runs on the CPU.",
    )
    vad: Plugin = Field(default="silero", description="Voice activity detector.")
    denoiser: Plugin = Field(default="deepfilter", description="Denoiser; it runs only with enable_noise_suppression.")
    tts: Plugin = Field(default="hibari", description="Voice of the bot.")
    bot: Plugin = Field(default="echo", description="Bot that answers. The default repeats what it heard.")


class Hearing(Group):
    """Voice activity: when an utterance begins and ends."""

    vad_threshold: float = Field(
        default=0.5, ge=0, le=1, description="P(speech) from which 32 ms count as speech; higher for noisy lines."
    )
    silence_threshold: float = Field(
        default=0.8, ge=0.1, le=10, description="Seconds of silence that end an utterance of a client of /ws."
    )
    min_speech_duration: float = Field(
        default=0.3, ge=0, le=5, description="Seconds of speech before anything is recognised: coughs are shorter."
    )
    vad_input: Literal["denoised", "raw"] = Field(
        default="denoised",
        description="What the detector hears while noise is suppressed. raw is better among other voices, which "
        "the denoiser brings out.",
    )


class NoiseSuppression(Group):
    """Noise suppression, in front of voice activity and recognition."""

    enable_noise_suppression: bool = Field(
        default=False, description="Denoise callers. It costs 5 % of a core a call and harms clean speech."
    )
    dfn_model: Literal["DeepFilterNet", "DeepFilterNet2", "DeepFilterNet3"] = Field(
        default="DeepFilterNet3",
        description="DeepFilterNet model. The embedded runtime has the third; the others need the extra deepfilter.",
    )
    dfn_post_filter: bool = Field(default=False, description="Attenuate very noisy parts a little more.")
    dfn_attenuation_limit: float = Field(
        default=9.0,
        ge=0,
        le=100,
        description="Most that noise is attenuated, in dB. At 9 dB errors fall by a third in steady noise and clean "
        "speech is left as it was; at 100 dB, no limit, they doubled.",
    )
    denoiser_threads: int = Field(
        default=2, ge=1, le=256, description="Threads of the denoiser; one carries about 18 calls."
    )


class Bot(Group):
    """Calls with a bot."""

    greeting: str = Field(default="", max_length=4000, description="First words of a call; empty, the bot's own.")
    fallback_text: str = Field(
        default="Sorry, something went wrong. Please say that again.",
        min_length=1,
        max_length=4000,
        description="What a caller hears when the bot or its voice fails.",
    )
    bot_timeout: float = Field(
        default=10.0,
        ge=0.1,
        le=300,
        description="Seconds until the bot's first words; then the caller hears fallback_text.",
    )


class Limits(Group):
    """Limits: what one peer, or all of them, may take."""

    max_calls: int = Field(default=100, ge=1, le=100_000, description="Calls at once; others hear that we are busy.")
    max_connections: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Connections to the port at once; 0 is 400 more than max_calls, for pages, orders and monitoring. "
        "Each takes a descriptor of `ulimit -n`.",
    )
    max_connections_per_address: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Those from one address, of IPv6 from one /64; 0 is 100 more than max_calls: a PBX or a proxy has "
        "one address for all its calls.",
    )
    max_call_duration: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="Seconds after which a call is ended: none stays for ever.",
    )
    media_timeout: float = Field(
        default=5.0,
        ge=0.5,
        le=600,
        description="Seconds without media after which the peer of a call is gone: carriers send silence too.",
    )
    start_timeout: float = Field(
        default=10.0, ge=0.1, le=600, description="Seconds a new connection has to say what it is."
    )
    send_timeout: float = Field(
        default=5.0, ge=0.1, le=600, description="Seconds a peer may leave what we send unread."
    )
    drain_timeout: float = Field(
        default=10.0,
        ge=0,
        le=600,
        description="Seconds that running calls get for their last finals on Ctrl-C or SIGTERM.",
    )
    max_message_bytes: int = Field(
        default=1 << 20,
        ge=1024,
        le=1 << 28,
        description="Bytes of one WebSocket message; 1 MiB is 16 s of float32 audio at 16 kHz.",
    )


class Logs(Group):
    """Logs."""

    log_level: Level = Field(default="INFO", description="Least severe level that is logged.")
    log_json: bool = Field(default=False, description="One JSON object a line instead of text.")


GROUPS: Final[tuple[type[Group], ...]] = (
    Listening,
    Access,
    Plugins,
    Recognition,
    Vllm,
    Hearing,
    NoiseSuppression,
    Bot,
    NoInput,
    Webhook,
    EndOfTurn,
    CallerPauses,
    BargeIn,
    Echo,
    Speculation,
    Sip,
    Pbx,
    Ari,
    Twilio,
    Dialling,
    MachineDetection,
    Limits,
    Logs,
)


CALL_GROUPS: Final[tuple[type[Group], ...]] = (
    Bot,
    NoInput,
    Webhook,
    EndOfTurn,
    CallerPauses,
    BargeIn,
    Echo,
    Speculation,
    MachineDetection,
)
"""Groups whose options one call may have otherwise than another: settings/routes.py."""


class Settings(
    Listening,
    Access,
    Plugins,
    Recognition,
    Vllm,
    Hearing,
    NoiseSuppression,
    Bot,
    NoInput,
    Webhook,
    EndOfTurn,
    CallerPauses,
    BargeIn,
    Echo,
    Speculation,
    Sip,
    Pbx,
    Ari,
    Twilio,
    Dialling,
    MachineDetection,
    Limits,
    Logs,
):
    """What is in force. Immutable; `Settings()` is the defaults and reads neither environment nor files."""

    route: tuple[Route, ...] = ()
    """Calls that are answered otherwise, from [[route]] tables. No option: it is neither a flag nor a variable."""


OPTIONS: Final = tuple(name for group in GROUPS for name in group.model_fields)
"""All that is a flag, a variable and a key."""

SECRETS: Final = tuple(name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None)
"""Never flags, never in TOML; each has a NAME_file beside it."""
