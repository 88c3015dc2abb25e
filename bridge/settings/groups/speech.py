"""The options of what happens to audio before it is recognised, and of the bot's voice."""

from typing import Annotated, Literal

from pydantic import Field

from bridge.settings.types import FIRST, Group, Plugin, Section


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
    dfn_model: Literal["DeepFilterNet", "DeepFilterNet2", "DeepFilterNet3"] = Field(
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

    tts: Annotated[Plugin, FIRST] = Field(
        default="hibari",
        description="Voice of the bot: hibari, openai, a hosted one or module:attribute. hibari is "
        "embedded; openai is any server with that API. docs/voices.md has them all.",
    )
