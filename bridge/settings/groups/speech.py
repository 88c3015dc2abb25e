"""The options of what happens to audio before it is recognised, and of the bot's voice."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bridge.settings.types import (
    FIRST,
    DfnModel,
    Group,
    Lexicons,
    OptionalPath,
    Plugin,
    Section,
    Voice,
    VoicesByLanguage,
    with_default_voice,
)


class Hearing(Group):
    """Voice activity: when an utterance begins and ends."""

    section = Section.SPEECH

    vad: Plugin = Field(
        default="silero", description="Voice activity detector: silero, silero-torch or module:attribute."
    )
    vad_threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="P(speech) from which 32 ms count as speech. Use a higher one for noisy lines.",
    )
    silence_threshold: float = Field(
        default=0.8, ge=0.1, le=10, description="Seconds of silence that end an utterance of a client of /ws."
    )
    min_speech_duration: float = Field(
        default=0.3, ge=0, le=5, description="Seconds of speech before anything is recognised. Coughs are shorter."
    )
    vad_input: Literal["denoised", "raw"] = Field(
        default="denoised",
        description="What the detector hears while noise is suppressed. raw is better among other voices, because the "
        "denoiser makes those clearer.",
    )


class NoiseSuppression(Group):
    """Noise suppression, before voice activity and recognition: docs/denoising.md."""

    section = Section.SPEECH

    enable_noise_suppression: Annotated[bool, FIRST] = Field(
        default=False,
        description="Denoise callers. It costs 5 % of a core a call and harms clean speech.",
    )
    denoiser: Plugin = Field(
        default="deepfilter",
        description="Denoiser: deepfilter or module:attribute. It runs only with enable_noise_suppression.",
    )
    dfn_model: DfnModel = Field(
        default="DeepFilterNet3",
        description="DeepFilterNet model. The embedded runtime has the third; the others need the extra deepfilter.",
    )
    dfn_post_filter: bool = Field(default=False, description="Attenuate very noisy parts a little more.")
    dfn_attenuation_limit: float = Field(
        default=9.0,
        ge=0,
        le=100,
        description="Decibels by which noise is attenuated at most. At 9 dB errors fall by a third in steady noise, "
        "and clean speech stays as it was. At 100 dB, which is no limit, errors doubled.",
    )
    denoiser_threads: int = Field(
        default=2, ge=1, le=256, description="Threads of the denoiser. One thread carries about 18 calls."
    )


class Speaking(Group):
    """The voice of the bot."""

    section = Section.SPEECH
    per_call = True

    tts: Annotated[Voice, FIRST] = Field(
        default="hibari",
        description="Voice of the bot: hibari, kokoro, espeak, openai, elevenlabs ... docs/voices.md has them all, and "
        "how to name one of several. module:attribute is one of your own.",
    )
    voices: VoicesByLanguage = Field(
        default={},
        description="Voices by language. Each sentence gets the voice of its language, else that of tts, which may be "
        "named here as default: docs/voices.md.",
    )
    lexicon: Lexicons = Field(
        default=None,
        description="How names and brands are said, by language: a TOML file of such tables, or [lexicon.English].",
    )
    tts_speed: float = Field(
        default=1.0, ge=0.5, le=2.0, description="How fast voices speak that can do it otherwise; 1 is as they are."
    )
    voice_timeout: float = Field(
        default=10.0,
        ge=0.5,
        le=300,
        description="Seconds that each piece of a sentence may take a voice. If one takes longer, the next voice says "
        "the rest.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_is_tts(cls, values: Any) -> Any:  # noqa: ANN401 - whatever somebody wants to make settings of
        return with_default_voice(values) if isinstance(values, Mapping) else values


class SentenceCaching(Group):
    """Sentences that recur, kept as they sound."""

    section = Section.SPEECH

    tts_cache_mb: int = Field(
        default=16,
        ge=0,
        le=100_000,
        description="Megabytes of memory for sentences that voices made. 16 hold 100 of 3 s; 0 has each made anew.",
    )
    tts_cache_dir: OptionalPath = Field(
        default=None, description="Folder for sentences that were asked for twice, and for prompts, for the next start."
    )
    tts_cache_dir_mb: int = Field(default=256, ge=1, le=1_000_000, description="Megabytes of that folder.")
