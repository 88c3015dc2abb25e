"""Replies that a client asks for, on a whole call: it writes, asks, and stops what is said."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from fakes import PHONE, FakeAsr, FakeLeg, FakeTts, LoudnessVad, ScriptBot, unlimited

from bot.api import Speaker
from bridge.metrics import Metrics
from bridge.server.call_factory import make_call
from bridge.server.resources import Resources
from bridge.settings import Settings
from telephony.bot_requests import AskReply, StopReply, Truncated, UserText
from telephony.codec import encode
from telephony.events import AudioFormat, CallEnded, CallStarted, Encoding, Finalize, Media, Reply, ReplyOver
from telephony.recognition import RecognitionOptions

pytestmark = pytest.mark.virtual_time

MULAW = AudioFormat(Encoding.MULAW, 8000)
CLIENT = replace(PHONE, transcripts=True, speech_events=True, mark=False)
WHEN_ASKED = RecognitionOptions(endpoint_ms=600_000)


@asynccontextmanager
async def called(bot: ScriptBot, *, when_asked: bool) -> AsyncIterator[FakeLeg]:
    """Yield the leg of a client whose call has begun."""
    leg = FakeLeg(CLIENT)
    options = WHEN_ASKED if when_asked else None
    started = CallStarted("c1", MULAW, options=options, answers_when_asked=when_asked)
    shared = Resources(
        asr=FakeAsr(),
        open_vad=LoudnessVad,
        denoisers=None,
        workers=None,
        tts=FakeTts(),
        make_bot=lambda: bot,
        fallback=(np.zeros(10, np.float32), "Sorry."),
    )
    metrics = Metrics().call("test", MULAW)
    call = make_call(
        leg, started, resources=shared, settings=Settings(), metrics=metrics, denoising=None, load=unlimited()
    )
    running = asyncio.create_task(call.run())
    yield leg
    leg.feed(CallEnded("bye"))
    await running


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 - a call tells nobody
            await asyncio.sleep(0.02)


def speech(ms: int) -> list[Media]:
    tone = encode((0.5 * np.sin(np.arange(160) * 0.3)).astype(np.float32), Encoding.MULAW)
    return [Media(tone, at_ms) for at_ms in range(0, ms, 20)]


async def test_what_is_said_is_answered_when_the_client_asks() -> None:
    bot = ScriptBot("Yes.")
    async with called(bot, when_asked=True) as leg:
        leg.feed(*speech(1000), Finalize())
        await until(lambda: bot.finals)
        await asyncio.sleep(2)
        assert bot.turns == []
        leg.feed(AskReply())
        await leg.until(lambda: leg.of(Reply))
        assert [turn.text for turn in bot.turns] == [bot.finals[0].text]


async def test_a_reply_that_is_asked_for_before_the_final_is_there_comes_after_it() -> None:
    bot = ScriptBot("Yes.")
    async with called(bot, when_asked=True) as leg:
        leg.feed(*speech(1000), Finalize(), AskReply(waits=True))
        await leg.until(lambda: ReplyOver(cut=False) in leg.sent and bot.turns)
        assert len(bot.turns) == 1 and bot.turns[0].text


async def test_what_the_client_writes_is_answered_as_if_it_were_said() -> None:
    bot = ScriptBot("Good morning.")
    async with called(bot, when_asked=False) as leg:
        leg.feed(UserText("Greet me."), AskReply())
        await leg.until(lambda: leg.of(Reply))
        assert [turn.text for turn in bot.turns] == ["Greet me."]
        assert leg.of(Reply) == [Reply("Good morning.")]


async def test_a_reply_that_is_asked_for_with_nothing_to_answer_is_empty_and_over() -> None:
    bot = ScriptBot("Yes.")
    async with called(bot, when_asked=False) as leg:
        await leg.until(lambda: leg.of(ReplyOver))  # the greeting
        before = len(leg.of(ReplyOver))
        leg.feed(AskReply())
        await leg.until(lambda: len(leg.of(ReplyOver)) > before)
        assert bot.turns == [] and leg.of(Reply) == []


async def test_a_reply_that_is_asked_for_while_the_bot_greets_is_the_greeting() -> None:
    bot = ScriptBot("Yes.", greeting=["Welcome to the museum, where there is much to see."])
    async with called(bot, when_asked=False) as leg:
        leg.feed(AskReply())
        await leg.until(lambda: leg.of(ReplyOver))
        assert leg.sent[-1] == ReplyOver(cut=False) and bot.interrupted == []
        assert leg.of(Reply) == [Reply("Welcome to the museum, where there is much to see.")]


async def test_the_client_stops_what_is_said() -> None:
    bot = ScriptBot("word " * 200 + ".")
    async with called(bot, when_asked=False) as leg:
        leg.feed(UserText("Tell me all."), AskReply())
        await leg.until(lambda: leg.of(Reply))
        leg.feed(StopReply())
        await leg.until(lambda: ReplyOver(cut=True) in leg.sent)
        assert len(bot.interrupted) == 1


async def test_the_history_holds_what_the_client_has_played() -> None:
    bot = ScriptBot("Good morning. How are you?", "Yes.")
    async with called(bot, when_asked=False) as leg:
        leg.feed(UserText("Hello."), AskReply())
        await leg.until(lambda: leg.of(ReplyOver)[1:])
        leg.feed(UserText("Well?"), StopReply(), Truncated(""), AskReply())
        await until(lambda: len(bot.turns) == 2)
        assert [line.text for line in bot.turns[1].history if line.speaker is Speaker.BOT] == []


async def test_what_is_truncated_is_the_reply_under_way_and_none_before_it() -> None:
    bot = ScriptBot("One.", "Two and " + "more " * 50 + ".", "Yes.")
    async with called(bot, when_asked=False) as leg:
        leg.feed(UserText("First."), AskReply())
        await leg.until(lambda: Reply("One.") in leg.sent)
        await asyncio.sleep(0.3)  # it is heard
        leg.feed(UserText("Second."), AskReply())
        await leg.until(lambda: len(leg.of(Reply)) >= 2)
        leg.feed(Truncated(""), StopReply(), UserText("Third."), AskReply())
        await until(lambda: len(bot.turns) == 3)
        assert "One." in [line.text for line in bot.turns[-1].history]


async def test_who_wants_answers_by_themselves_gets_them() -> None:
    bot = ScriptBot("Yes.")
    async with called(bot, when_asked=False) as leg:
        leg.feed(*speech(1000), Finalize())
        await leg.until(lambda: leg.of(Reply))
        assert len(bot.turns) == 1
