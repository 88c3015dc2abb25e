"""Tools from MCP servers, against a real one: over standard input and output, and over HTTP."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest
from chat_server import Answer, ChatServer

from bot.api import CallInfo, Turn
from bot.openai import McpServer, OpenAiBot
from bot.openai.mcp_tools import McpTool, tools_of

pytestmark = [
    pytest.mark.heavy,
    *(
        pytest.mark.skipif(find_spec(name) is None, reason=f"the extra {name} is not installed")
        for name in ("openai", "mcp")
    ),
]

SCRIPT = str(Path(__file__).parents[2] / "support" / "mcp_server.py")
STDIO = McpServer(command=(sys.executable, SCRIPT), env={"SHOP_KEY": "k"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server that speaks HTTP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    with subprocess.Popen([sys.executable, SCRIPT, str(number)]) as process:
        for _ in range(200):
            with socket.socket() as probe:
                probe.settimeout(0.1)
                if probe.connect_ex(("127.0.0.1", number)) == 0:
                    break
            assert process.poll() is None
            process_wait(process)
        yield number
        process.kill()


def process_wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return


def listed(server: McpServer) -> dict[str, McpTool]:
    return {tool.name: tool for tool in tools_of((server,))}


async def call(tool: McpTool, arguments: str = "{}", limit_s: float = 20) -> str:
    return str(await tool.call(arguments, None, limit_s=limit_s))


async def test_a_server_that_we_start_has_its_tools_called() -> None:
    tools = await asyncio.to_thread(listed, STDIO)
    assert set(tools) == {"find_order", "stock_level", "slow", "broken", "end", "secret"}
    order = tools["find_order"]
    assert order.description == "Look up where an order is."
    assert cast(dict[str, Any], order.parameters)["properties"]["number"]["type"] == "integer"
    assert await call(order, '{"number": 12}') == "order 12 comes tomorrow"
    assert "12" in await call(tools["stock_level"], '{"item": "chain"}'), "a name that no model may be told is mended"
    assert await call(tools["secret"]) == "k"
    assert (await call(tools["broken"])).startswith("Error: ")
    assert (await call(order, '{"number": "x"}')).startswith("Error: ")
    assert "must be an object" in await call(order, "[1]")
    assert "wrong arguments" in await call(order, "{")


async def test_a_tool_that_takes_too_long_is_given_up_and_the_next_is_called() -> None:
    tools = await asyncio.to_thread(listed, STDIO)
    assert await call(tools["find_order"], '{"number": 1}') == "order 1 comes tomorrow"
    assert "no result within 0.2 s" in await call(tools["slow"], '{"seconds": 1}', limit_s=0.2)
    assert await call(tools["find_order"], '{"number": 2}') == "order 2 comes tomorrow"


async def test_a_server_that_ended_is_started_again_for_the_next_call() -> None:
    tools = await asyncio.to_thread(listed, STDIO)
    assert (await call(tools["end"])).startswith("Error: ")
    assert await call(tools["find_order"], '{"number": 3}') == "order 3 comes tomorrow"


async def test_over_http_calls_share_a_connection(port: int) -> None:
    server = McpServer(url=f"http://127.0.0.1:{port}/mcp", exclude=("end",), prefix="shop_")
    tools = await asyncio.to_thread(listed, server)
    assert "shop_find_order" in tools and "shop_end" not in tools
    asked = (call(tools["shop_find_order"], f'{{"number": {n}}}') for n in range(5))
    assert await asyncio.gather(*asked) == [f"order {n} comes tomorrow" for n in range(5)]


async def test_a_model_calls_what_is_included(port: int) -> None:
    url = f"http://127.0.0.1:{port}/mcp"
    async with ChatServer() as chat:
        chat.rules = [
            ("^user: ", Answer(calls=[("find_order", '{"number": 12}')])),
            ("^tool: order 12 comes tomorrow", Answer("It comes tomorrow.")),
        ]
        says = {
            "model": "m",
            "base_url": chat.url,
            "mcp": (McpServer(url=url, include=("find_order",)),),
            "fillers": (),
        }
        bot = await asyncio.to_thread(type("Shop", (OpenAiBot,), says))
        pieces = [str(piece) async for piece in bot.reply(Turn(CallInfo("1"), "Where is it?", "English"))]
        assert "".join(pieces) == "It comes tomorrow."
        assert [tool["function"]["name"] for tool in chat.requests[0]["tools"]] == ["find_order"]


def test_a_server_that_is_not_there_shows_at_start() -> None:
    with pytest.raises(RuntimeError, match="the MCP server no-such-command"):
        tools_of((McpServer(command=("no-such-command",)),))
    with pytest.raises(RuntimeError, match="the MCP server 127"):
        tools_of((McpServer(url="http://127.0.0.1:1/mcp"),))


def test_a_tool_that_is_named_must_be_there() -> None:
    with pytest.raises(RuntimeError, match=r"has no find_orders; it has .*find_order"):
        tools_of((McpServer(command=STDIO.command, include=("find_orders",)),))


@pytest.mark.parametrize(
    "wrong", [{}, {"url": "http://a", "command": ("b",)}, {"command": "python x.py"}, {"url": "a.example"}]
)
def test_what_is_no_server_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="McpServer"):
        McpServer(**wrong)
