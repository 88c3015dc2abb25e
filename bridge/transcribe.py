"""From a growing utterance to its transcripts: which decode is asked for, when, and what of it gets out."""

import logging
from collections.abc import AsyncIterator

from bot.api import Final, Partial
from bridge.speech.api import SAMPLE_RATE, Asr, Hypothesis, Overloaded, Request, SpeechError
from bridge.speech.rollback import PrefixRollback
from bridge.utterance import Snapshot, Utterance
from telephony.events import RecognitionOptions

log = logging.getLogger(__name__)


async def transcripts(utterance: Utterance, asr: Asr, options: RecognitionOptions) -> AsyncIterator[Partial | Final]:
    """Yield partials as the caller speaks, then the one final; its text is empty when nothing was said.

    At most one decode is under way; the final's begins at the first pause and is thrown away if speech goes on.

    Raises:
        SpeechError: the final could not be had at the second try either.
    """
    policy = PrefixRollback(options.unfixed_chunk_num, options.unfixed_token_num)
    text, language, shown = "", "", ""
    async for snapshot in utterance.snapshots(int(options.chunk_size_sec * SAMPLE_RATE)):
        if not len(snapshot.audio):
            continue
        prefix = "" if snapshot.complete else policy.prefix()
        hypothesis = await _decode(asr, snapshot, prefix, options)
        if hypothesis is None:
            continue
        text = (hypothesis.text if snapshot.complete else policy.add(hypothesis)).strip()
        language = hypothesis.language
        if text and text != shown and not utterance.closed:
            shown = text
            yield Partial(text, language)
    yield Final(text, language, utterance.began_ms, utterance.ended_ms)


async def _decode(asr: Asr, snapshot: Snapshot, prefix: str, options: RecognitionOptions) -> Hypothesis | None:
    """Decode; None for a partial that failed. What may become the final is worth a second try."""
    request = Request(snapshot.audio, prefix, options.language, options.context, snapshot.complete)
    try:
        return await asr.decode(request)
    except Overloaded as error:
        log.debug("partial skipped: %s", error)
        return None
    except SpeechError as error:
        log.warning("decode failed: %s", error)
        return await asr.decode(request) if snapshot.complete else None
