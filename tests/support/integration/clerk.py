"""A bot behind a real Asterisk, and the two of them together."""

from dataclasses import dataclass
from pathlib import Path

from integration.asterisk import Asterisk
from integration.server import Server

from bridge.speech.api import Request
from bridge.speech.backends.whisper import WhisperAsr

BOT = """
import logging

from bot import Bot, Collect, Hangup

log = logging.getLogger("clerk")


class Clerk(Bot):
    async def on_call(self, call):
        log.warning("%s: from %r to %r", call.call_id, call.caller, call.callee)
        yield "Hello, this is the workshop. "
        yield "Our bicycles are repaired within three working days, "
        yield "and we lend you another one for as long as it takes."

    async def reply(self, turn):
        if "goodbye" in turn.text.lower().replace(" ", ""):
            yield "See you soon."
            yield Hangup()
        elif "number" in turn.text.lower():
            yield "Please type it."
            yield Collect(digits=4)
        else:
            yield f"You said: {turn.text}"

    async def on_dtmf(self, digit):
        log.warning("key %s", digit)

    async def on_interrupted(self, heard):
        log.warning("interrupted after %d ms", heard.played_ms)

    async def on_end(self, reason):
        log.warning("ended: %s", reason)
"""


@dataclass(frozen=True)
class Place:
    """An Asterisk and the bridge it calls."""

    pbx: Asterisk
    bridge: Server
    asr: WhisperAsr

    async def understood(self, heard: Path) -> str:
        """Return the words in what a caller heard."""
        audio = await self.pbx.heard(heard)
        return (await self.asr.decode(Request(audio, language="English", final=True))).text.lower()

    async def said(self, *parts: str, timeout_s: float = 30) -> None:
        """Wait until the bridge has logged `parts` in one line, in this test."""
        await self.bridge.logged(*parts, timeout_s=timeout_s)
        self.bridge.output.clear()

    async def over(self) -> None:
        """Hang up what is left."""
        await self.pbx.cli("channel request hangup all")
        await self.pbx.idle()
        self.bridge.output.clear()
