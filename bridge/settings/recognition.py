"""The options of recognition and of its engines."""

from typing import Literal

from pydantic import Field, SecretStr

from bridge.settings.types import Group, OptionalPath, OptionalText, Urls


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
