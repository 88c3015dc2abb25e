"""Texts that are known before a call: said into a recording, or into the cache."""

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

import numpy as np

from bot.api import Samples
from bot.spoken import CodeBlocks
from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.settings.caller_texts import CallerTexts
from bridge.speaking.script import script
from bridge.speaking.voices.failover import said
from bridge.speaking.voices.voices import CallVoices, Rendition, Voices
from bridge.speech.resample import resample_whole

log = logging.getLogger(__name__)


async def sentences(text: str, voices: CallVoices) -> AsyncGenerator[Sequence[Rendition], None]:
    """Yield how each sentence of `text` may be said, the best first; none where no voice can read it."""

    async def whole() -> AsyncGenerator[str, None]:
        yield text

    code = CodeBlocks()
    async with aclosing(script(whole(), voices.language)) as cut:
        async for sentence in cut:
            yield voices.renditions(code.outside(str(sentence)))


async def record(voices: Voices, text: str, language: str = "") -> tuple[Samples, str] | None:
    """Return `text` as the voices say it, at their rate, and the text; None where none makes a sound of it.

    Raises:
        PluginError: all that could say it fail.
    """
    pieces = list[Samples]()
    try:
        async for renditions in sentences(text, CallVoices(voices, language=language or None)):
            async for samples, sample_rate in said(renditions, is_news=lambda _: True):
                pieces.append(resample_whole(samples, sample_rate, voices.sample_rate))
    except Exception as error:  # a plug-in's: it shows at start-up
        raise PluginError(f"the voice cannot say {text[:60]!r}: {type(error).__name__}: {error}") from error
    if not pieces:
        log.warning("no voice makes a sound of %r, which callers are to hear for a fault", text[:60])
    return (np.concatenate(pieces), text) if pieces else None


def prompts(settings: Settings, texts: CallerTexts) -> list[str]:
    """Return what calls with `settings` say that no bot makes. `texts`: those of the language they begin with."""
    filler = texts.filler_text if settings.filler_after else ""
    message = settings.machine_message if settings.machine_detection == "message" else ""
    said = (texts.greeting, texts.fallback_text, texts.no_input_text, texts.goodbye_text, filler, message)
    return [text for text in said if text]


async def make_ahead(profiles: Iterable[tuple[Voices, Settings, CallerTexts]]) -> None:
    """Have the cache hold what calls of `profiles` are going to say; one sentence after the other."""
    made = 0
    for voices, settings, texts in profiles:
        call = CallVoices(voices, language=voices.begins_in(settings.language or ""))
        for text in prompts(settings, texts):
            async for renditions in sentences(text, call):
                for best in renditions[:1]:
                    made += await _keep(best)
    log.debug("%d sentences of prompts were made ahead", made)


async def _keep(rendition: Rendition) -> bool:
    voice = rendition.voice
    try:
        await voice.keep(rendition.aloud)
    except Exception as error:  # a plug-in's, whatever it raises: the call tries it again
        log.warning("the voice %s failed at a prompt: %s: %s", voice.name, type(error).__name__, error)
        return False
    return True
