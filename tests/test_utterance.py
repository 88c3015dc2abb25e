"""The audio of one caller turn while it grows."""

import asyncio

import numpy as np

from bridge.utterance import Snapshot, Utterance

STEP = 1000


def samples(n: int, value: float = 0.5) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(n, value, np.float32)


async def collect(utterance: Utterance) -> list[Snapshot]:
    return [snapshot async for snapshot in utterance.snapshots(STEP)]


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


async def test_a_snapshot_comes_for_every_step_of_new_audio() -> None:
    utterance = Utterance(0)
    reader = asyncio.create_task(collect(utterance))
    for _ in range(5):
        utterance.add(samples(500))
        await settle()
    utterance.close(0)
    assert [(len(s.audio), s.complete) for s in await reader] == [(1000, False), (2000, False), (2500, True)]


async def test_a_slow_reader_gets_the_newest_and_not_a_backlog() -> None:
    utterance = Utterance(0)
    snapshots = utterance.snapshots(STEP)
    utterance.add(samples(1000))
    assert len((await anext(snapshots)).audio) == 1000
    for _ in range(10):
        utterance.add(samples(1000))
    assert len((await anext(snapshots)).audio) == 11_000


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
