"""What a bot is told, and what it may do with it."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from bot.api import Bot, CallInfo, Final, Heard, Partial
from bridge.call.bot_hooks import ActiveBot, BotHooks

FINAL = Final("yes", "English", 0, 500)


def hooks_of(bot: Bot, tasks: asyncio.TaskGroup, on_dropped: Callable[[], None] = lambda: None) -> BotHooks:
    return BotHooks(ActiveBot(bot, CallInfo("CA1")), tasks=tasks, limit_s=5, on_dropped=on_dropped)


class Leaving(Bot):
    async def on_final(self, final: Final) -> None:
        raise SystemExit(1)


class Cancelling(Bot):
    async def on_final(self, final: Final) -> None:
        raise asyncio.CancelledError


@pytest.mark.parametrize("bot", [Leaving(), Cancelling()])
async def test_a_bot_that_would_end_the_server_costs_its_hook(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.TaskGroup() as tasks:
        hooks_of(bot, tasks).final(FINAL)
    assert "the bot's on_final failed" in caplog.text


async def test_a_hook_without_async_runs_in_a_thread() -> None:
    class Plain(Bot):
        def on_final(self, final: Final) -> None:  # type: ignore[override]  # what this is about
            told.append((final.text, threading.get_ident()))

    told = list[tuple[str, int]]()
    async with asyncio.TaskGroup() as tasks:
        hooks_of(Plain(), tasks).final(FINAL)
    ((text, thread),) = told
    assert text == "yes" and thread != threading.get_ident()


class Slow(Bot):
    """Takes nothing before it is let go on."""

    def __init__(self) -> None:
        self.told, self.go_on = list[str](), asyncio.Event()

    async def on_final(self, final: Final) -> None:
        await self.go_on.wait()
        self.told.append(final.text)

    async def on_interrupted(self, heard: Heard) -> None:
        self.told.append(heard)

    async def on_dtmf(self, digit: str) -> None:
        await self.go_on.wait()
        self.told.append(digit)

    async def on_drain(self) -> None:
        self.told.append("drain")


async def test_a_slow_bot_is_told_all_in_order_and_nobody_waits_for_it() -> None:
    bot = Slow()
    async with asyncio.TaskGroup() as tasks:
        hooks = hooks_of(bot, tasks)
        hooks.final(FINAL)
        hooks.interrupted(Heard("I am"))
        hooks.pressed("1")
        hooks.final(Final("no", "English", 600, 900))
        hooks.drain()
        await asyncio.sleep(0)
        assert bot.told == []
        bot.go_on.set()
    assert bot.told == ["yes", "I am", "1", "no", "drain"], "the end of the call waits for it"


async def test_a_fault_in_one_does_not_keep_the_next_from_the_bot() -> None:
    class Faulty(Slow):
        async def on_final(self, final: Final) -> None:
            self.told.append(final.text)
            raise RuntimeError("no")

    bot = Faulty()
    async with asyncio.TaskGroup() as tasks:
        hooks = hooks_of(bot, tasks)
        hooks.final(FINAL)
        hooks.final(FINAL)
    assert bot.told == ["yes", "yes"]


async def test_what_the_end_of_the_call_does_not_wait_for_is_told_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    bot = Slow()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), asyncio.TaskGroup() as tasks:
            hooks = hooks_of(bot, tasks)
            hooks.final(FINAL)
            hooks.final(FINAL)
    assert "had yet to take 2" in caplog.text


async def test_finals_and_keys_do_not_pile_up_before_a_slow_bot(caplog: pytest.LogCaptureFixture) -> None:
    bot, dropped = Slow(), list[None]()
    async with asyncio.TaskGroup() as tasks:
        hooks = hooks_of(bot, tasks, lambda: dropped.append(None))
        for _ in range(500):
            hooks.pressed("1")
            hooks.final(FINAL)
        bot.go_on.set()
    assert (len(bot.told), len(dropped)) == (100, 900)
    assert "the bot is not told by on_final" in caplog.text


class Guessing(Bot):
    """Writes down what the caller seems to say; busy with each until let go on."""

    def __init__(self) -> None:
        self.told, self.go_on = list[str](), asyncio.Event()

    async def on_partial(self, partial: Partial) -> None:
        self.told.append(partial.text)
        await self.go_on.wait()


async def test_what_a_busy_bot_was_told_is_taken_back_when_it_is_done_and_once() -> None:
    bot = Guessing()
    async with asyncio.TaskGroup() as tasks:
        hooks = hooks_of(bot, tasks)
        for text in "wear", "where is":
            hooks.partial(Partial(text, "English"))
            await asyncio.sleep(0)
        hooks.take_back()
        hooks.take_back()
        await asyncio.sleep(0)
        assert bot.told == ["wear"]
        bot.go_on.set()
    assert bot.told == ["wear", ""]


async def test_nothing_is_taken_back_from_a_bot_that_was_told_nothing_or_the_final() -> None:
    bot = Guessing()
    bot.go_on.set()
    async with asyncio.TaskGroup() as tasks:
        hooks = hooks_of(bot, tasks)
        hooks.take_back()
        hooks.partial(Partial("wear", "English"))
        hooks.final(FINAL)
        hooks.take_back()
        hooks.partial(Partial("thank", "English"))
        hooks.leave("another bot has the call")
        hooks.take_back()
    assert bot.told.count("") == 0
