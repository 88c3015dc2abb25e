"""The bridge: `bridge serve --bot bridge_bot:ScriptBot`, all else by default."""

from collections.abc import AsyncIterator

import script

from bot.api import Bot, CallInfo, Turn


class ScriptBot(Bot):
    """Says what script.py says."""

    speculates = True

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        """Greet the caller."""
        yield script.GREETING

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        """Repeat the caller's words, or tell the story."""
        script.note(turn.text)
        yield script.answer(turn.text)
