"""A sentence that is said to its end: by the next voice where one fails or makes no sound."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

from bot.api import Samples
from bridge.speaking.voices.voice import audible
from bridge.speaking.voices.voices import Rendition
from bridge.speech.voices.remaining import rest_of

log = logging.getLogger(__name__)


class VoicedAudio(NamedTuple):
    """A piece of what is said."""

    samples: Samples
    sample_rate: int
    """Hertz: that of the voice that made it."""


async def said(renditions: Sequence[Rendition], *, is_news: Callable[[str], bool]) -> AsyncGenerator[VoicedAudio, None]:
    """Yield the audio of the first of `renditions`; what one that fails or has no sound leaves, the next says.

    `is_news` is asked of each voice that fails: whether the log is to tell so.

    Raises:
        whatever the last of them raises.
    """
    share = 0.0  # of the letters, that were said by those that failed
    for index, rendition in enumerate(renditions, 1):
        voice, made, heard = rendition.voice, 0, False
        text = rest_of(rendition.aloud, share, voice.language)
        if share and not text:
            return
        try:
            async with aclosing(voice.speak(text)) as chunks:
                async for samples in chunks:
                    made, heard = made + len(samples), heard or audible(samples)
                    yield VoicedAudio(samples, voice.sample_rate)
            if heard:
                return
        except Exception as error:  # a plug-in's, whatever it raises: the caller must hear the rest
            if index == len(renditions):
                raise
            if is_news(voice.name):
                other = renditions[index].voice.name
                log.error(
                    "the voice %s failed, %s says the rest: %s: %s", voice.name, other, type(error).__name__, error
                )
        if heard:
            share += (1 - share) * voice.pace.share_said(text, made / voice.sample_rate, voice.language)
