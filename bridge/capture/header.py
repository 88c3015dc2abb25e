"""The first line of a record: what a call began with. No secret is in it."""

import platform
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from pydantic import SecretStr

from bot.api import Samples
from bridge.capture.captured_voice import described
from bridge.capture.notation import FORMAT, VERSION, Line, sound, told
from bridge.logs import masked
from bridge.settings import Settings
from bridge.settings.caller_texts import CallerTexts
from bridge.settings.options import OPTIONS
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import Recogniser
from telephony.events import CallStarted, Capabilities

_VERSIONS: Final = ("voice-bridge", "numpy", "onnxruntime", "ctranslate2", "vllm")


def header(
    started: CallStarted,
    capabilities: Capabilities,
    settings: Settings,
    *,
    voices: Voices,
    asr: Recogniser,
    judges: bool,
    denoised: bool,
    fallback: tuple[Samples, str] | None,
    texts: Mapping[str, CallerTexts],
    apologies: Mapping[str, tuple[Samples, str]],
) -> Line:
    """Return it. `judges`: whether the ends of turns are judged; `denoised`: whether the call is."""
    told_fallback: Line = {}
    if fallback:
        told_fallback = {"fallback": sound(fallback[0], voices.sample_rate), "fallback_text": fallback[1]}
    return {
        "format": FORMAT,
        "version": VERSION,
        "at": round(time.time(), 3),
        "versions": {"python": platform.python_version(), **_versions()},
        "call": told(started) | {"format": told(started.format)},
        "capabilities": told(capabilities),
        "settings": _settings(settings),
        "voices": {
            "default": described(voices.default),
            "by_language": {key: described(voice) for key, voice in voices.by_language.items()},
            "last": described(voices.last) if voices.last else {},
            "lexicons": {key: lexicon.entries for key, lexicon in voices.lexicons.items()},
        },
        "asr": {"name": asr.name, **told(asr.capabilities)},
        "judges": judges,
        "denoised": denoised,
        "texts": {code: told(each) for code, each in texts.items()},
        "apologies": {code: [len(samples), text] for code, (samples, text) in apologies.items()},
        **told_fallback,
    }


def _settings(settings: Settings) -> Mapping[str, object]:
    """Return what differs from the defaults, without secrets."""
    given: dict[str, object] = {}
    dumped = settings.model_dump(mode="json")
    for name in OPTIONS:
        value, field = getattr(settings, name), Settings.model_fields[name]
        if value == field.get_default(call_default_factory=True) or isinstance(value, SecretStr):
            continue
        given[name] = masked(value) if isinstance(value, str) else dumped[name]
    return given


def _versions() -> Mapping[str, str]:
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # it is an extra
            continue
    return found
