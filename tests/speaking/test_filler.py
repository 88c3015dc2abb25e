"""What the caller hears while a reply is awaited."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from stage import settle
from virtual import run

from bot.actions import Action
from bridge.speaking.filler import ReplyFiller
from bridge.speaking.reply_pieces import each_within


async def answer(*pieces: str | asyncio.Event) -> AsyncIterator[str | Action]:
    for piece in pieces:
        if isinstance(piece, asyncio.Event):
            await piece.wait()
        else:
            yield piece


class Waits:
    """What is heard of a reply that is read with patience, and of its filler."""

    def __init__(self, *, after_s: float = 0.01) -> None:
        self.said: list[str | Action] = []
        self.filled = asyncio.Event()
        self.filler = ReplyFiller(self._fill, after_s=after_s)
        self.filler.begin()

    async def read(self, reply: AsyncIterator[str | Action]) -> list[str | Action]:
        async with self.filler.beside() as begun, aclosing(each_within(reply, 5, begun=begun)) as pieces:
            async for piece in pieces:
                self.said.append(piece)
        return self.said

    async def _fill(self) -> None:
        self.filled.set()
        await settle()  # a filler takes a while to be said
        self.said.append("One moment.")


async def test_who_thinks_long_says_so_first() -> None:
    waits = Waits()
    assert await waits.read(answer(waits.filled, "Here it is.")) == ["One moment.", "Here it is."]


async def test_who_answers_at_once_says_no_filler() -> None:
    assert await Waits(after_s=5).read(answer("Yes.")) == ["Yes."]
    assert await Waits(after_s=5).read(answer()) == []


async def test_a_bot_may_hold_a_timeout_open_over_what_it_yields() -> None:
    async def careful() -> AsyncIterator[str | Action]:
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(asyncio.sleep(0, "found"))
            yield "Let me see."
            yield f"I {await task} it."

    assert await Waits(after_s=5).read(careful()) == ["Let me see.", "I found it."]


def test_a_reply_begun_anew_does_not_set_the_clock_back() -> None:
    async def wait() -> list[str | Action]:
        waits, gate = Waits(after_s=4), asyncio.Event()
        for _ in range(2):
            with suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await waits.read(answer(gate))
        return waits.said

    assert run(wait()) == ["One moment."]


def test_a_new_question_sets_it_back() -> None:
    async def wait() -> list[str | Action]:
        waits, gate = Waits(after_s=4), asyncio.Event()
        for _ in range(3):
            waits.filler.begin()
            with suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await waits.read(answer(gate))
        return waits.said

    assert run(wait()) == []


async def test_asked_for_it_is_said_at_once_but_not_before_a_reply_is_awaited() -> None:
    waits = Waits(after_s=60)
    waits.filler.hurry()
    await settle()
    assert not waits.filled.is_set()
    reading = asyncio.create_task(waits.read(answer(waits.filled, "Here it is.")))
    await settle(3)
    waits.filler.hurry()
    waits.filler.hurry()
    assert await reading == ["One moment.", "Here it is."]
    waits.filler.hurry()
    await settle()
    assert waits.said == ["One moment.", "Here it is."]


async def test_where_there_is_none_nobody_gets_it_by_asking() -> None:
    waits, gate = Waits(after_s=float("inf")), asyncio.Event()
    reading = asyncio.create_task(waits.read(answer(gate, "Here it is.")))
    await settle(3)
    waits.filler.hurry()
    await settle()
    gate.set()
    assert await reading == ["Here it is."]
