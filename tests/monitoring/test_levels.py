"""The levels of all calls, told to whoever wants them."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack

import pytest
from fakes import FakeLeg

from bridge.monitoring.levels import Levels
from bridge.monitoring.watched_calls import WatchedCall, WatchedCalls, WatchedLeg
from bridge.records.journal import Journal
from telephony.events import AudioFormat, Encoding, Media

LOUD, QUIET = b"\0\x40" * 1600, b"\0\0" * 1600


class Line:
    """A call that is on, whose audio the test feeds."""

    def __init__(self, calls: WatchedCalls, record: str) -> None:
        self._far = FakeLeg()
        self.leg = WatchedLeg(self._far, AudioFormat(Encoding.L16, 8000))
        self._stack = ExitStack()
        call = WatchedCall(self.leg, Journal(lambda entry: None, new_name=lambda: record))
        self._stack.enter_context(calls.listed(call))

    async def hear(self, payload: bytes) -> None:
        self._far.feed(Media(payload, 0))
        await anext(aiter(self.leg))

    def end(self) -> None:
        self._stack.close()

    @property
    def watched(self) -> bool:
        return self.leg._sound.is_watched


@pytest.fixture
def calls() -> WatchedCalls:
    return WatchedCalls()


@pytest.fixture
def levels(calls: WatchedCalls) -> Levels:
    return Levels(calls, every_s=3600, wall=lambda: 1_700_000_000.0)


async def test_an_event_has_the_form_of_an_entry_and_whole_decibels(calls: WatchedCalls, levels: Levels) -> None:
    told: list[Mapping[str, object]] = []
    line = Line(calls, "r1")
    with levels.told(told.append):
        levels.tick()
        await line.hear(LOUD)
        levels.tick()
    assert told[-1] == {
        "record": "r1",
        "number": 0,
        "at": "2023-11-14T22:13:20.000Z",
        "kind": "level",
        "text": "",
        "data": {"caller_db": -6, "bot_db": -90},
    }


async def test_audio_is_looked_at_only_while_somebody_is_told(calls: WatchedCalls, levels: Levels) -> None:
    line = Line(calls, "r1")
    before = line.watched
    with levels.told(lambda event: None):
        levels.tick()
        assert line.watched
        with levels.told(lambda event: None):
            pass
        assert line.watched, "the first is still told"
    assert (before, line.watched) == (False, False)


async def test_a_call_that_ends_is_looked_at_no_longer_and_a_new_one_is(calls: WatchedCalls, levels: Levels) -> None:
    told: list[Mapping[str, object]] = []
    first = Line(calls, "r1")
    with levels.told(told.append):
        levels.tick()
        first.end()
        second = Line(calls, "r2")
        told.clear()
        levels.tick()
        assert [event["record"] for event in told] == ["r2"]
        assert (first.watched, second.watched) == (False, True)


async def test_what_stays_as_it_is_is_told_once_a_second(calls: WatchedCalls, levels: Levels) -> None:
    told: list[Mapping[str, object]] = []
    line = Line(calls, "r1")
    with levels.told(told.append):
        for _ in range(10):
            await line.hear(b"\1\0" * 1600)  # noise below what a meter shows
            levels.tick()
        assert len(told) in {2, 3}
        told.clear()
        await line.hear(LOUD)
        levels.tick()
        await line.hear(QUIET)
        levels.tick()
        assert [event["data"] for event in told] == [
            {"caller_db": -6, "bot_db": -90},
            {"caller_db": -90, "bot_db": -90},
        ]


async def test_it_runs_by_itself(calls: WatchedCalls) -> None:
    line = Line(calls, "r1")
    came = asyncio.Event()
    with Levels(calls).told(lambda event: came.set()):
        async with asyncio.timeout(5):
            await came.wait()
    line.end()
