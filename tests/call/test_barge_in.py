"""What becomes of the bot's speech while the caller speaks over it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial as bound

import numpy as np
from fakes import FakeLeg, FakeTts, ScriptBot
from stage import INFO, LONG, LOUD, MULAW, replies_of, settle

from bridge.call.barge_in import BargeInControl
from bridge.call.bot_hooks import ActiveBot, BotHooks
from bridge.metrics import Metrics
from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.speech.ear import ScoredWindow
from bridge.turns.backchannels import Meaning, shipped
from bridge.turns.interruption_rules import InterruptionRules
from telephony.events import Clear, Play


@dataclass
class Scene:
    """A bot that says LONG, and a caller."""

    barge_in: BargeInControl
    replies: Replies
    output: SpeechOutput
    leg: FakeLeg
    bot: ScriptBot
    now_ms: int = 0

    async def hear(self, ms: int, *, speech: bool = True) -> bool:
        """Hear the caller for so long; return whether that cancels the reply."""
        cancels = False
        for _ in range(ms // 32):
            window = ScoredWindow(np.full(512, LOUD, np.float32), 0.9, self.now_ms, self.now_ms + 32)
            cancels |= self.barge_in.hear(window, speech=speech, interruptible=True)
            self.now_ms += 32
            await settle(3)
        return cancels


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    leg, bot, metrics = FakeLeg(), ScriptBot(), Metrics().call("test", MULAW)
    output = SpeechOutput(
        leg,
        FakeTts(),
        MULAW,
        clock_ms=lambda: here.now_ms,
        on_audio=metrics.audio_sent,
        on_unread=lambda: None,
        start=asyncio.create_task,
    )
    async with asyncio.TaskGroup() as tasks:
        replies = replies_of(output, tasks=tasks, on_fault=metrics.replies_failed.inc)
        hooks = BotHooks(ActiveBot(bot, INFO), tasks=tasks, limit_s=5, on_dropped=lambda: None)
        barge_in = BargeInControl(
            output,
            replies,
            hooks,
            InterruptionRules(),
            shipped(),
            insists=lambda: output.insists,
            tasks=tasks,
            metrics=metrics,
        )
        here = Scene(barge_in, replies, output, leg, bot)
        replies.say(bound(once, LONG))
        await settle()
        yield here
        replies.interrupt()


async def test_nobody_interrupts_a_bot_that_is_not_spoken_over() -> None:
    async with scene() as call:
        assert not await call.hear(960, speech=False)
        assert call.barge_in.quiet and not call.leg.of(Clear)
        assert call.barge_in.take_unheard() == ""


async def test_what_is_cut_is_told_to_the_bot_and_kept_once() -> None:
    async with scene() as call:
        await call.hear(960, speech=False)
        await call.hear(320)
        assert not call.barge_in.quiet and len(call.leg.of(Clear)) == 1
        assert call.barge_in.words("I have a question", "English")
        heard = call.barge_in.cut()
        await settle()
        assert call.bot.interrupted == [heard.text] and f"{heard.text} {heard.rest}" == LONG
        assert call.barge_in.take_unheard() == heard.rest
        assert call.barge_in.take_unheard() == ""


async def test_a_second_of_speech_cancels_the_reply_without_words() -> None:
    async with scene() as call:
        assert await call.hear(1056)


async def test_a_reply_that_was_held_goes_on_when_the_turn_is_over_without_words() -> None:
    async with scene() as call:
        await call.hear(960, speech=False)
        await call.hear(320)
        sent = len(call.leg.of(Play))
        call.barge_in.over()
        await settle()
        assert len(call.leg.of(Play)) > sent and call.barge_in.quiet
        assert not call.bot.interrupted


async def test_an_mm_hm_over_the_bot_means_that_somebody_listens() -> None:
    async with scene() as call:
        assert call.barge_in.means("mm-hm", "English") is Meaning.WORDS, "it was not said over the bot"
        await call.hear(960, speech=False)
        await call.hear(320)
        assert call.barge_in.means("mm-hm", "English") is Meaning.BACKCHANNEL
        assert not call.barge_in.words("mm-hm", "English")


async def test_an_mm_hm_after_a_confirmed_barge_in_is_still_one() -> None:
    async with scene() as call:
        await call.hear(960, speech=False)
        assert await call.hear(1280), "a second of it ends the reply, before its words are known"
        call.barge_in.cut()
        assert call.barge_in.means("mm-hm, mm-hm", "English") is Meaning.BACKCHANNEL


async def test_a_hello_before_a_word_was_heard_checks_the_line_and_cuts_nothing() -> None:
    gate = asyncio.Event()

    async def late() -> AsyncIterator[str]:
        await gate.wait()
        yield LONG

    async with scene() as call:
        call.barge_in.cut()
        call.replies.say(late)
        await call.hear(320)
        assert call.barge_in.means("Hello?", "English") is Meaning.LINE_CHECK
        assert not call.barge_in.words("Hello, are", "English", partial=True)
        assert not call.barge_in.words("Hello, are you there?", "English")
        call.barge_in.over()
        sent = len(call.leg.of(Play))
        gate.set()
        await settle()
        assert len(call.leg.of(Play)) > sent, "the reply goes on"
