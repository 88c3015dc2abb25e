"""What a caller hears on the telephone when the language model fails: always something, and nothing is done twice."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from chat_server import Answer, ChatServer, Fault
from integration.hearing import SLACK_S, ask, hear
from integration.server import Server, serve

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

pytest.importorskip("openai", reason="the extra openai is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST_S: Final = 2.0
BETWEEN_S: Final = 1.0
BOT: Final = f'''
import logging

from bot.openai import OpenAiBot

log = logging.getLogger("fragile")


def book(hour: int) -> str:
    """Book a table."""
    log.warning("booked %d", hour)
    return f"booked for {{hour}}"


class Fragile(OpenAiBot):
    model, greeting = "rules", ""
    first_token_s, between_tokens_s = {FIRST_S}, {BETWEEN_S}
    tools = (book,)
'''
WORDS: Final = "The museum is open today."
APOLOGY: Final = "something went wrong"
BOOK: Final = ("^user: ", Answer(calls=[("book", '{"hour": 10}')]))
FAULTS: Final = (Fault.STALL, Fault.MALFORMED)
MORE_FAULTS: Final = (Fault.RESET, Fault.STRANGE, Fault.ERROR, Fault.BROKEN_OFF)
every_fault = pytest.mark.parametrize(
    "fault",
    [*FAULTS, *(pytest.param(fault, marks=pytest.mark.slow) for fault in MORE_FAULTS)],
    ids=lambda fault: fault.name.lower(),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fragile")
    (folder / "fragile.py").write_text(BOT)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(folder: Path) -> AsyncIterator[tuple[ChatServer, Server]]:
    async with ChatServer() as chat:
        env = {"OPENAI_BASE_URL": chat.url, "OPENAI_API_KEY": "none"}
        async with serve("--bot", "fragile:Fragile", env=env, cwd=folder) as server:
            yield chat, server


@pytest.fixture
def chat(running: tuple[ChatServer, Server]) -> ChatServer:
    running[0].requests.clear()
    return running[0]


@pytest.fixture
def server(running: tuple[ChatServer, Server]) -> Server:
    running[1].output.clear()
    return running[1]


async def test_a_slow_first_word_is_waited_for(server: Server, chat: ChatServer, ears: WhisperAsr) -> None:
    chat.rules = [("", Answer(WORDS, delay_s=FIRST_S / 2))]
    async with dial(server.twilio, call_sid="CA" + "1" * 32) as phone:
        heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
        heard = await hear(phone, ears, from_ms=heard_ms, then_within_s=1)
    assert "museum is open" in heard and APOLOGY not in heard
    assert len(chat.requests) == 1


@every_fault
async def test_without_a_word_of_the_model_the_caller_hears_the_fallback_in_time(
    server: Server, chat: ChatServer, ears: WhisperAsr, fault: Fault
) -> None:
    chat.rules = [("", Answer(fault=fault))]
    async with dial(server.twilio, call_sid="CA" + "2" * 32) as phone:
        heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
        assert APOLOGY in await hear(phone, ears, from_ms=heard_ms, then_within_s=1)
        chat.rules = [("", Answer(WORDS))]
        heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
        assert "museum is open" in await hear(phone, ears, from_ms=heard_ms, then_within_s=1)
    assert server.log.count("the bot failed") == 1


@every_fault
async def test_an_answer_that_breaks_off_is_heard_so_far_and_the_fallback_behind_it(
    server: Server, chat: ChatServer, ears: WhisperAsr, fault: Fault
) -> None:
    chat.rules = [("", Answer(f"{WORDS} And on Sunday", fault=fault))]
    async with dial(server.twilio, call_sid="CA" + "3" * 32) as phone:
        heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
        heard = await hear(phone, ears, from_ms=heard_ms, then_within_s=BETWEEN_S + 1)
    assert "museum is open" in heard and APOLOGY in heard
    assert len(chat.requests) == 1, "what was said is not said again"


@pytest.mark.parametrize(
    "fault", [Fault.STALL, pytest.param(Fault.RESET, marks=pytest.mark.slow)], ids=lambda fault: fault.name.lower()
)
async def test_what_a_tool_did_before_the_fault_is_done_once_and_known_afterwards(
    server: Server, chat: ChatServer, ears: WhisperAsr, fault: Fault
) -> None:
    chat.rules = [BOOK, ("^tool: ", Answer(fault=fault))]
    async with dial(server.twilio, call_sid="CA" + "4" * 32) as phone:
        heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
        assert APOLOGY in await hear(phone, ears, from_ms=heard_ms, then_within_s=1)
        chat.rules = [("^user: ", Answer("It is booked."))]
        heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
        assert "booked" in await hear(phone, ears, from_ms=heard_ms, then_within_s=1)
    assert server.log.count("booked 10") == 1
    assert {"role": "tool", "tool_call_id": "id-0", "content": "booked for 10"} in chat.requests[-1]["messages"]


async def test_a_second_server_that_books_again_books_nothing(folder: Path, ears: WhisperAsr) -> None:
    again = Answer("One moment.", calls=[("book", '{ "hour": 10 }')])
    async with ChatServer([BOOK, ("^tool: ", Answer(fault=Fault.RESET))]) as first, ChatServer([("", again)]) as second:
        env = {"OPENAI_BASE_URL": first.url, "OPENAI_API_KEY": "none", "BRIDGE_LLM_FALLBACK_URL": second.url}
        async with serve("--bot", "fragile:Fragile", env=env, cwd=folder) as server:
            async with dial(server.twilio, call_sid="CA" + "5" * 32) as phone:
                heard_ms = await ask(phone, within_s=FIRST_S + SLACK_S)
                assert "one moment" in await hear(phone, ears, from_ms=heard_ms, then_within_s=1)
            assert len(second.requests) > 1
            assert server.log.count("booked 10") == 1
