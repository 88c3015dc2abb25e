"""The smallest bot: it repeats what it heard."""

from collections.abc import AsyncIterator

from bot.api import Bot, CallInfo, Turn


class EchoBot(Bot):
    """Lets a caller hear what was recognised."""

    speculates = True

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        """Greet the caller."""
        yield "Hello. Say something, and I will repeat it."

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        """Repeat the caller's words."""
        yield f"You said: {turn.text}"
