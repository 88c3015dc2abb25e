"""Sentences that recur are made once, whoever asks for them and whoever leaves; only whole ones are kept."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from bot.api import Samples
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.sentence_files import Key, SentenceFiles

SECOND = np.linspace(-1, 1, 8000, dtype=np.float32)


class Maker:
    """Makes two pieces of half a second; the second waits for the gate."""

    def __init__(self, cache: SentenceCache) -> None:
        self.cache, self.made, self.gate = cache, list[str](), asyncio.Event()
        self.asked = list[bool]()
        self.fault: Exception | None = None
        self.ended = 0
        self.gate.set()

    async def _make(self, text: str) -> AsyncGenerator[Samples, None]:
        self.made.append(text)
        try:
            yield SECOND[:4000]
            await self.gate.wait()
            if self.fault:
                raise self.fault
            yield SECOND[4000:]
        finally:
            self.ended += 1

    def speak(self, text: str, *, recurs: bool = False) -> AsyncGenerator[Samples, None]:
        return self.cache.speak(
            Key("voice", text), make=lambda: self._make(text), recurs=recurs, on_asked=self.asked.append
        )

    async def whole(self, text: str = "Hello.") -> Samples:
        async with aclosing(self.speak(text)) as chunks:
            return np.concatenate([samples async for samples in chunks])


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def maker() -> Maker:
    return Maker(SentenceCache(1_000_000))


async def test_what_was_said_once_is_there_the_second_time_as_it_was(maker: Maker) -> None:
    first, second = await maker.whole(), await maker.whole()
    assert maker.made == ["Hello."] and maker.asked == [False, True]
    assert first == pytest.approx(second, abs=2**-15) and len(second) == 8000
    assert maker.cache.size_bytes == 16_000


async def test_other_words_and_other_voices_are_other_sentences(maker: Maker) -> None:
    await maker.whole("One.")
    await maker.whole("Two.")
    other = maker.cache.speak(Key("other voice", "One."), make=lambda: maker._make("One."))
    assert len([samples async for samples in other]) == 2
    assert maker.made == ["One.", "Two.", "One."]


async def test_several_calls_at_once_have_it_made_once_and_hear_it_from_its_beginning(maker: Maker) -> None:
    maker.gate.clear()
    calls = [asyncio.create_task(maker.whole()) for _ in range(3)]
    await settle()
    calls.append(asyncio.create_task(maker.whole()))
    await settle()
    maker.gate.set()
    assert [len(await call) for call in calls] == [8000] * 4
    assert maker.made == ["Hello."] and maker.asked == [False, True, True, True]


async def test_a_slow_listener_holds_up_no_other(maker: Maker) -> None:
    async with aclosing(maker.speak("Hello.")) as slow:
        await anext(slow)
        assert len(await maker.whole()) == 8000


async def test_the_sentence_goes_on_for_who_stays_when_the_first_who_asked_leaves(maker: Maker) -> None:
    maker.gate.clear()
    leaving, staying = asyncio.create_task(maker.whole()), asyncio.create_task(maker.whole())
    await settle()
    leaving.cancel()
    await asyncio.wait({leaving})
    maker.gate.set()
    assert len(await staying) == 8000 and maker.made == ["Hello."]


async def test_when_the_last_leaves_the_voice_stops_and_nothing_is_kept(maker: Maker) -> None:
    maker.gate.clear()
    async with aclosing(maker.speak("Hello.")) as chunks:
        await anext(chunks)
    assert (maker.ended, maker.cache.size_bytes) == (1, 0)
    maker.gate.set()
    assert len(await maker.whole()) == 8000 and maker.made == ["Hello."] * 2


async def test_a_fault_reaches_all_who_wait_and_is_not_kept(maker: Maker) -> None:
    maker.gate.clear()
    maker.fault = RuntimeError("no breath")
    calls = [asyncio.create_task(maker.whole()) for _ in range(2)]
    await settle()
    maker.gate.set()
    await asyncio.wait(calls)
    assert [str(call.exception()) for call in calls] == ["no breath"] * 2
    maker.fault = None
    assert len(await maker.whole()) == 8000 and maker.made == ["Hello."] * 2


async def test_what_recurs_outlives_a_stream_of_sentences_that_do_not() -> None:
    maker = Maker(SentenceCache(16_000 * 8))  # two that were said once, six that recur
    for _ in range(2):
        await maker.whole("Welcome.")
    async with aclosing(maker.speak("Goodbye.", recurs=True)) as chunks:
        assert len([samples async for samples in chunks]) == 2
    for number in range(20):
        await maker.whole(f"Number {number}.")
    assert maker.cache.size_bytes <= 16_000 * 8
    made = len(maker.made)
    await maker.whole("Welcome.")
    await maker.whole("Goodbye.")
    await maker.whole("Number 19.")
    assert len(maker.made) == made
    await maker.whole("Number 1.")
    assert len(maker.made) == made + 1


async def test_of_those_that_recur_the_one_not_used_for_longest_goes_first() -> None:
    maker = Maker(SentenceCache(16_000 * 4))  # one that was said once, three that recur
    for text in ("One.", "One.", "Two.", "Two.", "Three.", "Three.", "One.", "Four.", "Four."):
        await maker.whole(text)
    before = len(maker.made)
    await maker.whole("One.")
    assert len(maker.made) == before
    await maker.whole("Two.")
    assert len(maker.made) == before + 1


async def test_a_sentence_larger_than_the_cache_is_said_and_not_kept() -> None:
    maker = Maker(SentenceCache(1000))
    assert len(await maker.whole()) == 8000
    assert maker.cache.size_bytes == 0


async def test_only_what_recurs_goes_to_disk_and_is_there_after_a_new_start(tmp_path: Path) -> None:
    maker = Maker(SentenceCache(1_000_000, SentenceFiles(tmp_path, 1_000_000)))
    await maker.whole("Once.")
    await maker.whole("Twice.")
    await maker.whole("Twice.")
    maker.cache.close()
    assert await asyncio.to_thread(lambda: len(list(tmp_path.rglob("*.sentence")))) == 1
    again = Maker(SentenceCache(1_000_000, SentenceFiles(tmp_path, 1_000_000)))
    assert await again.whole("Twice.") == pytest.approx(SECOND, abs=2**-15)
    assert (again.made, again.asked) == ([], [True])
    await again.whole("Once.")
    assert again.made == ["Once."]
    again.cache.close()
