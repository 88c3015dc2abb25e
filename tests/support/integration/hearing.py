"""A caller who asks something and listens to what comes."""

import asyncio
from typing import Final

import numpy as np
from integration.recordings import normal, prompt

from bot.tts.hibari import HibariTts
from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.call_report import MAX_LATE_MS
from bridge.commands.phone.simulated_phone import SimulatedPhone
from bridge.speech.api import Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode, encode
from telephony.events import Encoding

SLACK_S: Final = 4.0
"""The end of the turn, its final and the voice, on a machine that does other things too."""


async def ask(phone: SimulatedPhone, *, within_s: float) -> float:
    """Say something; return when the bot was heard, which must be so soon."""
    ended_ms = await phone.say(prompt("conf-full").mulaw)
    return await phone.until_heard(after_ms=ended_ms, timeout_s=within_s)


async def hear(phone: SimulatedPhone, ears: WhisperAsr, *, from_ms: float, then_within_s: float) -> str:
    """Return all that is heard from `from_ms` on; what comes next must come so soon behind the rest."""
    await phone.until_silent(for_ms=1000 * then_within_s)
    return await words(phone, ears, from_ms=from_ms)


async def words(phone: SimulatedPhone, ears: WhisperAsr, *, from_ms: float) -> str:
    """Return what has been heard from `from_ms` on."""
    return normal(await transcribe(ears, bytes(phone.record.bot[8 * int(from_ms) // 160 * 160 :])))


def sound(mulaw: bytes) -> Samples:
    return resample_whole(decode(mulaw, Encoding.MULAW), 8000, 16_000)


async def transcribe(ears: WhisperAsr, mulaw: bytes) -> str:
    hypothesis = await ears.decode(Request(sound(mulaw)[-29 * 16_000 :], final=True))
    return hypothesis.text


async def hear_out(phone: SimulatedPhone, *, after_ms: float) -> tuple[float, bytes]:
    """Wait for the bot's next utterance and its end; return when it began to be heard and its audio."""
    heard_ms = await phone.until_heard(after_ms=after_ms)
    await phone.until_silent()
    return heard_ms, bytes(phone.record.bot[int(heard_ms / 20) * 160 :])


async def spoken(text: str) -> bytes:
    """Return `text` as somebody says it on the telephone."""
    voice = await asyncio.to_thread(HibariTts.load)
    samples = np.concatenate([chunk async for chunk in voice.speak(text)])
    voice.close()
    return encode(resample_whole(samples, voice.sample_rate, 8000), Encoding.MULAW)


def too_busy(*records: CallRecord) -> bool:
    """Tell whether the phones' own frames left late: then nothing here is in time. `bridge call` exits with 3."""
    return max(float(np.percentile(record.late_ms, 99)) for record in records) > MAX_LATE_MS
