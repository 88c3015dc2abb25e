"""What a call holds besides answers: the greeting, what a silent caller is asked, and the goodbye."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from bot.actions import Action, ActionFailed, Hangup
from bot.api import Bot, CallInfo, Say
from bridge.speaking.replies import each_within
from bridge.turns.no_input import NoInputRules

Piece = str | Action


@dataclass(frozen=True, slots=True)
class CallPrompts:
    """What a caller hears who says nothing or waits, and at the end."""

    vigil: NoInputRules = field(default_factory=NoInputRules)
    asking: str = "Are you still there?"
    goodbye: str = "Goodbye."
    filler: str = "One moment, please."
    filler_after_s: float = 0.0
    """0: no filler."""


class Prompts:
    """The words of the settings and of the bot, for one call. `limit_s`: the bot must say the next within so long."""

    def __init__(self, bot: Bot, manners: CallPrompts, *, greeting: str, limit_s: float) -> None:
        self._bot, self._manners, self._greeting, self._limit_s = bot, manners, greeting, limit_s

    def greet(self, call: CallInfo) -> AsyncIterator[Piece]:
        """Say the greeting: that of the settings instead of the bot's, which gets to know of the call all the same."""
        greeting = [self._greeting] if self._greeting else []
        own = each_within(self._bot.on_call(call), self._limit_s)
        return _passing(own, first=greeting, keep=lambda piece: not (greeting and isinstance(piece, str)))

    def ask(self, count: int) -> AsyncIterator[Piece]:
        """Ask a caller who has said nothing for the `count`th time."""
        own = each_within(self._bot.on_silence(count), self._limit_s)
        return _passing(own, otherwise=[Say(self._manners.asking)])

    async def part(self, reason: str, *, interruptible: bool) -> AsyncIterator[Piece]:
        """Say goodbye and hang up."""
        yield Say(self._manners.goodbye, interruptible=interruptible)
        yield Hangup(reason)


async def _passing(
    pieces: AsyncGenerator[Piece, None],
    *,
    first: Sequence[Piece] = (),
    keep: Callable[[Piece], bool] = lambda _: True,
    otherwise: Sequence[Piece] = (),
) -> AsyncIterator[Piece]:
    """Yield `first`, then those of `pieces` that are to be kept, `otherwise` where there were none.

    An action that failed is told to whoever yielded it.
    """
    for piece in first:
        yield piece
    empty = True
    async with aclosing(pieces):
        ask = anext(pieces)
        while True:
            try:
                piece = await ask
            except StopAsyncIteration:
                break
            empty = False
            try:
                if keep(piece):
                    yield piece
                ask = anext(pieces)
            except ActionFailed as failed:
                ask = pieces.athrow(failed)
    if empty:
        for piece in otherwise:
            yield piece
