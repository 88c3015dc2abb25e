"""What a call holds besides answers: the greeting, what is said unasked, and the goodbye."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial as bound

from bot.actions import ActionFailed, Hangup
from bot.api import CallInfo, Samples, Say
from bot.languages import named
from bridge.call.bot_hooks import ActiveBot
from bridge.speaking.actions import RecordingAnnounced
from bridge.speaking.reply_pieces import Piece, ReplyPieces, each_within
from bridge.speech.languages import code_of
from bridge.turns.no_input import NoInputRules, NoInputTimer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallPrompts:
    """What a caller hears besides the bot's answers, as the settings say."""

    no_input: NoInputRules = field(default_factory=NoInputRules)
    asking: str = "Are you still there?"
    goodbye: str = "Goodbye."
    filler: str = "One moment, please."
    filler_after_s: float = 0.0
    """0: no filler."""
    greeting: str = ""
    """Spoken instead of the bot's own, where there is one."""
    fallback: tuple[Samples, str] | None = None
    """Recording, at the voice's rate, and text of what is heard instead of a fault."""
    others: Mapping[str, "CallPrompts"] = field(default_factory=dict)
    """The same in other languages, by their codes."""

    def of(self, language: str) -> "CallPrompts":
        """Return what is heard in `language`, an English name or a tag; these where there is nothing in it."""
        return self.others.get(code_of(named(language)) or "", self)


class Prompts:
    """The words of the settings and of the bot, for one call."""

    def __init__(
        self, bot: ActiveBot, prompts: CallPrompts, *, limit_s: float, language: Callable[[], str] = lambda: ""
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long. `language`: what is spoken now."""
        self._bot, self._all, self._limit_s, self._language = bot, prompts, limit_s, language

    @property
    def now(self) -> CallPrompts:
        """What is heard in the language that is spoken now."""
        return self._all.of(self._language())

    def greet(self, call: CallInfo, *, announcement: str = "") -> AsyncIterator[Piece]:
        """Say the greeting: that of the settings instead of the bot's, which gets to know of the call all the same.

        `announcement`: of the recording; it comes first.
        """
        greeting = [self.now.greeting] if self.now.greeting else []
        first: list[Piece] = [Say(announcement, interruptible=False), RecordingAnnounced()] if announcement else []
        own = each_within(self._bot.now.on_call(call), self._limit_s)
        return _framed(own, first=[*first, *greeting], keep=lambda piece: not (greeting and isinstance(piece, str)))

    def ask(self, count: int) -> AsyncIterator[Piece]:
        """Ask a caller who has said nothing for the `count`th time."""
        own = each_within(self._bot.now.on_silence(count), self._limit_s)
        return _framed(own, otherwise=[Say(self.now.asking)])

    async def say_goodbye(self, reason: str, *, interruptible: bool) -> AsyncIterator[Piece]:
        """Say goodbye and hang up."""
        yield Say(self.now.goodbye, interruptible=interruptible)
        yield Hangup(reason)


class UnaskedTurns:
    """What the bot says though the caller said nothing: what it has a cue for, and questions to a silent caller."""

    def __init__(self, bot: ActiveBot, prompts: Prompts, rules: NoInputRules) -> None:
        self._bot, self._prompts = bot, prompts
        self._no_input = NoInputTimer(rules)

    def answered(self) -> None:
        """The caller said words or pressed a key: their silence begins anew."""
        self._no_input.answered()

    def due(self, now_ms: int, *, busy: bool, amid_turn: bool) -> Callable[[], AsyncIterator[Piece]] | None:
        """Return what makes the words to say now, or None.

        `busy`: one side speaks, or the bot thinks. `amid_turn`: the caller may go on, or is to be answered.
        """
        if not busy and not amid_turn and self._bot.now.take_cue():
            return self._bot.now.on_cue
        if not self._bot.now.asks_silent_callers or not self._no_input.look(now_ms, busy=busy):
            return None
        log.info("the caller has said nothing, %d", self._no_input.count)
        if self._no_input.given_up:
            return bound(self._prompts.say_goodbye, "the caller said nothing", interruptible=True)
        return bound(self._prompts.ask, self._no_input.count)


async def put_in(piece: Piece) -> AsyncIterator[Piece]:
    """Say or do what an operator wants. What does not happen is in the call's record, and costs the caller nothing."""
    with suppress(ActionFailed):
        yield piece


async def _framed(
    own: AsyncGenerator[Piece, None],
    *,
    first: Sequence[Piece] = (),
    keep: Callable[[Piece], bool] = lambda _: True,
    otherwise: Sequence[Piece] = (),
) -> AsyncIterator[Piece]:
    """Yield `first`, then those of `own` that are to be kept, or `otherwise` where there are none. Closes `own`."""
    for piece in first:
        yield piece
    empty = True
    async with aclosing(own):
        pieces = ReplyPieces(own)
        while (piece_of_own := await pieces.next()) is not None:
            empty = False
            try:
                if keep(piece_of_own):
                    yield piece_of_own
            except ActionFailed as failed:
                pieces.fail(failed)
    if empty:
        for piece in otherwise:
            yield piece
