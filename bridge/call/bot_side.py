"""The bot's side of a call, as the session sees it: somebody who may be spoken to, or nobody."""

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from bot.api import CallInfo, Final, Partial
from bridge.speaking.actions import CallControl
from bridge.speaking.reply_pieces import Piece
from bridge.speech.ear import ScoredWindow
from bridge.turns.endpointing import Expected
from telephony.bot_requests import AskReply, BotRequest, StopReply, Truncated, UserText
from telephony.events import CallStarted, Dtmf, Event, NotTransferred, Played


class BotSide(Protocol):
    """What the session tells the bot's side of one call, and asks of it."""

    @property
    def bot_heard(self) -> bool:
        """True if the caller has heard something of the reply under way, or of the last one."""

    @property
    def said(self) -> str:
        """What the caller has said in the turn so far: all that was not answered, as far as can be heard."""

    @property
    def apology_lost(self) -> bool:
        """True while the caller has yet to be told again that something went wrong: they spoke over it."""

    @property
    def expected(self) -> Expected:
        """What the newest reply makes the bot expect."""

    @property
    def wants_partials(self) -> bool:
        """True while something hangs on what the caller seems to be saying."""

    def greet(self) -> None:
        """The call begins."""

    def hear(self, window: ScoredWindow, *, speech: bool) -> None:
        """Note a window of the caller's audio. `speech`: as who holds the floor is judged by."""

    def partial(self, partial: Partial) -> None:
        """The caller seems to be saying this."""

    def speculate(self, text: str, language: str, probability: float = 1.0) -> None:
        """The caller's turn may end with `text`, of the utterance under way, with that probability, 0 to 1."""

    def final(self, final: Final) -> None:
        """The caller said this."""

    def take_back(self) -> None:
        """The caller said nothing, whatever was partially heard since the last final."""

    def follow(self, language: str) -> None:
        """The caller speaks `language`, an English name; "" is not known yet."""

    def end_user_turn(self) -> None:
        """The caller is done, and all their finals were told."""

    def press(self, digit: str) -> None:
        """The caller pressed a key."""

    def played(self, mark: str) -> None:
        """The far side has played what came before `mark`."""

    def not_transferred(self, reason: str) -> None:
        """The wire has not transferred the call, and says why."""

    def drain(self) -> None:
        """The server takes no new calls; this one may go on for a while."""

    def put_in(self, piece: Piece) -> None:
        """Say or do `piece`, which an operator wants, instead of what is being said."""

    def say_goodbye(self, reason: str) -> None:
        """Say goodbye, and end the call with `reason` once that was heard."""

    def fall_back(self) -> None:
        """Let the caller hear that something went wrong, instead of silence."""

    def close(self) -> None:
        """The call is over: say no more, and wait for nothing."""

    async def end(self, reason: str) -> None:
        """The call is over and its tasks have ended."""


@runtime_checkable
class TakesRequests(Protocol):
    """A bot's side that its client may ask for replies."""

    def take(self, request: BotRequest) -> None:
        """Do what the client asks."""


def obey(bot: BotSide, event: Event) -> None:
    """Tell the bot's side what its peer did, if it concerns it."""
    match event:
        case Played(mark):
            bot.played(mark)
        case Dtmf(digit):
            bot.press(digit)
        case NotTransferred(reason):
            bot.not_transferred(reason)
        case AskReply() | UserText() | StopReply() | Truncated() if isinstance(bot, TakesRequests):
            bot.take(event)


def call_info(started: CallStarted) -> CallInfo:
    """Return what a bot is told of a call that has started."""
    return CallInfo(
        call_id=started.call_id,
        caller=started.caller,
        callee=started.callee,
        parameters=started.parameters,
        direction=started.direction,
        caller_name=started.caller_name,
        forwarded_from=started.forwarded_from,
        stir_verstat=started.stir_verstat,
    )


OpenBotSide = Callable[[asyncio.TaskGroup, CallControl], BotSide]
"""Makes the bot's side of a call, from the tasks of the call and the handle on it. No task may begin before `greet`."""


class SilentBotSide:
    """Nobody: for calls that are only transcribed."""

    bot_heard = False
    said = ""
    apology_lost = False
    expected = Expected()
    wants_partials = False

    def __init__(self, tasks: asyncio.TaskGroup, call: CallControl) -> None:
        """`tasks`: not used; as `OpenBotSide` wants it."""
        self._call = call

    def greet(self) -> None:
        """Nobody speaks."""

    def hear(self, window: ScoredWindow, *, speech: bool) -> None:
        """Nobody listens."""

    def partial(self, partial: Partial) -> None:
        """Nobody listens."""

    def speculate(self, text: str, language: str, probability: float = 1.0) -> None:
        """Nobody answers."""

    def final(self, final: Final) -> None:
        """Nobody listens."""

    def take_back(self) -> None:
        """Nobody was told."""

    def follow(self, language: str) -> None:
        """Nobody speaks."""

    def end_user_turn(self) -> None:
        """Nobody answers."""

    def press(self, digit: str) -> None:
        """Nobody waits for keys."""

    def played(self, mark: str) -> None:
        """Nothing was played."""

    def not_transferred(self, reason: str) -> None:
        """Nobody asked for it."""

    def drain(self) -> None:
        """Nobody is told."""

    def put_in(self, piece: Piece) -> None:
        """Nobody speaks."""

    def say_goodbye(self, reason: str) -> None:
        """End the call without a word."""
        self._call.stop(reason)

    def fall_back(self) -> None:
        """Nobody speaks."""

    def close(self) -> None:
        """Nothing is under way."""

    async def end(self, reason: str) -> None:
        """Nobody is told."""
