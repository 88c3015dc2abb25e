"""The bridge: `bridge serve --bot our_bot:ScriptBot`, all else by default."""

from collections.abc import AsyncIterator

import script

from bot.api import Bot, CallInfo, Final, Turn


class ScriptBot(Bot):
    """Says what script.py says."""

    speculates = True

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        """Greet the caller."""
        yield script.GREETING

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        """Repeat the caller's words, or tell the story."""
        yield script.answer(turn.text)

    async def on_final(self, final: Final) -> None:
        """Note what was recognised: `reply` is asked ahead, too."""
        script.note(final.text)
