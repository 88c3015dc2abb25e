"""A bot of which all is kept does what it does without."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

import pytest

from bot.actions import ActionFailed, Handoff, Transfer
from bot.api import Bot, CallInfo, Final, Partial, Turn
from bridge.call.bot_hooks import ActiveBot
from bridge.capture.call_capture import CallCapture
from bridge.capture.captured_bot import CapturedBot
from bridge.capture.notation import Line
from bridge.speaking.reply_pieces import Piece, ReplyPieces, each_within

TURN = Turn(CallInfo("CA1"), "Hello.", "English")


class Kept:
    """A capture that stays in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.capture = CallCapture(self._take, clock_s=time.monotonic)

    def _take(self, lines: Sequence[Line]) -> bool:
        self.lines += lines
        return True

    def of(self, *kinds: str) -> list[Line]:
        self.capture.close()
        stamps = {"t", "asked", "n", "at_once"}
        return [{k: v for k, v in line.items() if k not in stamps} for line in self.lines if line["is"] in kinds]


async def all_of(reply: AsyncIterator[Piece]) -> list[Piece]:
    return [piece async for piece in each_within(reply, 1.0)]


class Plain(Bot):
    """Hooks without `async`, which may block."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.threads: set[int] = set()

    def reply(self, turn: Turn) -> Iterator[str]:  # type: ignore[override]  # a plain hook
        self.threads.add(threading.get_ident())
        yield "One. "
        yield "Two."

    def on_final(self, final: Final) -> None:  # type: ignore[override]  # a plain hook
        self.threads.add(threading.get_ident())
        self.told.append(final.text)


async def test_plain_hooks_run_in_threads_and_their_pieces_are_kept() -> None:
    kept, bot = Kept(), Plain()
    captured = CapturedBot(bot, kept.capture)
    assert await all_of(captured.reply(TURN)) == ["One. ", "Two."]
    await captured.on_final(Final("Hello.", "English", 0, 500))
    assert bot.told == ["Hello."]
    assert bot.threads and threading.get_ident() not in bot.threads
    assert kept.of("piece") == [{"is": "piece", "text": "One. "}, {"is": "piece", "text": "Two."}]
    asked = kept.of("ask")
    assert [(line["hook"], line.get("text")) for line in asked] == [("reply", "Hello."), ("on_final", None)]
    assert len(kept.of("done")) == 2


class Careful(Bot):
    """Is told of an action that failed, and fails itself."""

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        try:
            yield Transfer("+4930")
        except ActionFailed as failed:
            yield f"No: {failed}"
        raise ValueError("broken")


async def test_what_failed_reaches_the_bot_and_what_the_bot_raises_reaches_the_call() -> None:
    kept = Kept()
    reply = CapturedBot(Careful(), kept.capture).reply(TURN)
    pieces = ReplyPieces(reply)
    assert await pieces.next() == Transfer("+4930")
    pieces.fail(ActionFailed("busy"))
    assert await pieces.next() == "No: busy"
    with pytest.raises(ValueError, match="broken"):
        await pieces.next()
    assert kept.of("failed") == [{"is": "failed", "error": "ValueError", "text": "broken"}]


class Returns(Bot):
    """Its author wrote `return` instead of `yield`."""

    async def reply(self, turn: Turn) -> str:  # type: ignore[override]  # that is the mistake
        return "Hello."


async def test_a_mistake_of_its_author_is_told_as_without() -> None:
    kept = Kept()
    with pytest.raises(TypeError, match="a bot yields what it says"):
        await all_of(CapturedBot(Returns(), kept.capture).reply(TURN))
    assert [line["error"] for line in kept.of("failed")] == ["TypeError"]


class Slow(Bot):
    """Is closed while it waits."""

    closed = False

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def reply(self, turn: Turn) -> AsyncGenerator[Piece, None]:
        try:
            yield "One moment."
            self.waits.set()
            await asyncio.Event().wait()
            yield "Never."
        finally:
            self.closed = True


async def test_a_reply_that_is_cut_off_ends_and_is_no_failure() -> None:
    kept, bot = Kept(), Slow()
    reading = asyncio.create_task(all_of(CapturedBot(bot, kept.capture).reply(TURN)))
    await bot.waits.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert bot.closed
    assert (len(kept.of("dropped")), kept.of("failed")) == (1, [])


class Hands(Bot):
    """Hands the call to another, once by its class and once as it is."""

    def __init__(self, other: Bot | type[Bot]) -> None:
        self._other = other

    async def reply(self, turn: Turn) -> AsyncIterator[Piece]:
        yield Handoff(self._other, {"a": 1})


@pytest.mark.parametrize("other", [Plain, Plain()])
async def test_a_bot_that_takes_the_call_is_captured_too(other: Bot | type[Bot]) -> None:
    kept = Kept()
    [piece] = await all_of(CapturedBot(Hands(other), kept.capture).reply(TURN))
    assert isinstance(piece, Handoff) and piece.carry == {"a": 1}
    made = piece.bot if isinstance(piece.bot, Bot) else piece.bot()
    assert isinstance(made, CapturedBot)
    assert await all_of(made.reply(TURN)) == ["One. ", "Two."]


class Listens(Bot):
    """Does something with partials."""

    async def on_partial(self, partial: Partial) -> None: ...


async def test_what_a_bot_wants_is_kept_when_it_is_taken() -> None:
    kept, bot = Kept(), Plain()
    captured = CapturedBot(bot, kept.capture)
    wishes = [captured.asks_silent_callers, captured.speculates, captured.follows_playout]
    bot.follows_playout = True
    assert [*wishes, captured.follows_playout] == [True, False, False, True]
    assert not ActiveBot(captured, CallInfo("CA1")).hears_partials  # it has no `on_partial` of its own
    assert ActiveBot(CapturedBot(Listens(), kept.capture), CallInfo("CA1")).hears_partials
    bot.cue()
    bot.note("tool", "looked up", took_ms=5)
    assert (captured.take_cue(), captured.take_cue(), captured.take_preemption()) == (True, False, False)
    assert [note.name for note in captured.take_notes()] == ["tool"]
    assert kept.of("read") == [
        {"is": "read", "what": "follows_playout", "value": True},
        {"is": "read", "what": "hears_partials", "value": False},
    ]
    assert [line["what"] for line in kept.of("wish")] == ["cue", "note"]
