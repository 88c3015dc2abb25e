"""The options of recognition and of its engines."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from bridge.settings.types import (
    FIRST,
    AppNames,
    Group,
    Languages,
    OptionalPath,
    OptionalText,
    PluginNames,
    RayAddress,
    Section,
    Urls,
    with_ray_address,
)


class Recognition(Group):
    """Recognition: docs/engines.md."""

    section = Section.SPEECH

    asr: Annotated[PluginNames, FIRST] = Field(
        default=("auto",),
        min_length=1,
        description="Recognisers: auto, whisper, vllm, openai, ray or module:attribute. Of several, the least loaded "
        "healthy one takes the next decode. auto is vllm if the extra vllm is installed and the machine has an NVIDIA "
        "GPU; otherwise it is whisper, which runs on the CPU. ray://HOST:10001 is ray with that ray_address.",
    )
    asr_url: Annotated[Urls, FIRST] = Field(
        default=(),
        description="Servers of the recogniser openai. They are `vllm serve`, or anything with the same API; each is "
        "an engine of its own, and so is each address of a name, also those that come later.",
    )
    asr_model_path: Annotated[str, FIRST] = Field(
        default="",
        description="Model of the recogniser: a path, a model package or a hub id. For openai it is the name that the "
        "model is served under. Empty is the engine's own default, tiny.en for whisper. Of several recognisers, only "
        "the first gets it.",
    )
    language: Annotated[OptionalText, FIRST] = Field(
        default=None,
        description='English name of the language of calls, such as "Hindi". If it is not set, the engine decides. '
        "Clients of /ws choose their own.",
    )
    languages: Languages = Field(
        default=(),
        description='Languages that callers may speak, such as "Hindi,English": what is heard is one of them, the '
        "first in doubt. Empty is any that the recogniser knows. Clients of /ws choose their own.",
    )
    script: Literal["native", "latin"] = Field(
        default="native",
        description="How transcripts in Hindi and other languages of India are written: native, or latin as people "
        "type it (mera order kahan hai), which needs the extra transliteration. Clients of /ws may choose their own.",
    )
    asr_threads: int = Field(
        default=2,
        ge=1,
        le=256,
        description="Decodes that whisper runs in parallel, one thread each. Set one a core: a second thread inside a "
        "decode gains nothing on short audio.",
    )
    asr_api_key: SecretStr | None = Field(default=None, description="Bearer token that the servers at asr_url ask for.")
    asr_api_key_file: OptionalPath = Field(default=None, description="File that holds asr_api_key.")
    asr_api: Literal["auto", "chat", "transcriptions"] = Field(
        default="auto",
        description="API by which the servers at asr_url are asked. chat continues a text, which partials of long "
        "utterances need; transcriptions cannot, but most servers have it. auto takes chat if it works.",
    )
    ray_address: RayAddress = Field(
        default="",
        description="Ray cluster of the recogniser ray: auto is the one that this machine has joined by `ray start`, "
        "ray://HOST:10001 reaches another one through its head. Empty is the variable RAY_ADDRESS, or else auto.",
    )
    ray_app: AppNames = Field(
        default=("asr",),
        min_length=1,
        description="Applications on Ray Serve that the recogniser ray asks, made by `bridge asr-pool`; each is an "
        "engine of its own.",
    )
    asr_timeout: float = Field(
        default=5.0,
        ge=0.1,
        le=300,
        description="Seconds that one decode may take before another engine is asked. A GPU at full load needs a "
        "fiftieth of it. If there is no other engine, a decode may take as long as anybody waits for it.",
    )
    asr_outage: float = Field(
        default=120.0,
        ge=0,
        le=3600,
        description="Seconds for which an utterance is kept while no engine is up. A new engine loads in 25 to 60 s.",
    )
    context: str = Field(
        default="", max_length=4000, description="Words that bias recognition on calls: names, products, jargon."
    )
    chunk_size_sec: float = Field(
        default=1.0,
        ge=0.1,
        le=30,
        description="Seconds of new audio between two partials. Each partial decodes the whole utterance again.",
    )
    unfixed_chunk_num: int = Field(
        default=4,
        ge=0,
        le=1000,
        description="Chunks at the beginning of an utterance that are decoded without the text so far, because the "
        "first guesses are the worst. Clients of /ws choose their own.",
    )
    unfixed_token_num: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Tokens at the end of a partial that the next partial may change. Fewer keep errors, more make the "
        "text flicker. Clients of /ws choose their own.",
    )
    max_utterance: float = Field(
        default=28.0,
        ge=1,
        le=29,
        description="Seconds after which an utterance is closed even if its speaker goes on. Whisper hears 30 s at "
        "most and needs silence at the end.",
    )
    max_new_tokens: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Tokens that a partial may add, for engines that generate until they are told to stop. whisper "
        "derives its limit from the length of the audio.",
    )
    gpu_memory_utilization: float = Field(
        default=0.8,
        ge=0.01,
        le=1,
        description="Share of the GPU's memory that vllm takes at start, for the model and its caches. 0.4 holds the "
        "1.7B model and hundreds of utterances; less leaves room for a voice beside it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _address_is_ray(cls, values: Any) -> Any:  # noqa: ANN401 - whatever somebody wants to make settings of
        return with_ray_address(values) if isinstance(values, Mapping) else values


class Vllm(Group):
    """The recogniser vllm, an engine in a child process of the bridge: docs/vllm.md."""

    section = Section.SPEECH

    vllm_max_model_len: int = Field(
        default=2048,
        ge=256,
        le=131_072,
        description="Tokens of one decode: audio, context and answer together. 30 s of audio and its text are 521. The "
        "model's own 65536 would only reserve memory and let an answer run on without end.",
    )
    vllm_max_num_batched_tokens: int = Field(
        default=8192,
        ge=512,
        le=1_048_576,
        description="Tokens computed in one step. It is also the size of the encoder's cache, which needs 13 tokens "
        "for a second of audio of all calls together: 8192 are 630 s.",
    )
    vllm_max_num_seqs: int = Field(
        default=128,
        ge=1,
        le=4096,
        description="Decodes computed together. With more, throughput hardly grows and each decode takes longer.",
    )
    vllm_max_queued: int = Field(
        default=256,
        ge=1,
        le=65_536,
        description="Decodes that may wait in the engine. Further ones are refused at once, so that they can go to "
        "another engine and do not come too late.",
    )
    vllm_prefix_caching: bool = Field(
        default=True,
        description="Keep what was computed of an utterance for its next decode. It needs vllm_audio_windows: without "
        "it, audio that has grown is new audio.",
    )
    vllm_cuda_graphs: bool = Field(
        default=True,
        description="Record the GPU's work once and replay it, because decodes of few tokens spend most of their time "
        "on launching it. Without it the engine starts sooner. A CPU has no such graphs.",
    )
    vllm_dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="Number format of the weights. auto is the checkpoint's own."
    )
    vllm_kv_cache_mb: int = Field(
        default=0,
        ge=0,
        le=1_048_576,
        description="Megabytes for the cache of attention; 0 is what gpu_memory_utilization leaves. Set it on a CPU, "
        "where that share would be a share of all memory.",
    )
    vllm_block_size: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Tokens in a block of that cache; 0 is the engine's own choice. On a CPU it is a multiple of 32. "
        "Small blocks reuse more.",
    )
    vllm_audio_windows: bool = Field(
        default=True,
        description="Give an utterance to the engine in windows of 8 s, as its encoder sees it. A full window is "
        "computed once however long the utterance gets, and the text stays the same.",
    )
    vllm_start_timeout: float = Field(
        default=600.0,
        ge=1,
        le=7200,
        description="Seconds that the engine may take to load. It usually takes 25 to 60, and minutes if the model is "
        "downloaded or the GPU's work is compiled for the first time.",
    )
