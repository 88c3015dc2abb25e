"""`bridge voices`: which voices there are, and what a text sounds like. No sound card is needed."""

import asyncio
import time
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from bot import installing
from bot.api import Samples
from bot.tts.finishing import active_rms
from bridge import plugins
from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.speaking.voices.failover import said
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.profile_voices import load_voices
from bridge.speaking.voices.prompts_ahead import sentences
from bridge.speaking.voices.voice import audible
from bridge.speaking.voices.voices import CallVoices, Voices
from bridge.speaking.wire_encoder import SentenceEncoder
from bridge.speech.api import ModelMissing
from bridge.speech.resample import resample_whole
from telephony.codec import decode
from telephony.events import AudioFormat, Encoding

_GROUP: Final = "bridge.tts"
_NEEDS: Final = {"hibari": "hibari"}
"""Voice -> the module that it needs, where its own module imports without."""
_TELEPHONE: Final = AudioFormat(Encoding.MULAW, 8000)


@dataclass(frozen=True, slots=True)
class SaidSentence:
    """One sentence, and who said it."""

    voice: str
    text: str
    """What the voice was given."""
    first_audio_s: float
    took_s: float
    telephone: Samples
    """As a caller hears it: 8 kHz, through mu-law."""
    full_band: Samples
    """At `SaidText.sample_rate`."""


@dataclass(frozen=True, slots=True)
class SaidText:
    """A text, said."""

    sample_rate: int
    """Hertz: that of the default voice."""
    sentences: list[SaidSentence] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Why a sentence has no sound."""


def listing(settings: Settings) -> str:
    """Return text with a line for each voice: its name, its language, and where it is loaded from."""
    rows = [*_installed(), *(("", "", ""),), *_in_force(settings)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {name:<{widths[0]}}  {language:<{widths[1]}}  {source}".rstrip() for name, language, source in rows]
    return "\n".join(
        [
            "voices (--tts, --voices)",
            *lines,
            "",
            'hear one with: bridge voices --tts NAME --say "Good morning." --wav hello.wav',
        ]
    )


def _installed() -> Iterator[tuple[str, str, str]]:
    for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name):
        source = f"{point.module}, {point.dist.name} {point.dist.version}" if point.dist else point.module
        try:
            found = plugins.load(_GROUP, point.name)
        except PluginError as error:
            yield point.name, "", str(error).partition(": ")[2]
            continue
        if missing := _missing(point):
            yield point.name, "", missing
            continue
        yield point.name, str(getattr(found, "language", "")), source
        yield from ((f"{point.name}:{name}", language, source) for name, language in _voices_of(found))


def _voices_of(found: object) -> list[tuple[str, str]]:
    """Return the names and languages that a plug-in tells of its voices, by language."""
    voices = getattr(found, "voices", None)
    try:
        told = voices() if callable(voices) else {}
    except Exception:  # a plug-in's, whatever it raises: it is listed without its voices
        return []
    return sorted(told.items(), key=lambda one: (one[1], one[0])) if isinstance(told, Mapping) else []


def _missing(point: EntryPoint) -> str:
    module = _NEEDS.get(point.name, "")
    if not module or find_spec(module):
        return ""
    return f"not installed: {installing.extra(plugins.EXTRAS[_GROUP, point.name])}"


def _in_force(settings: Settings) -> Iterator[tuple[str, str, str]]:
    yield settings.tts, "", "in force: the default"
    for language, name in settings.voices.items():
        yield name, language, "in force"


def say(text: str, settings: Settings) -> SaidText:
    """Say `text` as a call with `settings` would; blocks.

    Raises:
        PluginError, ModelMissing: a voice does not load, or all that could say it fail.
    """
    loaded = LoadedVoices()
    try:
        with loaded.unless_it_fails():
            voices = load_voices(settings, loaded)
            return asyncio.run(_say(text, voices, settings))
    except (PluginError, ModelMissing):
        raise
    except Exception as error:  # a plug-in's, whatever it raises: one line tells it
        raise PluginError(f"--tts {settings.tts}: {type(error).__name__}: {error}") from error
    finally:
        loaded.close()


async def _say(text: str, voices: Voices, settings: Settings) -> SaidText:
    whole = SaidText(voices.sample_rate)
    call = CallVoices(voices, language=voices.begins_in(settings.language or ""))
    async for renditions in sentences(text, call):
        began_s, first_s = time.monotonic(), 0.0
        encoder, telephone, full_band = SentenceEncoder(_TELEPHONE), bytearray(), list[Samples]()
        async for samples, sample_rate in said(renditions, is_news=lambda _: True):
            first_s = first_s or time.monotonic() - began_s
            telephone += encoder.encode(samples, sample_rate)
            full_band.append(resample_whole(samples, sample_rate, voices.sample_rate))
        telephone += encoder.flush()
        sound = np.concatenate(full_band) if full_band else np.empty(0, np.float32)
        if not audible(sound):
            whole.unread.append("a sentence has no sound: no voice reads it, docs/voices.md")
            continue
        best = renditions[0]
        took_s = time.monotonic() - began_s
        heard = decode(bytes(telephone), _TELEPHONE.encoding)
        whole.sentences.append(SaidSentence(best.voice.name, best.aloud, first_s, took_s, heard, sound))
    return whole


def save(whole: SaidText, path: Path, *, full_band: bool) -> None:
    """Write a 16-bit WAV: 8 kHz as a caller hears it, or `full_band`, as the voice makes it.

    Raises:
        OSError: it cannot be written.
    """
    parts = [one.full_band if full_band else one.telephone for one in whole.sentences]
    sound = np.concatenate(parts) if parts else np.empty(0, np.float32)
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(whole.sample_rate if full_band else _TELEPHONE.sample_rate)
        file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def report(whole: SaidText) -> str:
    """Return a line for each sentence: who said it, how fast and how loud."""
    return "\n".join([*(_line(one, whole.sample_rate) for one in whole.sentences), *whole.unread])


def _line(one: SaidSentence, sample_rate: int) -> str:
    long_s = len(one.full_band) / sample_rate
    level = 20 * np.log10(active_rms(one.full_band, sample_rate)) if long_s > 0.02 else float("nan")
    return (
        f"{one.voice}: first audio {one.first_audio_s:.2f} s, {long_s:.1f} s of speech made in {one.took_s:.2f} s, "
        f"{level:.0f} dBov: {one.text}"
    )
