"""A bot that thinks with a language model: any server that speaks the chat completions protocol."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import cache
from typing import ClassVar

from bot.actions import Action
from bot.api import Bot, CallInfo, Say, Turn
from bot.openai.chunks import Usage
from bot.openai.clients import clients, warm
from bot.openai.configuration import Configuration, Endpoint
from bot.openai.errands import Errands, Fillers
from bot.openai.failover import Way
from bot.openai.mcp_tools import McpServer, tools_of
from bot.openai.messages import Exchange, conversation, words
from bot.openai.rounds import Rounds
from bot.openai.stream import ModelFailed, Patience, Question
from bot.tools import AnyTool, describe

log = logging.getLogger(__name__)


class OpenAiBot(Bot):
    """Answers by itself as `--bot openai`, configured by the environment; or be its author, and say in a subclass what
    is different. docs/bots.md tells of both.

    class Shop(OpenAiBot):
        prompt = "You answer the telephone of the Corner Shop. We are open from nine to six."
        tools = (find_order,)
    """

    model: ClassVar[str] = ""
    """BRIDGE_LLM_MODEL goes before it."""
    base_url: ClassVar[str] = ""
    """Of the server, up to "/v1"; OPENAI_BASE_URL goes before it. Empty: OpenAI's own."""
    fallback_url: ClassVar[str] = ""
    """A second server, asked once where the first fails before it said anything; BRIDGE_LLM_FALLBACK_URL."""
    fallback_model: ClassVar[str] = ""
    """Empty: the same; BRIDGE_LLM_FALLBACK_MODEL."""
    prompt: ClassVar[str] = "You are a friendly assistant who answers the telephone."
    """BRIDGE_LLM_PROMPT and BRIDGE_LLM_PROMPT_FILE go before it."""
    manner: ClassVar[str] = (
        "This is a telephone call: all that you write is spoken. Answer in one to three short sentences of plain text, "
        "in the caller's language, without lists, markdown, links or emoji. The caller's words come from a speech "
        "recogniser and may be wrong: ask when they make no sense. Where a line of yours breaks off, the caller "
        "interrupted you and heard no more of it."
    )
    """Behind every prompt."""
    greeting: ClassVar[str] = "Hello! How can I help you?"
    """First words; empty, none. Say them in the caller's language."""
    tools: ClassVar[Sequence[Callable[..., object]]] = ()
    """Functions the model may call: typed, with a docstring, plain or async; with `self` first they get the bot.
    Actions that they return (bot/actions.py) happen on the call."""
    mcp: ClassVar[Sequence[McpServer]] = ()
    """Servers whose tools the model may call beside them, by the Model Context Protocol; BRIDGE_LLM_MCP adds some."""
    tool_rounds: ClassVar[int] = 4
    """Times in one reply that the model may call tools; then it must answer."""
    tool_timeout_s: ClassVar[float] = 8.0
    fillers: ClassVar[Sequence[str]] = ("One moment, please.", "I am still looking into it.")
    """Said in this order, each once a reply, while tools are at work."""
    filler_after_s: ClassVar[float] = 1.0
    """Silence that a caller takes for thinking."""
    filler_again_s: ClassVar[float] = 4.0
    first_token_s: ClassVar[float] = 3.0
    """Two servers that fail so are 6 s of silence, and the bridge's --bot-timeout is 10."""
    between_tokens_s: ClassVar[float] = 2.0
    total_s: ClassVar[float] = 30.0
    """All that a reply may wait for models."""
    apology: ClassVar[str] = ""
    """Said where no model answered. Empty: the bridge says its --fallback-text, and counts it."""
    memory: ClassVar[int] = 100
    """Lines of the conversation that the model is told, the newest."""
    options: ClassVar[Mapping[str, object]] = {}
    """Further fields of each request, e.g. {"temperature": 0.3}."""

    def __init__(self) -> None:
        """Raises:
        RuntimeError: the configuration is not complete, or the openai package is missing.
        TypeError, ValueError: the class says something that cannot be.
        """
        self._configuration, tools = _prepare(type(self))  # type: ignore[arg-type]  # mypy: a class has no hash
        self.speculates = self._configuration.speculates  # type: ignore[misc]  # what the environment says goes before
        self._tools = [_announce(tool) for tool in tools.values()]
        self._errands = Errands(tools, self, limit_s=self.tool_timeout_s)
        self.call = CallInfo("")
        """Who calls whom; tools with `self` may want to know."""

    def prompt_for(self, turn: Turn) -> str:
        """Return what the model is told before the conversation. Override it to say more, e.g. what day it is."""
        known = "".join(f"\n{name}: {value}" for name, value in turn.carry.items())
        colleague = f"\n\nA colleague spoke with the caller before you, and knows:{known}" if known else ""
        return f"{self._configuration.prompt}\n\n{self.manner}{colleague}"

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        """Greet the caller."""
        self.call = call
        if self.greeting:
            yield self.greeting

    def on_takeover(self, turn: Turn) -> AsyncIterator[str | Action]:
        """Take the call from another bot: answer what the caller said last."""
        return self.reply(turn) if turn.text else self.on_call(turn.call)

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        """Answer with the model's words as they come, and what its tools ask to be done.

        Raises:
            ModelFailed: none came, and there is no apology.
        """
        self.call = turn.call
        fillers = Fillers(self.fillers, after_s=self.filler_after_s, again_s=self.filler_again_s)
        async with aclosing(self._errands.settle(fillers)) as texts:
            async for text in texts:
                yield text
        rounds = self._rounds(turn, fillers)
        try:
            while not rounds.over:
                async with aclosing(rounds.take()) as texts:
                    async for text in texts:
                        yield text
                while action := rounds.action():
                    with rounds.carrying_out():
                        yield action
        except ModelFailed as error:
            if not self.apology:
                raise
            log.error("%s", error)
            yield Say(self.apology)

    def _rounds(self, turn: Turn, fillers: Fillers) -> Rounds:
        exchange = Exchange(len(turn.history), words(turn))
        patience = Patience(self.first_token_s, self.between_tokens_s, self.total_s)
        way = Way(self._configuration.endpoints, clients(), patience)
        most = self.tool_rounds if self._tools else 0
        return Rounds(
            lambda may_call: way.ask(self._question(turn, exchange, may_call=may_call)),
            self._errands,
            exchange,
            fillers,
            most=most,
        )

    def _question(self, turn: Turn, exchange: Exchange, *, may_call: bool) -> Question:
        prompt, done = self.prompt_for(turn), self._errands.exchanges
        messages = conversation(prompt, turn, done, memory=self.memory, now=exchange)
        return Question(
            messages=messages, tools=self._tools, may_call=may_call, options=self.options, on_usage=self._count
        )

    def _count(self, endpoint: Endpoint, usage: Usage) -> None:
        self.note("model", endpoint.model, input_tokens=usage.read, output_tokens=usage.written)


@cache  # a bot is made for each call, and what is read here never changes
def _prepare(kind: type[OpenAiBot]) -> tuple[Configuration, Mapping[str, AnyTool]]:
    warm()
    for name in ("tool_timeout_s", "filler_after_s", "filler_again_s", "first_token_s", "between_tokens_s", "total_s"):
        if not getattr(kind, name) > 0:
            raise ValueError(f"{kind.__name__}.{name} is {getattr(kind, name)}, must be above 0")
    configuration = Configuration.read(
        model=kind.model,
        prompt=kind.prompt,
        base_url=kind.base_url,
        fallback_url=kind.fallback_url,
        fallback_model=kind.fallback_model,
        speculates=kind.speculates,
    )
    servers = (*kind.mcp, *(McpServer(url=url) for url in configuration.mcp_urls))
    tools: list[AnyTool] = [*map(describe, kind.tools), *tools_of(servers)]
    named = {tool.name: tool for tool in tools}
    if len(named) < len(tools):
        raise TypeError(f"two tools have one name: {', '.join(tool.name for tool in tools)}")
    if tools and configuration.speculates:
        raise TypeError(
            f"{kind.__name__} has tools and speculates (BRIDGE_LLM_SPECULATE, or its class): they would be called for "
            "words never said so"
        )
    return configuration, named


def _announce(tool: AnyTool) -> Mapping[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
