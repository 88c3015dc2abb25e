"""The options themselves: name, type, default, range, unit and the reason for the default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints


@dataclass(frozen=True, slots=True)
class Takes:
    """What an option takes, in words, where its type does not say it."""

    words: str


def _nothing(value: object) -> object:
    """Read an empty text as None: TOML has no null."""
    return None if value == "" else value


def _words(value: object) -> object:
    """Split "a, b": flags and the environment know no lists."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


OptionalPath = Annotated[Path | None, BeforeValidator(_nothing)]
OptionalText = Annotated[str | None, BeforeValidator(_nothing)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/\s]+)$")]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_words), Takes("origins like https://example.com, or *")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s@?#]+(/[^\s@?#]*)?$")]
Urls = Annotated[tuple[Url, ...], BeforeValidator(_words), Takes("URLs like http://gpu1:8001, with commas between")]
_PluginName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(:[\w.]+)?$")]
Plugin = Annotated[_PluginName, Takes("the name of an installed plug-in, or module:attribute")]
PluginNames = Annotated[
    tuple[_PluginName, ...],
    BeforeValidator(_words),
    Takes("auto, or names of installed plug-ins or module:attribute, with commas between"),
]


class Group(BaseModel):
    """Options that belong together; the first line of the docstring is their heading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @classmethod
    def title(cls) -> str:
        """Return the heading."""
        return (cls.__doc__ or "").splitlines()[0].rstrip(".")


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
        description="Believe X-Forwarded-Proto and X-Forwarded-Host. Only behind a proxy that sets both: otherwise "
        "any peer can forge them.",
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
        default=None, description="Bearer token that clients of /ws must send; unset, anyone may connect."
    )
    api_token_file: OptionalPath = Field(default=None, description="File that holds api_token.")
    insecure: bool = Field(
        default=False, description="Start without any token though other machines can reach the port."
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


class Recognition(Group):
    """Recognition."""

    asr_model_path: str = Field(
        default="",
        description="Model of the recogniser: a local path, the name of an installed model package or a hub id; for "
        "openai, the name it is served under. Empty is the engine's own default, tiny.en for whisper. Of several "
        "recognisers, the first gets it.",
    )
    asr_threads: int = Field(
        default=2,
        ge=1,
        le=256,
        description="Decodes that whisper runs in parallel, one thread each. One a core: a second thread inside a "
        "decode gains nothing on short audio.",
    )
    asr_url: Urls = Field(
        default=(),
        description="Servers of the recogniser openai: vllm serve, or anything that speaks the same API. Each is an "
        "engine of its own.",
    )
    asr_api_key: SecretStr | None = Field(default=None, description="Bearer token that the servers at asr_url ask for.")
    asr_api_key_file: OptionalPath = Field(default=None, description="File that holds asr_api_key.")
    asr_api: Literal["auto", "chat", "transcriptions"] = Field(
        default="auto",
        description="How the servers at asr_url are asked. chat continues a text, which partials of long utterances "
        "need; transcriptions cannot, and is what most servers have. auto takes chat where it works.",
    )
    asr_timeout: float = Field(
        default=5.0,
        ge=0.1,
        le=300,
        description="Seconds one decode may take before another engine is asked: fifty times what a GPU needs at "
        "full load. Without another engine it may take as long as anybody waits for it.",
    )
    asr_outage: float = Field(
        default=120.0,
        ge=0,
        le=3600,
        description="Seconds an utterance is kept for while no engine is up. A new engine loads in 25 to 60 s.",
    )
    language: OptionalText = Field(
        default=None,
        description='English name of the language of calls, e.g. "Hindi"; unset, the engine decides. Clients of '
        "/ws choose their own.",
    )
    context: str = Field(
        default="", max_length=4000, description="Words that bias recognition on calls: names, products, jargon."
    )
    chunk_size_sec: float = Field(
        default=1.0,
        ge=0.1,
        le=30,
        description="Seconds of new audio between partials: each partial decodes the utterance so far again.",
    )
    unfixed_chunk_num: int = Field(
        default=4,
        ge=0,
        le=1000,
        description="Chunks at the beginning of an utterance that are decoded without the text so far: the first "
        "guesses are the worst. Clients of /ws choose their own.",
    )
    unfixed_token_num: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Tokens at the end of a partial that the next may change: less keeps errors, more flickers. "
        "Clients of /ws choose their own.",
    )
    max_utterance: float = Field(
        default=28.0,
        ge=1,
        le=29,
        description="Seconds after which an utterance is closed though its speaker goes on: Whisper hears 30 s at "
        "most and needs silence at the end.",
    )
    max_new_tokens: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Tokens a partial may add, for engines that generate until told to stop. The embedded one "
        "derives its limit from the length of the audio.",
    )
    gpu_memory_utilization: float = Field(
        default=0.8,
        ge=0.01,
        le=1,
        description="Share of the GPU's memory that vllm claims at start, for the model and its caches. 0.4 holds "
        "the 1.7B model and hundreds of utterances: less leaves room for a voice beside it.",
    )


class Vllm(Group):
    """The recogniser vllm: an engine in a child process of the bridge."""

    vllm_max_model_len: int = Field(
        default=2048,
        ge=256,
        le=131_072,
        description="Tokens of one decode, audio, context and answer together. 30 s of audio and its text are 521; "
        "the model's own 65536 would only reserve memory and let a runaway run.",
    )
    vllm_max_num_batched_tokens: int = Field(
        default=8192,
        ge=512,
        le=1_048_576,
        description="Tokens computed in one step. It is also the size of the encoder's cache, 13 for a second of "
        "audio of all calls together: 8192 are 630 s.",
    )
    vllm_max_num_seqs: int = Field(
        default=128,
        ge=1,
        le=4096,
        description="Decodes computed together. Beyond it throughput hardly grows and each decode takes longer.",
    )
    vllm_max_queued: int = Field(
        default=256,
        ge=1,
        le=65_536,
        description="Decodes that may wait in the engine; more are refused at once, so that they can go elsewhere "
        "instead of coming too late.",
    )
    vllm_prefix_caching: bool = Field(
        default=True,
        description="Keep what was computed of an utterance for its next decode. It needs vllm_audio_windows: without, "
        "grown audio is new audio.",
    )
    vllm_cuda_graphs: bool = Field(
        default=True,
        description="Record the GPU's work once and replay it: decodes of few tokens spend most of their time on "
        "launching it. Off, the engine starts sooner. The CPU has none.",
    )
    vllm_dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="Number format of the weights; auto is the checkpoint's own."
    )
    vllm_kv_cache_mb: int = Field(
        default=0,
        ge=0,
        le=1_048_576,
        description="Megabytes for the cache of attention; 0 is what gpu_memory_utilization leaves. Set it on a CPU, "
        "where that share would be of all memory.",
    )
    vllm_block_size: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Tokens in a block of that cache; 0 is the engine's own choice. On a CPU a multiple of 32; small "
        "blocks reuse more.",
    )
    vllm_audio_windows: bool = Field(
        default=True,
        description="Give an utterance to the engine in windows of 8 s, as its encoder sees it: full ones are computed "
        "once however long it gets, and the text stays the same.",
    )
    vllm_start_timeout: float = Field(
        default=600.0,
        ge=1,
        le=7200,
        description="Seconds the engine may take to load: 25 to 60 as a rule, and minutes where the model is "
        "downloaded or the GPU's work is compiled for the first time.",
    )


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


class Conversation(Group):
    """Calls with a bot."""

    turn_silence: float = Field(
        default=0.35,
        ge=0.1,
        le=10,
        description="Seconds of silence that end the caller's turn. Less cuts people off, more makes the bot slow: at "
        "0.35 one of 146 recorded prompts was taken for two turns, at 0.25 five, and half a second after the last word "
        "the bot is heard.",
    )
    barge_in_duration: float = Field(
        default=0.16,
        ge=0.032,
        le=5,
        description="Seconds of speech that interrupt the bot or open a turn: five windows of the detector.",
    )
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
    Conversation,
    Limits,
    Logs,
)


class Settings(Listening, Access, Plugins, Recognition, Vllm, Hearing, NoiseSuppression, Conversation, Limits, Logs):
    """What is in force. Immutable; `Settings()` is the defaults and reads neither environment nor files."""


SECRETS: Final = tuple(name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None)
"""Never flags, never in TOML; each has a NAME_file beside it."""
