"""What is kept of one call, and how it stays out of its way."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from fakes import FakeClock

from bridge.capture.call_capture import CallCapture, each
from bridge.capture.notation import Line


class Shelf:
    """Takes lines, or does not."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.full = False

    def __call__(self, lines: Sequence[Line]) -> bool:
        if not self.full:
            self.lines += lines
        return not self.full


def bare(line: Line) -> Line:
    return {key: value for key, value in line.items() if key not in {"t", "asked"}}


async def test_lines_are_handed_on_in_batches_and_the_last_of_them_at_the_end() -> None:
    clock, shelf = FakeClock(), Shelf()
    capture = CallCapture(shelf, clock_s=clock)
    capture.note("heard", {"event": "Finalize"})
    assert shelf.lines == []
    clock.advance(0.6)
    capture.note("heard", {"event": "Finalize"})
    assert [line["t"] for line in shelf.lines] == [1000.0, 1000.6]
    capture.close()
    assert shelf.lines[-1] == {"t": 1000.6, "is": "end"}


async def test_lines_that_nobody_takes_are_told_of_by_the_next_ones() -> None:
    clock, shelf = FakeClock(), Shelf()
    capture = CallCapture(shelf, clock_s=clock)
    shelf.full = True
    for _ in range(3):
        clock.advance(0.6)
        capture.note("heard", {})
    shelf.full = False
    capture.close()
    assert [(line["is"], line.get("lines")) for line in shelf.lines] == [("lost", 3), ("end", None)]


async def test_an_answer_is_kept_with_the_times_of_asking_and_answering() -> None:
    clock, shelf = FakeClock(), Shelf()
    capture = CallCapture(shelf, clock_s=clock)

    async def work() -> str:
        clock.advance(0.1)
        await asyncio.sleep(0)
        return "yes"

    async def at_once() -> str:
        return "no"

    assert await capture.ask("judge", {"text": "a"}, work(), lambda found: {"p": found}) == "yes"
    await capture.ask("judge", {"text": "b"}, at_once(), lambda found: {"p": found})
    capture.close()
    assert shelf.lines[:2] == [
        {"t": 1000.0, "is": "ask", "n": 1, "what": "judge", "text": "a"},
        {"t": 1000.1, "is": "done", "asked": 1000.0, "n": 1, "p": "yes"},
    ]
    assert bare(shelf.lines[3]) == {"is": "done", "n": 2, "at_once": True, "p": "no"}
    assert "asked" not in shelf.lines[3]


async def test_a_failure_is_kept_and_an_answer_that_nobody_waits_for_is_no_failure() -> None:
    shelf = Shelf()
    capture = CallCapture(shelf, clock_s=FakeClock())

    async def fails() -> str:
        raise ValueError("broken")

    async def cancels_itself() -> str:
        raise asyncio.CancelledError

    with pytest.raises(ValueError, match="broken"):
        await capture.ask("judge", {}, fails(), lambda _: {})
    with pytest.raises(asyncio.CancelledError):
        await capture.ask("judge", {}, cancels_itself(), lambda _: {})
    waiting = asyncio.create_task(capture.ask("judge", {}, asyncio.Event().wait(), lambda _: {}))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    capture.close()
    ends = [line for line in shelf.lines if line["is"] not in {"ask", "end"}]
    assert [(line["is"], line.get("error")) for line in ends] == [
        ("failed", "ValueError"),
        ("failed", "CancelledError"),
        ("dropped", None),
    ]


async def test_pieces_that_nobody_wants_any_more_are_dropped() -> None:
    shelf = Shelf()
    capture = CallCapture(shelf, clock_s=FakeClock())

    async def numbers() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.sleep(0)
        yield 2

    pieces = each(capture.begin("speak", {}), numbers(), lambda piece: {"piece": piece}, capture.clock_s)
    assert [await anext(pieces), await anext(pieces)] == [1, 2]
    await pieces.aclose()
    capture.close()
    assert [(line["is"], line.get("at_once")) for line in shelf.lines[1:-1]] == [
        ("piece", True),
        ("piece", None),
        ("dropped", None),
    ]
