"""Tools from MCP servers: what a model is told of them, and calls that cannot fail.

    class Shop(OpenAiBot):
        mcp = (McpServer(url="https://tools.example.com/mcp", include=("find_order",)),)

They are listed once, at start-up. All calls of one process share a connection to each server, which is opened when a
tool is first called and opened again after it was lost. All of it happens in a thread with an event loop of its own:
starting a server, and reading what one writes, must not hold up anybody's audio.
"""

import asyncio
import json
import logging
import re
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bot import installing
from bot.tools import LONGEST, Outcome

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

log = logging.getLogger(__name__)

_LIST_S: Final = 20.0
"""To start a server and to have it list its tools, at start-up."""
_MOST_PAGES: Final = 100
_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")  # what the chat completions protocol does not allow


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """One server, and which of its tools the model may call.

    Raises:
        ValueError: it is neither an address nor a command.
    """

    url: str = ""
    """Of a server that speaks streamable HTTP."""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    """Of each request to it, e.g. {"Authorization": "Bearer ..."}."""
    command: Sequence[str] = ()
    """Of a server that speaks over standard input and output, with its arguments; the bridge starts it."""
    env: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    """Its environment beside PATH, HOME and the like."""
    include: Sequence[str] = ()
    """Names of the tools that are used; empty is all."""
    exclude: Sequence[str] = ()
    """Names of those that are not."""
    prefix: str = ""
    """Before the name of each, where two servers have one of the same name."""

    def __post_init__(self) -> None:
        if bool(self.url) is bool(self.command):
            raise ValueError(f"{self!r}: an MCP server has a url or a command")
        if isinstance(self.command, str):
            raise ValueError(f"{self!r}: command is a sequence, e.g. ('python', 'tools.py')")
        if self.url and urlsplit(self.url).scheme not in {"http", "https"}:
            raise ValueError(f"{self!r}: url must be http(s)://host[:port]/path")

    def __str__(self) -> str:
        return urlsplit(self.url).hostname or self.command[0]

    def wants(self, name: str) -> bool:
        """Return whether the tool `name` is used."""
        return name not in self.exclude and (not self.include or name in self.include)


@dataclass(frozen=True, slots=True)
class McpTool:
    """One tool, as the model sees it."""

    name: str
    description: str
    parameters: Mapping[str, object]
    server: McpServer
    name_there: str
    """As its server knows it."""

    async def call(self, arguments: str, owner: object, *, limit_s: float) -> Outcome:
        """Return the result, or as text for the model what went wrong. Raises nothing. See bot.tools.Tool."""
        try:
            given = json.loads(arguments.strip() or "{}")
        except (ValueError, RecursionError) as error:
            return Outcome(f"Error: wrong arguments: {error}")
        if not isinstance(given, dict):
            return Outcome("Error: wrong arguments: they must be an object")
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                asked = _connections.call(self.server, self.name_there, given)
                return _outcome(await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, _loop())))
        except TimeoutError:
            log.error("the tool %s of %s took more than %g s", self.name, self.server, limit_s)
            return Outcome(f"Error: no result within {limit_s:g} s; whether it was done is not known")
        except Exception as error:  # whatever the client and its transports raise costs this tool, and no call
            log.error("the tool %s of %s failed: %s", self.name, self.server, _one_line(error))
            return Outcome(f"Error: {_one_line(error)}"[:LONGEST])


@cache
def tools_of(servers: tuple[McpServer, ...]) -> Sequence[McpTool]:
    """Return the tools of `servers`. Blocks; call it at start-up.

    Raises:
        RuntimeError: the mcp package is missing, a server is not there, or a tool that is named is not.
    """
    if not servers:
        return ()
    try:
        import mcp  # noqa: F401 - is it there?
    except ImportError as error:
        raise RuntimeError(f"{error}; {installing.extra('mcp')} brings it") from error
    listing = [asyncio.run_coroutine_threadsafe(_list(server), _loop()) for server in servers]
    return [tool for each in listing for tool in each.result()]


async def _list(server: McpServer) -> list[McpTool]:
    try:
        async with asyncio.timeout(_LIST_S), _open(server) as client:
            found, cursor = [], None
            for _ in range(_MOST_PAGES):
                page = await client.list_tools(cursor=cursor)
                found += page.tools
                if not (cursor := page.next_cursor):
                    break
    except Exception as error:  # whatever the client and its transports raise
        raise RuntimeError(f"the MCP server {server}: {_one_line(error)}") from error
    names = [tool.name for tool in found]
    if missing := [name for name in (*server.include, *server.exclude) if name not in names]:
        raise RuntimeError(f"the MCP server {server} has no {', '.join(missing)}; it has {', '.join(names) or 'none'}")
    return [
        McpTool(
            _NAME.sub("_", server.prefix + tool.name)[:64],
            tool.description or tool.title or tool.name,
            {key: value for key, value in tool.input_schema.items() if key != "$schema"},
            server,
            tool.name,
        )
        for tool in found
        if server.wants(tool.name)
    ]


@asynccontextmanager
async def _open(server: McpServer) -> "AsyncGenerator[Client, None]":
    from mcp import Client, StdioServerParameters

    if server.command:
        command, *args = server.command
        async with Client(StdioServerParameters(command=command, args=args, env=dict(server.env) or None)) as client:
            yield client
        return
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    async with (
        create_mcp_http_client(headers=dict(server.headers)) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        yield client


class _Connections:
    """Those of the process, used in one loop. A task of its own enters and leaves each, as the client wants it."""

    def __init__(self) -> None:
        self._holders: dict[McpServer, tuple[asyncio.Task[None], asyncio.Future[Client]]] = {}

    async def call(self, server: McpServer, name: str, arguments: dict[str, object]) -> "CallToolResult":
        """Have `server` run a tool. After a fault its connection is given up: the next call opens another."""
        holder, opened = self._holders.get(server) or self._hold(server)
        try:
            client = await asyncio.shield(opened)
            return await client.call_tool(name, arguments)
        except Exception:  # whatever it is, nobody knows whether the connection still works
            holder.cancel()
            if self._holders.get(server, (None,))[0] is holder:
                del self._holders[server]
            raise

    def _hold(self, server: McpServer) -> "tuple[asyncio.Task[None], asyncio.Future[Client]]":
        opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        opened.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to hear of it
        self._holders[server] = asyncio.create_task(_keep_open(server, opened)), opened
        return self._holders[server]


async def _keep_open(server: McpServer, opened: "asyncio.Future[Client]") -> None:
    try:
        async with _open(server) as client:
            if not opened.done():
                opened.set_result(client)
            await asyncio.Event().wait()
    except Exception as error:  # whatever the client and its transports raise
        if opened.done():
            log.warning("the MCP server %s: %s", server, _one_line(error))
        else:
            opened.set_exception(error)
    finally:
        opened.cancel()


_connections: Final = _Connections()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop of the thread that speaks with the servers; it ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="mcp", daemon=True).start()
    return loop


def _outcome(result: "CallToolResult") -> Outcome:
    """Return text and data as the model reads them; it hears of other kinds of content that they are there."""
    texts = [getattr(block, "text", None) or f"[{block.type}]" for block in result.content]
    if not any(texts) and result.structured_content is not None:
        texts = [json.dumps(result.structured_content, ensure_ascii=False)]
    text = "\n".join(texts)[:LONGEST]
    return Outcome(f"Error: {text}" if result.is_error else text)


def _one_line(error: BaseException) -> str:
    """Return what `error` says; of a group the first of those inside."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
