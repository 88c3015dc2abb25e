"""Which bot has a call, and what it is told of it. Whatever the bot does with that, the call goes on."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial as bound
from typing import TypeVarTuple

from bot import plain_hooks
from bot.api import Bot, CallInfo, Final, Heard, Line, Partial, Speaker, Turn
from bridge.containment import contained
from bridge.observer import CallObserver
from bridge.speaking.playout_events import PlayoutEvents
from bridge.timeouts import timeout

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")

_MOST_WAITING = 100
"""What a bot may still have to be told: of a bot that is too slow the next is dropped."""


class ActiveBot:
    """The bot of one call. Whoever speaks with it asks for `now` each time: another may take the call."""

    def __init__(self, bot: Bot, call: CallInfo, observer: CallObserver | None = None) -> None:
        self.now = bot
        self._call, self._observer = call, observer or CallObserver()
        self._carry: Mapping[str, object] = {}

    def hand_over(self, bot: Bot, carry: Mapping[str, object]) -> None:
        """Let `bot` take the call. What earlier bots carried over stays, unless `carry` says otherwise."""
        self.now, self._carry = bot, {**self._carry, **carry}

    def turn(self, text: str, language: str, history: Sequence[Line], keys: str | None = None) -> Turn:
        """Return what the bot is asked with."""
        return Turn(self._call, text, language, history, keys, self._carry)

    @property
    def hears_partials(self) -> bool:
        """True where the bot does something with partials."""
        overridden = getattr(self.now.on_partial, "__func__", None) is not Bot.on_partial
        return overridden and self.now.hears_partials

    def tell_notes(self) -> None:
        """Hand on what the bot wants kept of the call."""
        for note in self.now.take_notes():
            self._observer.noted(note)


class BotHooks:
    """The hooks of one bot that say nothing. Each may take `limit_s`; a fault in one is logged, no more.

    Nobody waits for them. The bot is told one thing after the other, in the order in which they happened; the end of
    the call waits for what is left as long as for any task of it. Partials stand outside: only the newest counts.
    """

    def __init__(
        self, bot: ActiveBot, *, tasks: asyncio.TaskGroup, limit_s: float, on_dropped: Callable[[], None]
    ) -> None:
        """`tasks`: those of the call; the hooks run in them. `on_dropped` is called where too much waits already."""
        self._bot, self._tasks, self._limit_s, self._on_dropped = bot, tasks, limit_s, on_dropped
        self.playout = PlayoutEvents(on_played=self._played, on_speaking=self._speaking)
        """What the bot is told of who speaks and what is heard."""
        self._partial: asyncio.Task[None] | None = None
        self._partial_open = False  # the bot was told a partial, and nothing yet of what became of it
        self._language = ""  # that the bot was told
        self._waiting: deque[Callable[[], Coroutine[None, None, None]]] = deque()
        self._telling: asyncio.Task[None] | None = None

    def partial(self, partial: Partial) -> None:
        """Tell what the caller seems to be saying, unless the bot is still busy with the partial before."""
        if self._partial is None or self._partial.done():
            self._partial = self._tasks.create_task(self._tell(self._bot.now.on_partial, partial))
            self._partial_open = True

    def take_back(self) -> None:
        """Tell that the partials since the last final were no words, by an empty one, unless the bot was told of none.

        It waits for the partial that the bot is busy with, and is not skipped.
        """
        if self._partial_open:
            self._partial_open = False
            self._partial = self._tasks.create_task(self._tell_taken_back(self._partial))

    def final(self, final: Final) -> None:
        """Tell of a settled utterance."""
        self._partial_open = False
        self._queue(self._bot.now.on_final, final)

    def language(self, language: str) -> None:
        """Tell which language the call is in, once; "" is not known."""
        if language not in {"", self._language}:
            self._language = language
            self._queue(self._bot.now.on_language, language)

    def interrupted(self, heard: Heard) -> None:
        """Tell what the caller heard before they spoke over the bot."""
        self._queue(self._bot.now.on_interrupted, heard)

    async def answered(self, by: str) -> None:
        """Tell who answered a call that we placed."""
        await self._tell(self._bot.now.on_answered, by)

    def pressed(self, digit: str) -> None:
        """Tell of a key."""
        self._queue(self._bot.now.on_dtmf, digit)

    def drain(self) -> None:
        """Tell that the server will end."""
        self._queue(self._bot.now.on_drain)

    def leave(self, reason: str) -> None:
        """Tell a bot that another takes the call from it."""
        self._partial_open = False
        self._queue(self._bot.now.on_end, reason)

    async def end(self, reason: str) -> None:
        """Tell that the call is over."""
        await self._tell(self._bot.now.on_end, reason)
        self._bot.tell_notes()

    def _played(self, text: str) -> None:
        self._queue(self._bot.now.on_played, text)

    def _speaking(self, speaker: Speaker, speaking: bool) -> None:
        self._queue(self._bot.now.on_speaking, speaker, speaking)

    async def _tell_taken_back(self, busy_with: asyncio.Task[None] | None) -> None:
        if busy_with:
            await asyncio.wait({busy_with})
        await self._tell(self._bot.now.on_partial, Partial("", ""))

    def _queue(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            log.warning("the bot is not told by %s: it has yet to take %d others", hook.__name__, _MOST_WAITING)
            self._on_dropped()
            return
        self._waiting.append(bound(self._tell, hook, *args))
        if self._telling is None or self._telling.done():
            self._telling = self._tasks.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        try:
            while self._waiting:
                await self._waiting[0]()
                self._waiting.popleft()
        finally:
            if self._waiting:
                log.error("the call ended before the bot was told all: it had yet to take %d", len(self._waiting))

    async def _tell(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        try:
            async with timeout(self._limit_s):
                with contained("the bot"):
                    await plain_hooks.call(hook, *args)
        except Exception:  # the bot is a plug-in: its fault must not end the call
            log.exception("the bot's %s failed", hook.__name__)
