"""An HTTP voice from the settings: which servers there are, at which rate they speak, and how loud."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from importlib.util import find_spec
from typing import Final

import numpy as np

from bot.languages import tag_of
from bridge.settings import Settings
from bridge.settings.caller_texts import SHIPPED, in_language
from bridge.speech.api import EngineFailed, Samples, SpeechError
from bridge.speech.pool.breaker import Breaker
from bridge.speech.voices.http_voice import HttpVoice, Line
from bridge.speech.voices.profile import SpokenFormat, VoiceProfile, read_profiles
from bridge.speech.voices.server import Manner, SpeakingLimits, VoiceServer

log = logging.getLogger(__name__)

_FIRST_S: Final = 30.0
"""Seconds for the first sentence of a server: what it loads, it loads then."""


class HttpTts:
    """The plug-in behind --tts openai, elevenlabs and all others of profiles.toml and of --tts-profiles."""

    @staticmethod
    def from_settings(settings: Settings) -> HttpVoice:
        """Return the voice; blocks until each server has said an apology, or is known not to. Not on a loop.

        Raises:
            EngineFailed: none speaks, or something that they need is not set; the text names the option.
        """
        profile = profile_of(settings)
        urls = settings.tts_url or ((profile.url,) if profile.url else ())
        if not urls:
            raise EngineFailed(f"tts_url is empty; say where it is, e.g. --tts-url {profile.example or 'http://HOST'}")
        key = settings.tts_api_key.get_secret_value() if settings.tts_api_key else None
        if not settings.tts_url and not key:
            raise EngineFailed(f"{profile.url}: tts_api_key is not set; set BRIDGE_TTS_API_KEY or --tts-api-key-file")
        limits = SpeakingLimits(first_audio_s=settings.tts_first_audio, sentence_s=settings.tts_timeout)
        form = profile.telephone if settings.tts_telephone and profile.telephone else profile.wide
        servers = [VoiceServer(url, profile, form, key, limits) for url in urls]
        voice = settings.tts_voice or profile.voice
        manner = Manner(
            voice=voice,
            model=settings.tts_model or profile.model,
            language=tag_of(settings.language or ""),
        )
        trial = settings.fallback_text or in_language(SHIPPED, settings.language or "English").fallback_text
        heard = asyncio.run(_hear_all(servers, trial, manner))
        rate = next(rate for _, rate in filter(None, heard))
        made = HttpVoice(
            [Line(server, Breaker(time.monotonic)) for server in servers],
            manner,
            name=settings.tts,
            sample_rate=rate,
            language=settings.language or "",
            alone=settings.tts_fallback == "none" or not find_spec("hibari"),
        )
        for at, found in enumerate(heard):
            if found:
                made.learn(at, trial, *found)
        return made


def profile_of(settings: Settings) -> VoiceProfile:
    """Return the profile that `tts` names.

    Raises:
        EngineFailed: there is none, or --tts-profiles cannot be read.
    """
    profiles = read_profiles(settings.tts_profiles)
    if settings.tts not in profiles:
        raise EngineFailed(f"there is no profile {settings.tts!r}; known are {', '.join(sorted(profiles))}")
    return profiles[settings.tts]


async def _hear_all(servers: Sequence[VoiceServer], text: str, manner: Manner) -> Sequence[tuple[Samples, int] | None]:
    """Return what each server makes of `text`, and at which rate; None where it is not there.

    Raises:
        EngineFailed: none is.
    """
    found = await asyncio.gather(*(_hear(server, text, manner) for server in servers), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, SpeechError):
            raise each
    faults = [each for each in found if isinstance(each, SpeechError)]
    if len(faults) == len(servers):
        raise EngineFailed("; ".join(map(str, faults)))
    for fault in faults:
        log.warning("%s; it is asked again when it is needed", fault)
    return [None if isinstance(each, BaseException) else each for each in found]


async def _hear(server: VoiceServer, text: str, manner: Manner) -> tuple[Samples, int]:
    """Return what `server` makes of `text`, and find out its rate: where it does not tell, its WAV head does."""
    usual, server.limits = server.limits, SpeakingLimits(first_audio_s=_FIRST_S, sentence_s=_FIRST_S)
    try:
        samples, rate, told = await _whole(server, text, manner, server.format)
        if not told and server.profile.wav:
            try:
                _, rate, told = await _whole(server, text, manner, server.profile.wav)
                server.rate = rate
            except SpeechError as error:
                log.warning("%s; it does not tell its sample rate, and %d Hz is assumed", error, rate)
        return samples, rate
    finally:
        server.limits = usual


async def _whole(server: VoiceServer, text: str, manner: Manner, form: SpokenFormat) -> tuple[Samples, int, bool]:
    chunks, rate, told = list[Samples](), 0, False
    async with aclosing(server.speak(text, manner, form=form)) as pieces:
        async for samples, rate, told in pieces:  # noqa: B007 - the last of them count
            chunks.append(samples)
    made = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
    if not len(made):
        raise EngineFailed(f"{server.url}: makes no sound of {text[:40]!r}")
    return made, rate, told
