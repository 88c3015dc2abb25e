"""A real bot in a replay: what it takes by the clock on the wall, it takes in the call."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import ClassVar, TypeVarTuple

from bot import plain_hooks
from bot.actions import Action, ActionFailed, Handoff
from bot.api import Bot, CallInfo, CallNote, Final, Heard, Partial, Speaker, Turn
from bridge.capture.captured_bot import WISHES, wish
from bridge.replay.answers import Answers
from bridge.replay.live.real_time import RealTime
from bridge.speaking.reply_pieces import Piece, ReplyPieces, asynchronous

Ts = TypeVarTuple("Ts")


class LiveBot(Bot):
    """`bot`, asked in real time."""

    speculates: ClassVar[bool]

    def __init__(self, bot: Bot, real_time: RealTime, answers: Answers) -> None:
        self._bot, self._real_time, self._answers = bot, real_time, answers

    def __getattribute__(self, name: str) -> object:
        if name in WISHES:
            return wish(self._bot, name)
        return super().__getattribute__(name)

    # ------------------------------------------------------------ what it says

    def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        return self._said(lambda: self._bot.on_call(call))

    def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        return self._said(lambda: self._bot.reply(turn))

    def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        return self._said(lambda: self._bot.on_takeover(turn))

    def on_silence(self, count: int) -> AsyncIterator[str | Action]:
        return self._said(lambda: self._bot.on_silence(count))

    def on_cue(self) -> AsyncIterator[str | Action]:
        return self._said(self._bot.on_cue)

    async def _said(self, make: Callable[[], AsyncIterator[Piece]]) -> AsyncGenerator[Piece, None]:
        reply = asynchronous(make())
        pieces = ReplyPieces(reply)
        try:
            while (piece := await self._real_time.ask(pieces.next(), self._answers)) is not None:
                try:
                    yield self._live(piece)
                except ActionFailed as failed:
                    pieces.fail(failed)
        finally:
            if isinstance(reply, AsyncGenerator):
                await self._real_time.ask(reply.aclose(), self._answers)

    def _live(self, piece: Piece) -> Piece:
        if not isinstance(piece, Handoff):
            return piece
        other = piece.bot if isinstance(piece.bot, Bot) else piece.bot()
        return Handoff(LiveBot(other, self._real_time, self._answers), piece.carry)

    # ------------------------------------------------------------ what it is told

    async def on_answered(self, by: str) -> None:
        await self._tell(self._bot.on_answered, by)

    async def on_partial(self, partial: Partial) -> None:
        await self._tell(self._bot.on_partial, partial)

    async def on_final(self, final: Final) -> None:
        await self._tell(self._bot.on_final, final)

    async def on_language(self, language: str) -> None:
        await self._tell(self._bot.on_language, language)

    async def on_dtmf(self, digit: str) -> None:
        await self._tell(self._bot.on_dtmf, digit)

    async def on_interrupted(self, heard: Heard) -> None:
        await self._tell(self._bot.on_interrupted, heard)

    async def on_played(self, text: str) -> None:
        await self._tell(self._bot.on_played, text)

    async def on_speaking(self, speaker: Speaker, speaking: bool) -> None:
        await self._tell(self._bot.on_speaking, speaker, speaking)

    async def on_drain(self) -> None:
        await self._tell(self._bot.on_drain)

    async def on_end(self, reason: str) -> None:
        await self._tell(self._bot.on_end, reason)

    async def _tell(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        if getattr(Bot, getattr(hook, "__name__", ""), None) is getattr(hook, "__func__", hook):
            return  # it has none of its own
        told = plain_hooks.call(hook, *args)
        await self._real_time.ask(told, self._answers)

    # ------------------------------------------------------------ what it asks for

    def take_cue(self) -> bool:
        return self._bot.take_cue()

    def take_preemption(self) -> bool:
        return self._bot.take_preemption()

    def take_notes(self) -> Sequence[CallNote]:
        return self._bot.take_notes()
