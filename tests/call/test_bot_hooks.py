"""What a bot is told, and what it may do with it."""

import asyncio
import threading

import pytest

from bot.api import Bot, Final
from bridge.call.bot_hooks import BotHooks

FINAL = Final("yes", "English", 0, 500)


class Leaving(Bot):
    async def on_final(self, final: Final) -> None:
        raise SystemExit(1)


class Cancelling(Bot):
    async def on_final(self, final: Final) -> None:
        raise asyncio.CancelledError


@pytest.mark.parametrize("bot", [Leaving(), Cancelling()])
async def test_a_bot_that_would_end_the_server_costs_its_hook(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.TaskGroup() as tasks:
        await BotHooks(bot, tasks=tasks, limit_s=5).final(FINAL)
    assert "the bot's on_final failed" in caplog.text


async def test_a_hook_without_async_runs_in_a_thread() -> None:
    class Plain(Bot):
        def on_final(self, final: Final) -> None:  # type: ignore[override]  # what this is about
            told.append((final.text, threading.get_ident()))

    told = list[tuple[str, int]]()
    async with asyncio.TaskGroup() as tasks:
        await BotHooks(Plain(), tasks=tasks, limit_s=5).final(FINAL)
    ((text, thread),) = told
    assert text == "yes" and thread != threading.get_ident()


async def test_keys_do_not_pile_up_before_a_slow_bot(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Bot):
        async def on_dtmf(self, digit: str) -> None:
            taken.append(digit)
            await go_on.wait()

    taken, go_on = list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        hooks = BotHooks(Slow(), tasks=tasks, limit_s=5)
        for _ in range(1000):
            hooks.pressed("1")
        go_on.set()
    assert len(taken) == 100
    assert "the bot is not told" in caplog.text
