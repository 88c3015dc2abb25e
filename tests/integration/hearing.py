"""A caller who asks something and listens to what comes."""

from typing import Final

from integration.recordings import normal, prompt
from integration.test_twilio_calls import transcribe

from bridge.phone import Phone
from bridge.speech.backends.whisper import WhisperAsr

SLACK_S: Final = 4.0
"""The end of the turn, its final and the voice, on a machine that does other things too."""


async def ask(phone: Phone, *, within_s: float) -> float:
    """Say something; return when the bot was heard, which must be so soon."""
    ended_ms = await phone.say(prompt("conf-full").mulaw)
    return await phone.until_heard(after_ms=ended_ms, timeout_s=within_s)


async def hear(phone: Phone, ears: WhisperAsr, *, from_ms: float, then_within_s: float) -> str:
    """Return all that is heard from `from_ms` on; what comes next must come so soon behind the rest."""
    await phone.until_silent(for_ms=1000 * then_within_s)
    return await words(phone, ears, from_ms=from_ms)


async def words(phone: Phone, ears: WhisperAsr, *, from_ms: float) -> str:
    """Return what has been heard from `from_ms` on."""
    return normal(await transcribe(ears, bytes(phone.record.bot[8 * int(from_ms) // 160 * 160 :])))
