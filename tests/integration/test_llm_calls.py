"""A call with a real language model: it is heard while it still writes, cut off, and asked again."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from integration.recordings import prompt
from integration.server import Server, serve
from llama import serve_llama

from bridge.commands.phone.simulated_phone import dial

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOT = """
import logging

from bot.openai import OpenAiBot

log = logging.getLogger("teller")


class Teller(OpenAiBot):
    model = "gemma"
    greeting = ""
    prompt = "Tell a long story about the sea."
    first_token_s = between_tokens_s = 30
    options = {"max_tokens": 300, "temperature": 0.0}

    async def on_interrupted(self, heard):
        log.warning("interrupted after %d ms: %r", heard.played_ms, str(heard))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("llm")
    (folder / "teller.py").write_text(BOT)
    flags = ("--bot", "teller:Teller", "--bot-timeout", "60", "--filler-after", "0", "--log-level", "DEBUG")
    with serve_llama(folder) as url:
        async with serve(*flags, env={"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}, cwd=folder) as server:
            yield server


async def test_a_caller_hears_the_model_interrupts_it_and_is_answered_again(server: Server) -> None:
    said = prompt("conf-full").mulaw
    async with dial(server.twilio, call_sid="CA" + "7" * 32) as phone:
        ended_ms = await phone.say(said)
        heard_ms = await phone.until_heard(after_ms=ended_ms, timeout_s=60)
        await phone.until(lambda: phone.now_ms > heard_ms + 1500)
        ended_ms = await phone.say(said)
        assert phone.record.first("clear", after_ms=heard_ms), "the bot falls silent"
        await server.logged("interrupted after")
        await phone.until_heard(after_ms=ended_ms, timeout_s=60)
    assert "the bot failed" not in server.log
