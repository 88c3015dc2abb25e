"""The bot's side of a call that has no bot."""

import asyncio

import numpy as np
from fakes import FakeCall

from bot.api import Final, Partial
from bridge.call.bot_side import BotSide, SilentBotSide
from bridge.speech.ear import ScoredWindow
from bridge.turns.endpointing import Expected


async def test_nobody_says_hears_or_expects_anything() -> None:
    call = FakeCall()
    async with asyncio.TaskGroup() as tasks:
        bot: BotSide = SilentBotSide(tasks, call)
        bot.greet()
        bot.hear(ScoredWindow(np.zeros(512, np.float32), 0.9, 0, 32), speech=True)
        bot.partial(Partial("hello", "English"))
        bot.speculate("hello", "English", 0.9)
        bot.final(Final("hello", "English", 0, 500))
        bot.end_user_turn()
        bot.press("1")
        bot.played("0:1")
        bot.not_transferred("busy")
        bot.fall_back()
        bot.close()
    await bot.end("caller hung up")
    assert (bot.bot_heard, bot.said, bot.expected) == (False, "", Expected())
    assert not call.ended and not call.languages


def test_a_goodbye_that_nobody_says_ends_the_call_at_once() -> None:
    call = FakeCall()
    SilentBotSide(asyncio.TaskGroup(), call).say_goodbye("the call reached 60 s")
    assert call.ended == ["the call reached 60 s"]
