"""Engines opened as the server opens them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.server.plugin_loading import load_recogniser
from bridge.settings import Settings
from bridge.speech.pool import Pool
from telephony.recognition import RecognitionOptions


@asynccontextmanager
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    """The engines that `settings` name, loaded and closed again."""
    asr = await asyncio.to_thread(load_recogniser, settings)
    try:
        yield asr
    finally:
        await asyncio.to_thread(asr.close)


def options(settings: Settings) -> RecognitionOptions:
    """Return what calls ask of the recogniser."""
    return RecognitionOptions(
        context=settings.context,
        language=settings.language,
        unfixed_chunk_num=settings.unfixed_chunk_num,
        unfixed_token_num=settings.unfixed_token_num,
        chunk_size_sec=settings.chunk_size_sec,
        max_new_tokens=settings.max_new_tokens,
    )
