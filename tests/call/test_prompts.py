"""What is said unasked, and when."""

from collections.abc import AsyncIterator, Callable

from fakes import ScriptBot

from bot.actions import Action, Hangup
from bot.api import CallInfo
from bridge.call.bot_hooks import ActiveBot
from bridge.call.prompts import CallPrompts, Prompts, UnaskedTurns
from bridge.turns.no_input import NoInputRules

ASKING = CallPrompts(NoInputRules(1000, prompts=1), asking="Anybody there?", goodbye="Bye now.")


class CuedBot(ScriptBot):
    async def on_cue(self) -> AsyncIterator[str]:
        yield "Your order is ready."


def unasked(bot: ScriptBot) -> UnaskedTurns:
    active = ActiveBot(bot, CallInfo("CA1"))
    return UnaskedTurns(active, Prompts(active, ASKING, limit_s=5), ASKING.no_input)


async def read(make: Callable[[], AsyncIterator[str | Action]] | None) -> list[str | Action]:
    assert make
    return [piece async for piece in make()]


async def test_a_cue_waits_for_a_free_line_and_is_taken_once() -> None:
    bot = CuedBot()
    turns = unasked(bot)
    assert turns.due(0, busy=False, amid_turn=False) is None
    bot.cue()
    assert turns.due(32, busy=True, amid_turn=False) is None
    assert turns.due(64, busy=False, amid_turn=True) is None
    assert await read(turns.due(96, busy=False, amid_turn=False)) == ["Your order is ready."]
    assert turns.due(128, busy=False, amid_turn=False) is None


async def test_silence_is_asked_about_and_ends_the_call() -> None:
    turns = unasked(CuedBot())
    for now_ms, said in ((0, None), (1000, ["Anybody there?"]), (1032, None)):
        make = turns.due(now_ms, busy=False, amid_turn=False)
        assert (await read(make) if make else None) == said
    end = await read(turns.due(2032, busy=False, amid_turn=False))
    assert end == ["Bye now.", Hangup("the caller said nothing")]


async def test_a_bot_that_keeps_the_silence_itself_has_nobody_asked() -> None:
    bot = CuedBot()
    bot.asks_silent_callers = False
    turns = unasked(bot)
    assert [turns.due(now_ms, busy=False, amid_turn=False) for now_ms in (0, 1000, 2000, 9000)] == [None] * 4
    bot.cue()
    assert await read(turns.due(9032, busy=False, amid_turn=False)) == ["Your order is ready."]


async def test_who_answers_is_asked_anew() -> None:
    turns = unasked(CuedBot())
    for first_ms in (0, 5000):
        assert turns.due(first_ms, busy=False, amid_turn=False) is None
        assert await read(turns.due(first_ms + 1000, busy=False, amid_turn=False)) == ["Anybody there?"]
        turns.answered()
