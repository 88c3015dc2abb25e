"""Hears what a bot said where its record cannot be read: the embedded recogniser, or the one that the options name."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bot.api import Samples
from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS
from bridge.evals.facts import BotSaid, CallFacts, Span, bot_spans
from bridge.server.plugin_loading import load_recogniser
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Asr, Request
from bridge.speech.resample import resample_whole
from telephony.codec import decode
from telephony.events import Encoding

_TOGETHER_MS: Final = 1200
"""Pauses of the bot inside of what is heard in one go."""
_LONGEST_MS: Final = 25_000
_AROUND_MS: Final = 100


class Ears:
    """One recogniser, loaded when it is first needed."""

    def __init__(self, settings: Settings, load: Callable[[Settings], Asr] = load_recogniser) -> None:
        self._settings, self._load = settings, load
        self._asr: Asr | None = None
        self._loading = asyncio.Lock()

    async def hear(self, record: CallRecord, *, since_ms: float = 0.0) -> list[BotSaid]:
        """Return what the bot said from `since_ms` on, as it is heard; raises what the recogniser raises."""
        async with self._loading:
            if self._asr is None:
                self._asr = await asyncio.to_thread(self._load, self._settings)
        found: list[BotSaid] = []
        for span in utterances(bot_spans(record)):
            if span.from_ms < since_ms:
                continue
            hypothesis = await self._asr.decode(Request(_sound(record, span), final=True))
            if hypothesis.text.strip():
                found.append(BotSaid(span.from_ms, hypothesis.text.strip()))
        return found

    async def complete(self, facts: CallFacts) -> CallFacts:
        """Return `facts` with what the bot said, where its record does not tell."""
        return facts if facts.kept else replace(facts, said=await self.hear(facts.record))

    def close(self) -> None:
        """Free the recogniser."""
        if self._asr:
            self._asr.close()


def utterances(spans: list[Span]) -> list[Span]:
    """Return stretches of speech that are heard in one go: short pauses inside, none too long."""
    found: list[Span] = []
    for span in spans:
        near = found and span.from_ms - found[-1].to_ms <= _TOGETHER_MS
        if near and span.to_ms - found[-1].from_ms <= _LONGEST_MS:
            found[-1] = Span(found[-1].from_ms, span.to_ms)
        else:
            found.append(span)
    return found


def _sound(record: CallRecord, span: Span) -> Samples:
    first = max(0, int((span.from_ms - _AROUND_MS) // FRAME_MS))
    last = int((min(span.to_ms, span.from_ms + _LONGEST_MS) + _AROUND_MS) // FRAME_MS)
    heard = bytes(record.bot[first * FRAME_BYTES : last * FRAME_BYTES])
    return resample_whole(decode(heard, Encoding.MULAW), 8000, SAMPLE_RATE)
