"""A bot, of which all that it says and does is kept, with the times."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, TypeVarTuple, cast

from bot import plain_hooks
from bot.actions import Action, ActionFailed, Handoff
from bot.api import Bot, CallInfo, CallNote, Final, Heard, Partial, Speaker, Turn
from bridge.capture.call_capture import CallCapture, LoopTurn
from bridge.capture.notation import piece_line
from bridge.speaking.reply_pieces import Piece, ReplyPieces, asynchronous

Ts = TypeVarTuple("Ts")

WISHES: Mapping[str, bool] = {
    "speculates": False,
    "asks_silent_callers": True,
    "follows_playout": False,
    "hears_partials": True,
}
"""What a bot says of itself, and what it is where it says nothing. It may change while the call lasts."""


def wish(bot: Bot, name: str) -> bool:
    """Return what `bot` says of itself; whoever stands before it has an `on_partial`, and it may have none."""
    if name == "hears_partials" and getattr(bot.on_partial, "__func__", None) is Bot.on_partial:
        return False
    return bool(getattr(bot, name))


class CapturedBot(Bot):
    """`bot`, with `capture` beside it."""

    speculates: ClassVar[bool]

    def __init__(self, bot: Bot, capture: CallCapture) -> None:
        self._bot, self._capture = bot, capture
        self._read = dict(WISHES)

    def __getattribute__(self, name: str) -> object:
        if name in WISHES:
            return self._wish(name)
        return super().__getattribute__(name)

    def _wish(self, name: str) -> bool:
        value = wish(self._bot, name)
        if value != self._read[name]:
            self._read[name] = value
            self._capture.note("read", {"what": name, "value": value})
        return value

    # ------------------------------------------------------------ what it says

    def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        return self._said("on_call", {}, lambda: self._bot.on_call(call))

    def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        return self._said("reply", self._of(turn), lambda: self._bot.reply(turn))

    def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        return self._said("on_takeover", self._of(turn), lambda: self._bot.on_takeover(turn))

    def on_silence(self, count: int) -> AsyncIterator[str | Action]:
        return self._said("on_silence", {"count": count}, lambda: self._bot.on_silence(count))

    def on_cue(self) -> AsyncIterator[str | Action]:
        return self._said("on_cue", {}, self._bot.on_cue)

    def _of(self, turn: Turn) -> Mapping[str, object]:
        hidden = {} if turn.keys is None else {"keys": len(turn.keys)}
        return {"text": turn.text, "language": turn.language, **hidden}

    async def _said(
        self, hook: str, line: Mapping[str, object], make: Callable[[], AsyncIterator[Piece]]
    ) -> AsyncGenerator[Piece, None]:
        asked, clock_s = self._capture.begin("hook", {"hook": hook, **line}), self._capture.clock_s
        turn, since_s = LoopTurn(), clock_s()
        reply: AsyncIterator[Piece] | None = None
        try:
            reply = asynchronous(make())
            pieces = ReplyPieces(reply)
            while (piece := await pieces.next()) is not None:
                asked.piece(turn, since_s, piece_line(piece))
                try:
                    yield self._captured(piece)
                except ActionFailed as failed:
                    pieces.fail(failed)
                turn, since_s = LoopTurn(), clock_s()
            asked.done(turn, since_s, {})
        except BaseException as error:  # a cut of the reply, too: it is kept on its way to whoever it is for
            asked.raised(error, turn, since_s)
            raise
        finally:
            if isinstance(reply, AsyncGenerator):
                await reply.aclose()

    def _captured(self, piece: Piece) -> Piece:
        if not isinstance(piece, Handoff):
            return piece
        bot, capture = piece.bot, self._capture
        if isinstance(bot, Bot):
            return Handoff(CapturedBot(bot, capture), piece.carry)
        make = bot

        def made() -> Bot:
            other: object = make()  # a mistake of its author's may make anything: the call tells so
            return CapturedBot(other, capture) if isinstance(other, Bot) else cast(Bot, other)

        return Handoff(made, piece.carry)

    # ------------------------------------------------------------ what it is told

    async def on_answered(self, by: str) -> None:
        await self._tell("on_answered", self._bot.on_answered, by)

    async def on_partial(self, partial: Partial) -> None:
        await self._tell("on_partial", self._bot.on_partial, partial)

    async def on_final(self, final: Final) -> None:
        await self._tell("on_final", self._bot.on_final, final)

    async def on_language(self, language: str) -> None:
        await self._tell("on_language", self._bot.on_language, language)

    async def on_dtmf(self, digit: str) -> None:
        await self._tell("on_dtmf", self._bot.on_dtmf, digit)

    async def on_interrupted(self, heard: Heard) -> None:
        await self._tell("on_interrupted", self._bot.on_interrupted, heard)

    async def on_played(self, text: str) -> None:
        await self._tell("on_played", self._bot.on_played, text)

    async def on_speaking(self, speaker: Speaker, speaking: bool) -> None:
        await self._tell("on_speaking", self._bot.on_speaking, speaker, speaking)

    async def on_drain(self) -> None:
        await self._tell("on_drain", self._bot.on_drain)

    async def on_end(self, reason: str) -> None:
        await self._tell("on_end", self._bot.on_end, reason)

    async def _tell(self, name: str, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        told = plain_hooks.call(hook, *args)
        await self._capture.ask("hook", {"hook": name}, told, lambda _: {})

    # ------------------------------------------------------------ what it asks for

    def cue(self) -> None:
        self._bot.cue()

    def take_cue(self) -> bool:
        return self._asked_for("cue", self._bot.take_cue())

    def preempt(self) -> None:
        self._bot.preempt()

    def take_preemption(self) -> bool:
        return self._asked_for("preemption", self._bot.take_preemption())

    def take_notes(self) -> Sequence[CallNote]:
        notes = self._bot.take_notes()
        for note in notes:
            self._capture.note("wish", {"what": "note", "name": note.name, "text": note.text, "data": note.data})
        return notes

    def _asked_for(self, what: str, wanted: bool) -> bool:
        if wanted:
            self._capture.note("wish", {"what": what})
        return wanted
