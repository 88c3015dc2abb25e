"""Replies begun before the caller's turn is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial as bound

from fakes import FakeLeg, FakeTts
from stage import MULAW, replies_of, settle

from bridge.call.speculative_reply import SpeculativeReply
from bridge.metrics import Metrics
from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.turns.speculation import SpeculationRules


@dataclass
class Scene:
    speculative: SpeculativeReply
    replies: Replies
    output: SpeechOutput
    metrics: Metrics

    async def begin(self, text: str, *, probability: float = 0.9) -> bool:
        """Begin a reply to `text` if it is to be; return whether it was."""
        if not self.speculative.propose(text, probability=probability, spoken_ms=320):
            return False
        self.output.hold()
        self.replies.say(bound(once, f"An answer to {text}."))
        await settle()
        return True

    def counted(self) -> list[int]:
        """Return how many were hits, and how many misses."""
        lines = self.metrics.text().decode().splitlines()
        names = [f'bridge_speculation_{name}_total{{wire="test"}} ' for name in ("hits", "misses")]
        return [round(float(line.removeprefix(name))) for name in names for line in lines if line.startswith(name)]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    metrics = Metrics()
    counts = metrics.call("test", MULAW)
    output = SpeechOutput(
        FakeLeg(),
        FakeTts(),
        MULAW,
        clock_ms=lambda: 0,
        on_audio=counts.audio_sent,
        on_unread=lambda: None,
        start=asyncio.create_task,
    )
    async with asyncio.TaskGroup() as tasks:
        replies = replies_of(output, tasks=tasks, on_fault=counts.replies_failed.inc)
        yield Scene(
            SpeculativeReply(output, replies, rules=SpeculationRules(), metrics=counts), replies, output, metrics
        )
        replies.interrupt()


async def test_a_reply_is_begun_only_where_the_end_is_likely() -> None:
    async with scene() as call:
        assert not await call.begin("book a table", probability=0.49)
        assert not call.speculative.running
        assert await call.begin("book a table", probability=0.5)
        assert call.speculative.running


async def test_what_was_begun_for_the_same_words_is_taken() -> None:
    async with scene() as call:
        await call.begin("book a table")
        assert call.speculative.take("Book a table.")
        assert not call.speculative.running and call.replies.running
        assert call.counted() == [1, 0]


async def test_what_was_begun_for_other_words_is_thrown_away() -> None:
    async with scene() as call:
        await call.begin("book a table")
        assert not call.speculative.take("Book a table for two.")
        assert not call.replies.running
        assert call.counted() == [0, 1]


async def test_more_words_throw_away_what_was_begun_and_begin_anew() -> None:
    async with scene() as call:
        await call.begin("book a table")
        assert await call.begin("book a table for two")
        assert call.counted() == [0, 1]
        assert call.speculative.take("book a table for two")


async def test_dropping_is_counted_once_and_nothing_is_no_miss() -> None:
    async with scene() as call:
        call.speculative.drop()
        assert not call.speculative.take("hello")
        assert call.counted() == [0, 0]
        await call.begin("hello")
        call.speculative.drop()
        call.speculative.drop()
        assert call.counted() == [0, 1]
