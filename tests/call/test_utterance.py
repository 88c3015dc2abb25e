"""The audio of one utterance: what came just before it, and how it grows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from bridge.call.utterance import PREROLL_MS, PreRoll, Snapshot, Utterance
from bridge.speech.ear import ScoredWindow

STEP = 1600


def samples(n: int, value: float = 0.5) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(n, value, np.float32)


async def every_step(utterance: Utterance) -> AsyncGenerator[Snapshot, None]:
    """Yield a snapshot for each STEP samples of new speech, and those of pauses."""
    seen_ms = 0

    def due(spoken_ms: int, speech_end_ms: int) -> bool:
        return speech_end_ms - seen_ms >= STEP // 16

    async with aclosing(utterance.snapshots(due)) as snapshots:
        async for snapshot in snapshots:
            seen_ms = snapshot.length_ms
            yield snapshot


async def collect(utterance: Utterance) -> list[Snapshot]:
    return [snapshot async for snapshot in every_step(utterance)]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_was_added_is_there_in_order_however_long() -> None:
    utterance = Utterance(0)
    for value in range(200):
        utterance.add(samples(1000, value))
    assert len(utterance.audio) == 200_000
    assert utterance.audio[::1000].tolist() == list(range(200))


async def test_a_snapshot_does_not_change_when_the_utterance_grows() -> None:
    utterance = Utterance(0)
    utterance.add(samples(1000, 1))
    before = utterance.audio
    for _ in range(200):
        utterance.add(samples(1000, 2))
    assert len(before) == 1000
    assert (before == 1).all()


async def test_a_snapshot_comes_whenever_one_is_due() -> None:
    utterance = Utterance(0)
    reader = asyncio.create_task(collect(utterance))
    for _ in range(5):
        utterance.add(samples(800), speech_ms=50)
        await settle()
    utterance.close(0)
    assert [(len(s.audio), s.complete) for s in await reader] == [(1600, False), (3200, False), (4000, True)]


async def test_silence_makes_no_snapshot_due_and_wakes_nobody() -> None:
    asked: list[tuple[int, int]] = []

    def due(spoken_ms: int, speech_end_ms: int) -> bool:
        asked.append((spoken_ms, speech_end_ms))
        return False

    utterance = Utterance(0)
    snapshots = utterance.snapshots(due)
    reader = asyncio.create_task(anext(snapshots))
    await settle()
    asked.clear()
    utterance.add(samples(16_000), speech_ms=300)
    await settle()
    utterance.add(samples(16_000))
    await settle()
    assert asked == [(300, 1000)]
    reader.cancel()
    await asyncio.wait({reader})
    await snapshots.aclose()


async def test_a_slow_reader_gets_the_newest_and_not_a_backlog() -> None:
    utterance = Utterance(0)
    snapshots = every_step(utterance)
    utterance.add(samples(1600), speech_ms=100)
    assert len((await anext(snapshots)).audio) == 1600
    for _ in range(10):
        utterance.add(samples(1600), speech_ms=100)
    newest = await anext(snapshots)
    assert (len(newest.audio), newest.spoken_ms, newest.length_ms) == (17_600, 1100, 1100)
    await snapshots.aclose()


async def test_a_pause_gives_a_complete_snapshot_at_once_and_silence_after_it_none() -> None:
    utterance = Utterance(0)
    reader = asyncio.create_task(collect(utterance))
    utterance.add(samples(700))
    utterance.pause()
    await settle()
    utterance.add(samples(5000))
    await settle()
    utterance.close(0)
    assert [(len(s.audio), s.complete) for s in await reader] == [(700, True)]


async def test_speech_after_a_pause_makes_the_final_anew() -> None:
    utterance = Utterance(0)
    reader = asyncio.create_task(collect(utterance))
    utterance.add(samples(700))
    utterance.pause()
    await settle()
    utterance.add(samples(100))
    utterance.resume()
    utterance.add(samples(100))
    utterance.pause()
    await settle()
    utterance.close(0)
    assert [(len(s.audio), s.complete) for s in await reader] == [(700, True), (900, True)]


async def test_a_pause_that_ends_before_it_is_read_costs_nothing() -> None:
    utterance = Utterance(0)
    reader = asyncio.create_task(collect(utterance))
    utterance.add(samples(700))
    utterance.pause()
    utterance.resume()
    await settle()
    utterance.close(0)
    assert [(len(s.audio), s.complete) for s in await reader] == [(700, True)]


async def test_one_closed_in_mid_word_is_complete_as_it_is() -> None:
    utterance = Utterance(0)
    utterance.add(samples(300))
    utterance.close(42)
    assert [(len(s.audio), s.complete) for s in await collect(utterance)] == [(300, True)]
    assert utterance.ended_ms == 42


# ---------------------------------------------------------------- a decode lasts as long as it is wanted


class Decode:
    """One that ends when told to, and knows how it ended."""

    def __init__(self) -> None:
        self.done, self.cancelled = asyncio.Event(), False

    async def __call__(self) -> str:
        try:
            await self.done.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "heard"


async def test_a_decode_that_is_wanted_runs_to_its_end() -> None:
    utterance, decode = Utterance(0), Decode()
    result = asyncio.create_task(utterance.while_wanted(decode()))
    await settle()
    utterance.add(samples(100), speech_ms=6)
    await settle()
    decode.done.set()
    assert await result == "heard"


@pytest.mark.parametrize("move", ["pause", "close"])
async def test_a_partial_is_cancelled_when_the_caller_falls_silent(move: str) -> None:
    utterance, decode = Utterance(0), Decode()
    result = asyncio.create_task(utterance.while_wanted(decode()))
    await settle()
    utterance.pause() if move == "pause" else utterance.close(0)
    assert await result is None
    assert decode.cancelled


async def test_the_final_is_cancelled_when_speech_goes_on_and_kept_when_it_is_over() -> None:
    utterance, gone, kept = Utterance(0), Decode(), Decode()
    utterance.pause()
    result = asyncio.create_task(utterance.while_wanted(gone()))
    await settle()
    utterance.resume()
    utterance.pause()  # before the cancelled one has noticed
    assert await result is None
    assert gone.cancelled
    result = asyncio.create_task(utterance.while_wanted(kept()))
    await settle()
    utterance.close(0)
    await settle()
    kept.done.set()
    assert await result == "heard"


async def test_what_is_wanted_until_the_end_is_cancelled_by_it() -> None:
    utterance, judging = Utterance(0), Decode()
    utterance.pause()
    result = asyncio.create_task(utterance.while_wanted(judging(), until_closed=True))
    await settle()
    utterance.close(0)
    assert await result is None
    assert judging.cancelled


async def test_what_the_decode_raises_is_raised_a_timeout_of_its_own_too() -> None:
    async def late() -> str:
        raise TimeoutError("the engine's own")

    with pytest.raises(TimeoutError, match="own"):
        await Utterance(0).while_wanted(late())


async def test_cancelling_whoever_waits_cancels_the_decode() -> None:
    utterance, decode = Utterance(0), Decode()
    result = asyncio.create_task(utterance.while_wanted(decode()))
    await settle()
    result.cancel()
    await asyncio.wait({result})
    assert result.cancelled()
    assert decode.cancelled
    utterance.pause()  # nothing is left that could be disturbed


# ---------------------------------------------------------------- the audio before speech was certain


def window(index: int) -> ScoredWindow:
    return ScoredWindow(np.full(512, index, np.float32), 0.0, index * 32, index * 32 + 32)


def test_an_utterance_begins_preroll_ms_before_its_onset() -> None:
    preroll = PreRoll(keep_ms=320)
    for index in range(100):
        preroll.add(window(index))
    taken = preroll.take(onset_ms=95 * 32)
    assert taken[0] == 85  # the window that holds the sample 300 ms before
    assert taken[-1] == 99
    assert len(taken) == 15 * 512


def test_nothing_is_handed_out_twice() -> None:
    preroll = PreRoll(keep_ms=320)
    preroll.add(window(0))
    assert len(preroll.take(0)) == 512
    assert len(preroll.take(0)) == 0


def test_it_keeps_no_more_than_it_must() -> None:
    preroll = PreRoll(keep_ms=320)
    for index in range(1000):
        preroll.add(window(index))
    assert len(preroll.take(0)) <= (320 + PREROLL_MS) * 16
