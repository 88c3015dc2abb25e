"""Against a rule-based endpoint in this process, and against a real model where one is installed."""

import asyncio
import importlib.util
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from chat_server import Answer, ChatServer, Fault, Rules
from llama import SLOTS, serve_llama

from bot.actions import Handoff
from bot.api import CallInfo, CallNote, Line, Say, Speaker, Turn
from bot.openai import ModelFailed, OpenAiBot
from bot.openai.chunks import Calls, Piece, ToolCall
from bot.openai.clients import clients
from bot.openai.configuration import Configuration, Endpoint
from bot.openai.messages import Exchange, Round, conversation
from bot.sentences import sentences

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="the extra openai is not installed")

CALL = CallInfo("call-1", caller="+491701234567")
KEY = "sk-very-secret"


def caller(text: str) -> Line:
    return Line(Speaker.CALLER, text)


def spoken(text: str) -> Line:
    return Line(Speaker.BOT, text)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_BASE_URL",
        "OPENAI_ORG_ID",
        "BRIDGE_LLM_MODEL",
        "BRIDGE_LLM_PROMPT",
        "BRIDGE_LLM_FALLBACK_URL",
        "BRIDGE_LLM_SPECULATE",
        "BRIDGE_LLM_USAGE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with ChatServer() as chat:
        yield chat


@pytest.fixture
async def second() -> AsyncIterator[ChatServer]:
    async with ChatServer([("", Answer("The second answers."))]) as chat:
        yield chat


def make(server: ChatServer, rules: Rules = (), **says: object) -> OpenAiBot:
    server.rules = rules
    kind = type("Shop", (OpenAiBot,), {"model": "m", "base_url": server.url, "prompt": "Be the shop.", **says})
    return cast(OpenAiBot, kind())


def texts_of(bot: OpenAiBot, text: str) -> AsyncIterator[str]:
    """The answer of a bot whose tools return no actions."""
    return cast(AsyncIterator[str], bot.reply(Turn(CALL, text, "English")))


async def reply(bot: OpenAiBot, text: str, *history: Line) -> str:
    return "".join([str(piece) async for piece in bot.reply(Turn(CALL, text, "English", history))])


def asked(server: ChatServer, number: int = -1) -> Sequence[tuple[str, str | None]]:
    """What a request held: (role, content) of each message but the system's."""
    messages = server.requests[number]["messages"]
    return [(message["role"], message["content"]) for message in messages if message["role"] != "system"]


# ------------------------------------------------------------ answers


async def test_an_answer_is_spoken_as_it_is_written(server: ChatServer) -> None:
    bot = make(server, [("^user: ", Answer("We open at nine. We close at six.", fault=Fault.STALL))])
    async with aclosing(sentences(texts_of(bot, "When?"))) as cut:
        assert await anext(cut) == "We open at nine."


async def test_the_model_is_told_the_prompt_and_what_was_heard(server: ChatServer) -> None:
    bot = make(server, options={"temperature": 0.3})
    heard = [spoken("Hello!"), caller("Hi."), spoken("We are open from"), caller("Thanks."), caller("And Sunday?")]
    assert await reply(bot, "Well?", *heard) == "You said: Thanks. And Sunday? Well?"
    [request] = server.requests
    assert request["messages"][0]["content"].startswith("Be the shop.\n\nThis is a telephone call")
    assert request["messages"][0]["content"].endswith("You began the call with: Hello!")
    assert asked(server) == [
        ("user", "Hi."),
        ("assistant", "We are open from"),
        ("user", "Thanks. And Sunday? Well?"),
    ]
    assert (request["model"], request["stream"], request["temperature"]) == ("m", True, 0.3)
    assert "tools" not in request and server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize("counts", ["true", "false"])
async def test_tokens_are_counted_where_the_server_is_asked_to(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, counts: str
) -> None:
    monkeypatch.setenv("BRIDGE_LLM_USAGE", counts)
    bot = make(server)
    assert await reply(bot, "Hello.") == "You said: Hello."
    if counts == "true":
        assert bot.take_notes() == [CallNote("model", "m", {"input_tokens": 70, "output_tokens": 9})]
    else:
        assert bot.take_notes() == ()
        assert "stream_options" not in server.requests[0]


def test_openai_itself_is_asked_to_count_and_others_are_not_unless_told() -> None:
    known = {"OPENAI_API_KEY": "k", "BRIDGE_LLM_MODEL": "m", "BRIDGE_LLM_FALLBACK_URL": "http://b/v1"}
    for more, counts in (
        ({}, [True, False]),
        ({"OPENAI_BASE_URL": "http://a/v1"}, [False, False]),
        ({"OPENAI_BASE_URL": "http://a/v1", "BRIDGE_LLM_USAGE": "true"}, [True, True]),
        ({"BRIDGE_LLM_USAGE": "false"}, [False, False]),
    ):
        configuration = Configuration.read(environ={**known, **more})
        assert [endpoint.counts for endpoint in configuration.endpoints] == counts


async def test_a_prompt_may_know_the_call(server: ChatServer) -> None:
    class Shop(OpenAiBot):
        model, base_url, manner = "m", server.url, ""

        def prompt_for(self, turn: Turn) -> str:
            return f"{turn.call.caller} speaks {turn.language}."

    await reply(Shop(), "Hello?")
    assert server.requests[0]["messages"][0] == {"role": "system", "content": "+491701234567 speaks English."}


async def test_callers_are_greeted(server: ChatServer) -> None:
    assert [text async for text in make(server).on_call(CALL)] == ["Hello! How can I help you?"]
    assert [text async for text in make(server, greeting="").on_call(CALL)] == []


async def test_a_very_long_answer_is_cut(server: ChatServer) -> None:
    bot = make(server, [("", Answer("and on " * 3000, fault=Fault.STALL))])
    assert 3000 < len(await reply(bot, "Tell me all.")) < 3010
    await server.until(lambda: server.hung_up == 1)


@pytest.mark.parametrize("endless", [Answer("... " * 1000), Answer("...", [("find_order", "1" * 21_000)])])
async def test_an_answer_that_says_nothing_for_ever_is_given_up(server: ChatServer, endless: Answer) -> None:
    with pytest.raises(ModelFailed, match="without an end"):
        await reply(make(server, [("", replace(endless, fault=Fault.STALL))]), "Hello?")


# ------------------------------------------------------------ tools


class Orders(OpenAiBot):
    """Keeps what was done."""

    model, prompt = "m", "Be the shop."
    filler_after_s = 0.01
    filler_again_s = 0.01

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def book(self, hour: int) -> str:
        """Book a table.

        Args:
            hour: From 0 to 23.
        """
        self.begun.set()
        await self.go_on.wait()
        self.done.append(f"{hour} for {self.call.caller}")
        return f"booked for {hour}"

    def find(self, number: int) -> str:
        """Find an order."""
        assert threading.current_thread() is not threading.main_thread()
        self.done.append(f"find {number}")
        return "comes tomorrow"

    async def fail(self) -> None:
        """Fail."""
        raise LookupError("the database is gone")

    tools = (book, find, fail)


def orders(server: ChatServer, *rules: tuple[str, Answer], **says: object) -> Orders:
    server.rules = rules
    kind = type("Shop", (Orders,), {"base_url": server.url, **says})
    bot = cast(Orders, kind())
    bot.go_on.set()
    return bot


FIND = ("^user: .*order", Answer(calls=[("find", '{"number": 12}')]))
BOOK = ("^user: .*ten", Answer(calls=[("book", '{"hour": 10}')]))


async def test_a_tool_is_called_and_its_result_told(server: ChatServer) -> None:
    bot = orders(server, FIND, ("^tool: comes tomorrow", Answer("It comes tomorrow.")))
    assert await reply(bot, "Where is order 12?") == "It comes tomorrow."
    assert bot.done == ["find 12"]
    function = server.requests[0]["tools"][0]["function"]
    assert (function["name"], function["description"]) == ("book", "Book a table.")
    assert function["parameters"]["properties"]["hour"] == {"type": "integer", "description": "From 0 to 23."}
    assistant, result = server.requests[1]["messages"][-2:]
    assert assistant["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"number": 12}'}
    assert (result["tool_call_id"], result["content"]) == (assistant["tool_calls"][0]["id"], "comes tomorrow")


@pytest.mark.parametrize("terse", [True, False])
async def test_several_tools_are_called_in_order(server: ChatServer, terse: bool) -> None:
    both = Answer(calls=[("find", '{"number": 1}'), ("book", '{"hour": 10}')], terse=terse)
    bot = orders(server, ("^user: ", both), ("^tool: booked", Answer("Both done.")))
    assert await reply(bot, "Do both.") == "Both done."
    assert bot.done == ["find 1", "10 for +491701234567"]
    assert [message["content"] for message in server.requests[1]["messages"][-2:]] == [
        "comes tomorrow",
        "booked for 10",
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("find", '{"number": "twelve"}', "wrong arguments: number: Input should be a valid integer"),
        ("find", '{"number": 1', "wrong arguments: Invalid JSON"),
        ("fail", "", "LookupError: the database is gone"),
        ("hang up!", "{}", "there is no tool 'hang up!'; there are book, find, fail"),
    ],
)
async def test_what_goes_wrong_with_a_tool_the_model_is_told(
    server: ChatServer, name: str, arguments: str, told: str
) -> None:
    bot = orders(server, ("^user: ", Answer(calls=[(name, arguments)])), (f"^tool: Error: {told}", Answer("Sorry.")))
    assert (await reply(bot, "Go."), bot.done) == ("Sorry.", [])
    function = server.requests[1]["messages"][-2]["tool_calls"][0]["function"]
    assert function["arguments"] == "{}" or '"number": "twelve"' in function["arguments"]
    assert function["name"] in {"find", "fail", "hang_up_"}


async def test_a_model_that_only_calls_tools_must_answer_in_the_end(server: ChatServer) -> None:
    bot = orders(server, ("", Answer(calls=[("find", '{"number": 1}')])), tool_rounds=2)
    with pytest.raises(ModelFailed, match="without a word"):
        await reply(bot, "Where?")
    assert [request["tool_choice"] for request in server.requests] == ["auto", "auto", "none"]
    assert bot.done == ["find 1"], "the same call is made once a turn"


async def test_a_slow_tool_is_bridged_with_words(server: ChatServer) -> None:
    bot = orders(server, BOOK, ("^tool: booked", Answer("Done.")))
    bot.go_on.clear()
    async with aclosing(cast(AsyncGenerator[str, None], bot.reply(Turn(CALL, "At ten.", "English")))) as texts:
        fillers = [await anext(texts), await anext(texts)]
        assert fillers == list(OpenAiBot.fillers) and isinstance(fillers[0], Say)
        bot.go_on.set()
        assert [text async for text in texts] == ["Done."]


async def test_words_before_a_tool_are_spoken_at_once_and_not_forgotten(server: ChatServer) -> None:
    look = Answer("Let me look.", calls=[("book", '{"hour": 10}')])
    bot = orders(server, ("^user: ", look), ("^tool: ", Answer("Done.")), filler_after_s=60)
    bot.go_on.clear()
    async with aclosing(sentences(texts_of(bot, "At ten."))) as cut:
        assert await anext(cut) == "Let me look."
        await bot.begun.wait()
        bot.go_on.set()
        assert [sentence async for sentence in cut][-1] == "Done."
    assert server.requests[1]["messages"][-2]["content"] == "Let me look."


async def test_a_tool_that_was_begun_is_done_once_though_the_caller_spoke_over_it(server: ChatServer) -> None:
    bot = orders(server, ("^user: At ten.$", BOOK[1]), ("", Answer("Booked, with a window.")))
    bot.go_on.clear()
    interrupted = asyncio.create_task(reply(bot, "At ten."))
    await bot.begun.wait()
    interrupted.cancel()
    await asyncio.wait({interrupted})
    waiting = asyncio.create_task(reply(bot, "At ten. By the window."))
    bot.go_on.set()
    assert (await waiting).endswith("Booked, with a window.")  # it may have waited long enough for a filler
    assert len(bot.done) == 1
    assert asked(server) == [
        ("user", "At ten."),
        ("assistant", None),
        ("tool", "booked for 10"),
        ("user", "By the window."),
    ]


async def test_a_tool_that_was_not_begun_is_not_done_once_the_caller_speaks(server: ChatServer) -> None:
    both = Answer(calls=[("book", '{"hour": 10}'), ("find", '{"number": 1}')])
    bot = orders(server, ("^user: At ten.$", both), ("", Answer("Yes.")))
    bot.go_on.clear()
    interrupted = asyncio.create_task(reply(bot, "At ten."))
    await bot.begun.wait()
    interrupted.cancel()
    await asyncio.wait({interrupted})
    bot.go_on.set()
    await reply(bot, "At ten. No, wait.")
    assert bot.done == ["10 for +491701234567"]
    assert ("tool", "Not done: the caller spoke before it was begun.") in asked(server)


async def test_what_was_done_is_known_in_later_turns(server: ChatServer) -> None:
    bot = orders(server, BOOK, ("^tool: ", Answer("Done.")))
    await reply(bot, "At ten.", spoken("Hello!"))
    await reply(bot, "Thanks.", spoken("Hello!"), caller("At ten."), spoken("Done."))
    assert asked(server) == [
        ("user", "At ten."),
        ("assistant", None),
        ("tool", "booked for 10"),
        ("assistant", "Done."),
        ("user", "Thanks."),
    ]


async def test_a_tool_that_cancels_itself_ends_no_reply(server: ChatServer) -> None:
    async def give_up() -> None:
        """Be cancelled from within."""
        raise asyncio.CancelledError

    bot = make(server, [("^user: ", Answer(calls=[("give_up", "")])), ("^tool: ", Answer("No."))], tools=(give_up,))
    assert await reply(bot, "Go.") == "No."
    assert asked(server)[-1] == ("tool", "Error: it was cancelled")


def test_a_bot_with_tools_does_not_speculate() -> None:
    with pytest.raises(TypeError, match="has tools and speculates"):
        type("Shop", (Orders,), {"speculates": True})()
    assert cast(OpenAiBot, type("Shop", (OpenAiBot,), {"model": "m", "speculates": True})()).speculates


@pytest.mark.parametrize(
    ("value", "of_class", "speculates"), [("", True, True), ("TRUE", False, True), ("0", True, False)]
)
def test_a_variable_says_whether_replies_are_begun_ahead(
    value: str, of_class: bool, speculates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_LLM_SPECULATE", value)
    assert type("Shop", (OpenAiBot,), {"model": "m", "speculates": of_class})().speculates is speculates


def test_a_bot_with_tools_does_not_speculate_whatever_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_LLM_SPECULATE", "true")
    with pytest.raises(TypeError, match=r"tools and speculates \(BRIDGE_LLM_SPECULATE"):
        type("Shop", (Orders,), {})()


def test_what_cannot_be_is_refused_at_start() -> None:
    with pytest.raises(TypeError, match="two tools have one name"):
        type("Shop", (Orders,), {"tools": (Orders.find, Orders.find)})()
    with pytest.raises(ValueError, match=r"Shop.total_s is 0, must be above 0"):
        type("Shop", (OpenAiBot,), {"model": "m", "total_s": 0})()


async def test_a_bot_that_takes_a_call_over_answers_the_last_words_and_knows_what_was_carried(
    server: ChatServer,
) -> None:
    bot = make(server, [("^user: ", Answer("It is five euros."))], greeting="Hello there.")
    turn = Turn(CALL, "What do I owe?", "English", [caller("Billing."), spoken("One moment.")], carry={"customer": 12})
    assert "".join([str(piece) async for piece in bot.on_takeover(turn)]) == "It is five euros."
    assert "customer: 12" in server.requests[0]["messages"][0]["content"]
    assert asked(server) == [("user", "Billing."), ("assistant", "One moment."), ("user", "What do I owe?")]
    silent = Turn(CALL, "", "")
    assert [str(piece) async for piece in bot.on_takeover(silent)] == ["Hello there."]


async def test_a_tool_may_hand_the_call_over(server: ChatServer) -> None:
    def billing() -> Handoff:
        """Let the billing department take the call."""
        return Handoff(Orders)

    bot = make(server, [("^user: ", Answer(calls=[("billing", "{}")]))], tools=(billing,), fillers=())
    assert [piece async for piece in bot.reply(Turn(CALL, "My bill", ""))] == [Handoff(Orders)]
    assert len(server.requests) == 1, "the other bot has the word"


# ------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(fault=Fault.STALL), "no first word in time"),
        (Answer(fault=Fault.RESET), "Connection"),
        (Answer(fault=Fault.MALFORMED), "no JSON"),
        (Answer(fault=Fault.STRANGE), "a chunk that is none"),
        (Answer(fault=Fault.ERROR), "the worker died"),
        (Answer(fault=Fault.BROKEN_OFF), "broke off"),
        (Answer(""), "without a word"),
        (Answer(" \n **\U0001f600** ..."), "without a word"),
        (Answer(status=429), "status 429"),
        (Answer(status=500), "status 500"),
        (Answer(status=401), "status 401"),
        (Answer(status=400), "status 400"),
    ],
)
async def test_before_a_word_was_said_a_second_server_is_asked(
    server: ChatServer, second: ChatServer, answer: Answer, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    bot = make(
        server,
        [("", answer)],
        fallback_url=second.url,
        fallback_model="n",
        first_token_s=0.5 if answer.fault is Fault.STALL else 20,
    )
    assert await reply(bot, "Hello?") == "The second answers."
    assert why in caplog.text and "asking n at 127.0.0.1" in caplog.text
    assert KEY not in caplog.text
    assert (len(server.requests), len(second.requests)) == (1, 1)
    assert second.requests[0]["model"] == "n" and KEY not in second.keys[0]


@pytest.mark.parametrize(
    "fault", [Fault.STALL, Fault.RESET, Fault.MALFORMED, Fault.STRANGE, Fault.ERROR, Fault.BROKEN_OFF]
)
async def test_after_a_word_was_said_no_other_is_asked(server: ChatServer, second: ChatServer, fault: Fault) -> None:
    answer = Answer("We are open", fault=fault)
    between_s = 0.1 if fault is Fault.STALL else 5
    says = {"fallback_url": second.url, "apology": "Sorry, once more?", "between_tokens_s": between_s}
    bot = make(server, [("", answer)], **says)
    pieces = [text async for text in texts_of(bot, "Hello?")]
    assert "".join(pieces) == "We are openSorry, once more?"
    assert isinstance(pieces[-1], Say)  # a sentence of its own
    assert not second.requests


@pytest.mark.parametrize("fault", [Fault.NO_REASON, Fault.NO_END])
async def test_an_answer_that_ends_in_its_own_way_is_one(server: ChatServer, second: ChatServer, fault: Fault) -> None:
    bot = make(server, [("", Answer("We are open.", fault=fault))], fallback_url=second.url, apology="Sorry?")
    assert await reply(bot, "Hello?") == "We are open."
    assert not second.requests


@pytest.mark.parametrize("fault", [Fault.NO_REASON, Fault.NO_END])
async def test_so_are_calls_of_tools(server: ChatServer, fault: Fault) -> None:
    calls = Answer(calls=[("find", '{"number": 12}')], fault=fault)
    bot = orders(server, ("^user: ", calls), ("^tool: ", Answer("Tomorrow.")), fillers=())
    assert await reply(bot, "Where is 12?") == "Tomorrow."
    assert bot.done == ["find 12"]


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.RESET])
async def test_without_apology_the_bridge_is_told(server: ChatServer, fault: Fault) -> None:
    with pytest.raises(ModelFailed, match=r"m at 127\.0\.0\.1: ") as failed:
        await reply(make(server, [("", Answer(fault=fault))], first_token_s=0.2), "Hello?")
    assert failed.value.__cause__ is None and failed.value.__suppress_context__  # no traceback of the client's


async def test_two_servers_that_fail_are_asked_once_each(server: ChatServer, second: ChatServer) -> None:
    second.rules = [("", Answer(status=500))]
    bot = make(server, [("", Answer(status=500))], fallback_url=second.url)
    with pytest.raises(ModelFailed):
        await reply(bot, "Hello?")
    assert (len(server.requests), len(second.requests)) == (1, 1)


async def test_a_server_that_failed_rests(server: ChatServer, second: ChatServer) -> None:
    bot = make(server, [("", Answer(status=500))], fallback_url=second.url)
    await reply(bot, "Hello?")
    await reply(bot, "Still there?")
    assert (len(server.requests), len(second.requests)) == (1, 2)


async def test_what_one_question_caused_says_nothing_about_the_server(server: ChatServer, second: ChatServer) -> None:
    bot = make(server, [("", Answer(status=400))], fallback_url=second.url)
    await reply(bot, "Hello?")
    await reply(bot, "Still there?")
    assert (len(server.requests), len(second.requests)) == (2, 2)


async def test_a_lost_connection_is_tried_again_where_there_is_no_second(server: ChatServer) -> None:
    with pytest.raises(ModelFailed):
        await reply(make(server, [("", Answer(fault=Fault.RESET))]), "Hello?")
    assert len(server.requests) == 2
    with pytest.raises(ModelFailed):
        await reply(make(server, [("", Answer(status=500))]), "Hello?")
    assert len(server.requests) == 3


async def test_a_server_that_is_not_there(second: ChatServer) -> None:
    async with ChatServer() as gone:
        pass
    assert await reply(make(gone, fallback_url=second.url), "Hello?") == "The second answers."


async def test_all_waiting_of_a_reply_has_one_limit(server: ChatServer) -> None:
    bot = make(server, [("", Answer("We", fault=Fault.STALL))], between_tokens_s=60, total_s=1)
    with pytest.raises(ModelFailed, match="no next word in time"):
        await reply(bot, "Hello?")


async def test_who_is_listened_to_waits_for_nobody(server: ChatServer) -> None:
    bot = make(server, [("", Answer("one two three"))], total_s=1, between_tokens_s=0.5)
    words = []
    async for word in bot.reply(Turn(CALL, "Count.", "English")):
        words.append(word)
        await asyncio.sleep(0.6)  # the voice takes its time, in all more than any limit
    assert words == ["one ", "two ", "three"]


async def test_a_model_that_fails_after_a_tool_is_replaced(server: ChatServer, second: ChatServer) -> None:
    bot = orders(server, FIND, ("^tool: ", Answer(status=500)), fallback_url=second.url)
    assert await reply(bot, "My order?") == "The second answers."
    assert second.requests[0]["messages"][-1]["content"] == "comes tomorrow" and bot.done == ["find 12"]


# ------------------------------------------------------------ barge-in and connections


@pytest.mark.parametrize("answer", [Answer("We are open.", fault=Fault.STALL), Answer(fault=Fault.STALL)])
async def test_barge_in_hangs_up_on_the_model(server: ChatServer, answer: Answer) -> None:
    replying = asyncio.create_task(reply(make(server, [("", answer)]), "Hello?"))
    await server.until(lambda: server.requests)
    replying.cancel()
    await asyncio.wait({replying})
    await server.until(lambda: server.hung_up == 1)
    assert replying.cancelled()


async def test_a_reply_that_is_closed_while_it_is_spoken_hangs_up(server: ChatServer) -> None:
    bot = make(server, [("", Answer("We are open.", fault=Fault.STALL))])
    texts = cast(AsyncGenerator[str, None], bot.reply(Turn(CALL, "Hello?", "English")))
    assert await anext(texts) == "We "
    await texts.aclose()
    await server.until(lambda: server.hung_up == 1)


async def test_calls_share_connections(server: ChatServer) -> None:
    for _ in range(3):
        await reply(make(server), "Hello?")
    assert len(server.requests) == 3 and len(server.peers) == 1


def test_connections_are_closed_with_their_loop() -> None:
    async def main() -> tuple[Any, Any]:
        async with ChatServer() as server:
            await reply(make(server), "Hello?")
            client = await clients().to(Endpoint(server.url, "m", KEY))
            assert not client.is_closed()
            return client, await clients().to(Endpoint(server.url, "n", KEY))

    ours, again = asyncio.run(main())
    assert ours is again and ours.is_closed()


async def test_many_calls_at_once(server: ChatServer) -> None:
    bots = [make(server) for _ in range(50)]
    said = await asyncio.gather(*(reply(bot, f"number {i}") for i, bot in enumerate(bots)))
    assert said == [f"You said: number {i}" for i in range(50)]


async def test_no_key_is_logged(server: ChatServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bot = orders(server, FIND, ("^tool: ", Answer(status=401)), apology="Sorry.")
    assert await reply(bot, "My order?") == "Sorry."
    assert "status 401" in caplog.text and KEY not in caplog.text
    assert KEY not in repr(Endpoint("https://api.example.com/v1", "m", KEY))


# ------------------------------------------------------------ configuration


def test_the_environment_goes_before_the_class(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Be grumpy.\n")
    environ = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": "http://gpu1:8000/v1/",
        "BRIDGE_LLM_MODEL": "big",
        "BRIDGE_LLM_PROMPT_FILE": str(tmp_path / "prompt.txt"),
        "BRIDGE_LLM_FALLBACK_URL": "https://other.example/v1",
        "BRIDGE_LLM_FALLBACK_MODEL": "small",
        "BRIDGE_LLM_FALLBACK_API_KEY": "sk-other",
    }
    known = Configuration.read(model="m", prompt="Be nice.", base_url="http://gpu9/v1", environ=environ)
    assert known.endpoints == (
        Endpoint("http://gpu1:8000/v1", "big", KEY),
        Endpoint("https://other.example/v1", "small", "sk-other"),
    )
    assert known.prompt == "Be grumpy."
    assert Configuration.read(model="m", prompt="Be nice.", environ={"OPENAI_API_KEY": KEY}) == Configuration(
        endpoints=(Endpoint("https://api.openai.com/v1", "m", KEY, counts=True),), prompt="Be nice."
    )


def test_a_second_server_is_not_shown_the_first_ones_key() -> None:
    known = Configuration.read(model="m", fallback_url="http://other/v1", environ={"OPENAI_API_KEY": KEY})
    assert known.endpoints[1].key == "none"


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"OPENAI_API_KEY": KEY}, "BRIDGE_LLM_MODEL"),
        ({"BRIDGE_LLM_MODEL": "m"}, "OPENAI_API_KEY is not set"),
        ({"BRIDGE_LLM_MODEL": "m", "OPENAI_API_KEY": " "}, "OPENAI_API_KEY is not set"),
        ({"BRIDGE_LLM_MODEL": "m", "OPENAI_BASE_URL": "gpu1:8000"}, "http"),
        ({"BRIDGE_LLM_MODEL": "m", "OPENAI_BASE_URL": "http://gpu1:port/v1"}, "http"),
        ({"BRIDGE_LLM_MODEL": "m", "OPENAI_BASE_URL": "http://a/v1", "BRIDGE_LLM_PROMPT_FILE": "/no/file"}, "/no/file"),
        ({"BRIDGE_LLM_MODEL": "m", "OPENAI_API_KEY": KEY, "BRIDGE_LLM_FALLBACK_URL": f"ftp://{KEY}@x"}, "http"),
        ({"BRIDGE_LLM_MODEL": "m", "OPENAI_API_KEY": KEY, "BRIDGE_LLM_SPECULATE": "maybe"}, "LLM_SPECULATE is 'maybe'"),
    ],
)
def test_what_is_missing_shows_at_start(environ: dict[str, str], why: str) -> None:
    with pytest.raises(RuntimeError, match=why) as refused:
        Configuration.read(environ=environ)
    assert KEY not in str(refused.value)


# ------------------------------------------------------------ pure parts


def exchange(at: int, text: str, name: str) -> Exchange:
    return Exchange(at, text, [Round("", [ToolCall(name, name, "{}")], ["ok"])])


def flat(messages: Sequence[Any]) -> str:
    return " ".join(
        message["tool_calls"][0]["id"].upper()
        if message.get("tool_calls")
        else f"{message['role'][0]}:{message['content']}"
        for message in messages
    )


@pytest.mark.parametrize(
    ("history", "text", "exchanges", "told"),
    [
        ([], "", [], ""),
        ([], "a", [], "u:a"),
        ([], "a b", [(0, "a", "x")], "u:a X t:ok u:b"),
        ([], "a b c", [(0, "a", "x"), (0, "a b", "y")], "u:a X t:ok u:b Y t:ok u:c"),
        ([], "a", [(0, "a", "x")], "u:a X t:ok"),
        (["Ca", "Bb"], "c", [(0, "a", "x")], "u:a X t:ok a:b u:c"),
        (["Ca", "Cb", "Bc", "Cmm"], "d", [(0, "a b", "x")], "u:a b X t:ok a:c u:mm d"),
        (["Ca", "Bb", "Cmm", "Cc", "Bd"], "e", [(3, "c", "x")], "u:a a:b u:mm c X t:ok a:d u:e"),
        (["Ca"], "b", [(5, "b", "x")], "u:a b X t:ok"),
        (["Ca"], "b", [(0, "never said", "x")], "u:a b X t:ok"),
        (["Ca", "Bb"], "c", [(1, "c", "x")], "u:a X t:ok a:b u:c"),
        (["Bhi", "Bthere", "Ca"], "b", [], "s:You began the call with: hi\n\nYou began the call with: there u:a b"),
    ],
)
def test_what_was_done_stands_behind_the_words_it_was_done_for(
    history: Sequence[str], text: str, exchanges: Sequence[tuple[int, str, str]], told: str
) -> None:
    lines = [caller(line[1:]) if line[0] == "C" else spoken(line[1:]) for line in history]
    messages = conversation("", Turn(CALL, text, "", lines), [exchange(*each) for each in exchanges], memory=10)
    assert flat(messages) == told


def test_only_the_newest_lines_are_told() -> None:
    history = [spoken("hi"), *(line for i in range(5) for line in (caller(f"c{i}"), spoken(f"b{i}")))]
    turn = Turn(CALL, "now", "", history)
    done = [exchange(1, "c0", "old"), exchange(9, "c4", "new")]
    assert flat(conversation("p", turn, done, memory=4)) == "s:p u:c3 a:b3 u:c4 NEW t:ok a:b4 u:now"
    assert flat(conversation("p", turn, done, memory=3)) == "s:p u:c4 NEW t:ok a:b4 u:now"
    assert flat(conversation("p", turn, [], memory=0)) == "s:p u:now"


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ([(0, "i", "f", ""), (0, "", "", "{}")], [("i", "f", "{}")]),
        ([(0, "i", "f", "{"), (0, "i", "f", "}")], [("i", "f", "{}")]),
        (
            [(None, "", "f", "1"), (None, "", "", "2"), (None, "", "g", "3")],
            [("call_0", "f", "12"), ("call_1", "g", "3")],
        ),
        ([(0, "i", "f", "1"), (0, "j", "g", "2")], [("i", "f", "1"), ("j", "g", "2")]),
        ([(0, "i", "f", "1"), (1, "", "g", "2")], [("i", "f", "1"), ("call_1", "g", "2")]),
        ([(0, "", "", "{}")], []),
    ],
)
def test_calls_are_put_together_however_servers_cut_them(
    pieces: Sequence[tuple[int | None, str, str, str]], whole: Sequence[tuple[str, str, str]]
) -> None:
    calls = Calls()
    calls.add([Piece(*piece) for piece in pieces])
    assert [(call.id, call.name, call.arguments) for call in calls.whole] == list(whole)


# ------------------------------------------------------------ the example, and a real model


def load_example() -> ModuleType:
    path = Path(__file__).parents[3] / "examples" / "openai_bot.py"
    spec = importlib.util.spec_from_file_location("openai_bot", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_example_finds_orders(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.rules = [
        ("^user: .*order 12", Answer(calls=[("find_order", '{"number": 12}')])),
        ("^tool: .*tomorrow", Answer("It comes tomorrow.")),
    ]
    bot = cast(OpenAiBot, load_example().Shop())
    assert await reply(bot, "Where is my order 12?") == "It comes tomorrow."


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_llama(tmp_path_factory.mktemp("gemma")) as url:
        yield url


def teller(url: str, *, max_tokens: int = 400) -> OpenAiBot:
    """A bot that asks a real model; a machine with other work to do takes its time."""
    options = {"max_tokens": max_tokens, "temperature": 0.0}
    says = {"model": "gemma", "base_url": url, "first_token_s": 100, "between_tokens_s": 100, "total_s": 100}
    return cast(OpenAiBot, type("Teller", (OpenAiBot,), {**says, "options": options})())


@pytest.mark.heavy
async def test_a_real_model_streams_is_cut_off_and_answers_again(llama: str) -> None:
    bot, turn = teller(llama), Turn(CALL, "Tell me a long story about the sea.", "English")
    for _ in range(SLOTS + 2):  # more often than the server has slots: who hung up holds none
        async with aclosing(cast(AsyncGenerator[str, None], bot.reply(turn))) as texts:
            pieces = [await anext(texts) for _ in range(3)]
        assert "".join(pieces).strip()
    both = await asyncio.gather(*(anext(aiter(bot.reply(turn))) for _ in range(2)))
    assert all(both)


@pytest.mark.heavy
async def test_a_real_model_answers_four_times_as_many_callers_as_it_has_slots(llama: str) -> None:
    turns = [Turn(CALL, f"Tell me about the number {number}.", "English") for number in range(4 * SLOTS)]

    async def answer(turn: Turn) -> str:
        return "".join([str(text) async for text in teller(llama, max_tokens=4).reply(turn)])

    answers = await asyncio.gather(*map(answer, turns))
    assert all(text.strip() for text in answers)
