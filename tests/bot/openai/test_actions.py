"""Tools that act: what is done, when, once, and what the model is told of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from importlib.util import find_spec
from typing import Any, cast

import pytest
from chat_server import Answer, ChatServer, Fault

from bot.actions import Action, ActionFailed, Collect, Hangup, PlayFile, SetVoice, Transfer
from bot.api import CallInfo, Line, Speaker, Turn
from bot.openai import ModelFailed, OpenAiBot

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the extra openai is not installed")

CALL = CallInfo("call-1")
BACK = Transfer("+4930123456", consult="A caller about an invoice.", returns=True)
HUMAN, TWO = Transfer("+4930123456"), Collect(digits=2)


class Desk(OpenAiBot):
    """Keeps which tools ran."""

    model, prompt, first_token_s = "m", "Be the desk.", 20  # a busy machine is no stall

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []

    async def connect(self) -> Action:
        """Put the caller through."""
        self.ran.append("connect")
        return HUMAN

    async def finish(self) -> tuple[str, Action]:
        """Book and hang up."""
        self.ran.append("finish")
        return "Booked.", Hangup()

    async def ask_number(self) -> tuple[str, Action]:
        """Let the caller type."""
        self.ran.append("ask_number")
        return "Ask for it.", TWO

    async def jingle(self) -> list[Action]:
        """Play, in another voice from then on."""
        self.ran.append("jingle")
        return [PlayFile("jingle.wav"), SetVoice("b")]

    async def try_two(self) -> list[Action]:
        """Try one number, then another."""
        return [Transfer("1"), Transfer("2")]

    async def ask_first(self) -> Action:
        """Put the caller through to somebody, who hangs up first."""
        return BACK

    async def look(self) -> str:
        """Look."""
        self.ran.append("look")
        return "seen"

    tools = (connect, finish, ask_number, jingle, try_two, ask_first, look)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChatServer]:
    for name in ("OPENAI_BASE_URL", "BRIDGE_LLM_MODEL", "BRIDGE_LLM_PROMPT", "BRIDGE_LLM_FALLBACK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    async with ChatServer() as chat:
        yield chat


def desk(server: ChatServer, *rules: tuple[str, Answer], **says: object) -> Desk:
    server.rules = rules
    return cast(Desk, type("Desk", (Desk,), {"base_url": server.url, **says})())


def calls(*names: str, said: str = "") -> Answer:
    return Answer(said, calls=[(name, "{}") for name in names])


async def perform(bot: Desk, turn: Turn | str, *, fails: tuple[Action, ...] = ()) -> list[str | Action]:
    """Return the reply as the bridge performs it: text in one piece up to each action; `fails` do not happen."""
    turn = Turn(CALL, turn, "English") if isinstance(turn, str) else turn
    done: list[str | Action] = []
    reply = cast(AsyncGenerator[str | Action, None], bot.reply(turn))
    async with aclosing(reply):
        piece = await anext(reply, None)
        while piece is not None:
            if not isinstance(piece, str):
                done.append(piece)
            elif done and isinstance(done[-1], str):
                done[-1] += piece
            else:
                done.append(piece)
            if piece in fails:
                try:
                    piece = await reply.athrow(ActionFailed("nobody answers"))
                except StopAsyncIteration:
                    break
            else:
                piece = await anext(reply, None)
    return done


def told(server: ChatServer, number: int = -1) -> list[tuple[str, str | None]]:
    messages = server.requests[number]["messages"][1:]
    return [(message["role"], message["content"]) for message in messages]


@pytest.mark.parametrize(
    ("tool", "action"), [("connect", HUMAN), ("finish", Hangup()), ("ask_number", TWO)], ids=["transfer", "end", "keys"]
)
async def test_what_ends_a_reply_comes_behind_the_words_before_it_and_no_model_is_asked_again(
    server: ChatServer, tool: str, action: Action
) -> None:
    bot = desk(server, ("^user: ", calls(tool, said="One moment.")))
    assert await perform(bot, "Please.") == ["One moment.\n", action]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("tool", "action", "result"),
    [("connect", HUMAN, "done"), ("finish", Hangup(), "Booked."), ("ask_number", TWO, "Ask for it.")],
)
async def test_nobody_is_handed_on_without_a_word(server: ChatServer, tool: str, action: Action, result: str) -> None:
    bot = desk(server, ("^user: ", calls(tool)), (f"^tool: {result}$", Answer("Here you go.")))
    assert await perform(bot, "Please.") == ["Here you go.", action]
    assert [request["tool_choice"] for request in server.requests] == ["auto", "none"]
    assert bot.ran == [tool]
    [note] = bot.take_notes()
    assert (note.name, note.text, note.data["arguments"], note.data["result"]) == ("tool", tool, "{}", result)


async def test_a_model_that_fails_to_say_so_keeps_nobody_from_a_human(server: ChatServer) -> None:
    bot = desk(server, ("^user: ", calls("connect")), ("^tool: ", Answer(status=500)))
    assert await perform(bot, "A human!") == [HUMAN]
    assert bot.ran == ["connect"]


async def test_other_actions_are_done_in_place_and_the_model_goes_on(server: ChatServer) -> None:
    bot = desk(
        server, ("^user: ", calls("jingle", "look", said="Listen.")), ("^tool: seen", Answer("Nice, is it not?"))
    )
    assert await perform(bot, "Play.") == ["Listen.\n", PlayFile("jingle.wav"), SetVoice("b"), "Nice, is it not?"]
    assert told(server)[-2:] == [("tool", "done"), ("tool", "seen")]


async def test_a_failed_transfer_is_told_and_the_model_finds_words_for_it(server: ChatServer) -> None:
    bot = desk(
        server,
        ("^user: ", calls("connect", said="One moment.")),
        ("^tool: Error: nobody answers", Answer("Nobody is free right now.")),
    )
    assert await perform(bot, "A human!", fails=(HUMAN,)) == ["One moment.\n", HUMAN, "Nobody is free right now."]
    assert bot.ran == ["connect"]


async def test_a_model_that_insists_on_what_failed_is_told_again_and_must_answer(server: ChatServer) -> None:
    bot = desk(server, ("", calls("connect", said="Hm.")), tool_rounds=2)
    assert await perform(bot, "A human!", fails=(HUMAN,)) == ["Hm.\n", HUMAN, "Hm.\nHm."]
    assert [request["tool_choice"] for request in server.requests] == ["auto", "auto", "none"]
    assert bot.ran == ["connect"], "once a turn"


async def test_a_failure_that_no_model_finds_words_for_is_the_bridges(server: ChatServer) -> None:
    bot = desk(server, ("^user: ", calls("connect", said="One moment.")), ("^tool: ", Answer(status=500)))
    with pytest.raises(ModelFailed):
        await perform(bot, "A human!", fails=(HUMAN,))


async def test_of_two_transfers_the_second_is_for_when_the_first_fails(server: ChatServer) -> None:
    bot = desk(server, ("^user: ", calls("try_two", said="Wait.")))
    assert await perform(bot, "A human!", fails=(Transfer("1"),)) == ["Wait.\n", Transfer("1"), Transfer("2")]
    assert len(server.requests) == 1


async def test_after_a_transfer_from_which_the_caller_comes_back_the_model_goes_on(server: ChatServer) -> None:
    bot = desk(server, ("^user: ", calls("ask_first", said="Wait.")), ("^tool: done", Answer("Was that of help?")))
    assert await perform(bot, "A human!") == ["Wait.\n", BACK, "Was that of help?"]


async def test_what_stands_behind_the_end_is_not_done_and_the_model_knows(server: ChatServer) -> None:
    bot = desk(server, ("^user: Go", calls("ask_number", "jingle", said="Type it.")), ("^user: 42", Answer("Thanks.")))
    assert await perform(bot, "Go.") == ["Type it.\n", TWO]
    history = [Line(Speaker.CALLER, "Go."), Line(Speaker.BOT, "Type it.")]
    assert await perform(bot, Turn(CALL, "42", "English", history, keys="42")) == ["Thanks."]
    assert told(server) == [
        ("user", "Go."),
        ("assistant", None),
        ("tool", "Ask for it."),
        ("tool", "Not done: the reply ended before it."),
        ("assistant", "Type it."),
        ("user", "42"),
    ]


async def test_keys_that_did_not_come_are_told_in_words(server: ChatServer) -> None:
    bot = desk(server, (r"^user: \(The caller pressed no key", calls("look")), ("^tool: seen", Answer("No number?")))
    history = [Line(Speaker.CALLER, "Go."), Line(Speaker.BOT, "Type it.")]
    assert await perform(bot, Turn(CALL, "", "English", history, keys="")) == ["No number?"]
    assert told(server)[-3:] == [("user", "(The caller pressed no key.)"), ("assistant", ""), ("tool", "seen")]


async def test_an_action_that_the_caller_spoke_over_is_done_for_the_next_words_and_its_tool_not_again(
    server: ChatServer,
) -> None:
    bot = desk(server, ("^user: ", calls("finish", said="Bye.")))
    reply: Any = bot.reply(Turn(CALL, "That was all.", "English"))
    async with aclosing(reply):
        while not isinstance(await anext(reply), Hangup):
            pass
    assert await perform(bot, "That was all. Thanks.") == ["Bye.\n", Hangup()]
    assert told(server) == [
        ("user", "That was all."),
        ("assistant", None),
        ("tool", "Booked. Not done: the reply ended before it."),
        ("user", "Thanks."),
    ]
    assert bot.ran == ["finish"]


async def test_an_action_of_a_tool_that_the_caller_spoke_over_is_dropped(server: ChatServer) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def connect() -> Action:
        """Put the caller through."""
        begun.set()
        await go_on.wait()
        return HUMAN

    bot = desk(
        server, ("^user: Go.$", calls("connect")), ("", Answer("All right.")), tools=(connect,), filler_after_s=60
    )
    interrupted = asyncio.create_task(perform(bot, "Go."))
    await begun.wait()
    interrupted.cancel()
    await asyncio.wait({interrupted})
    go_on.set()
    assert await perform(bot, "Go. No, stop.") == ["All right."]
    assert ("tool", "Not done: the reply ended before it.") in told(server)


async def test_in_a_later_turn_the_same_call_is_made_again(server: ChatServer) -> None:
    bot = desk(server, ("^user: ", calls("look")), ("^tool: ", Answer("Seen.")))
    await perform(bot, "Look.")
    history = [Line(Speaker.CALLER, "Look."), Line(Speaker.BOT, "Seen.")]
    await perform(bot, Turn(CALL, "Look again.", "English", history))
    assert bot.ran == ["look", "look"]


async def test_a_second_server_that_repeats_the_calls_of_the_first_runs_nothing_twice(server: ChatServer) -> None:
    async with ChatServer([("^tool: ", calls("look", "look", said="Well. "))]) as second:
        rules = (("^user: ", calls("look")), ("^tool: ", Answer(fault=Fault.RESET)))
        bot = desk(server, *rules, fallback_url=second.url, tool_rounds=2)
        assert await perform(bot, "Look.") == ["Well. \nWell. "]
        assert [body["tool_choice"] for body in second.requests] == ["auto", "none"]
    assert bot.ran == ["look"]
