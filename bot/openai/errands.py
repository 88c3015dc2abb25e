"""Tools at work. What a model asked for is done once, also where the caller speaks over the reply that wanted it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from bot.api import Say
from bot.openai.chunks import ToolCall
from bot.openai.messages import Exchange, Round
from bot.tools import Tool

NOT_DONE: Final = "Not done: the caller spoke before it was begun."


class Errands:
    """Those of one call. A tool that was begun goes on to its end or its limit, and the next reply waits for it."""

    def __init__(self, tools: Mapping[str, Tool], owner: object, *, limit_s: float) -> None:
        self._tools, self._owner, self._limit_s = tools, owner, limit_s
        self._running: asyncio.Task[None] | None = None
        self._wanted = False  # by a reply that is still being given
        self.exchanges: list[Exchange] = []
        """What was done so far in this call."""

    def begin(self, calls: Sequence[ToolCall], exchange: Exchange, *, said: str) -> None:
        """Call the tools, one after the other as the model ordered them; `wait` for their end. `said`: before them."""
        self._wanted = True
        self._running = asyncio.create_task(self._run(calls, exchange, said))

    async def wait(self, fillers: "Fillers", *, said: bool = False) -> AsyncGenerator[str, None]:
        """Wait for what was begun, by this reply or an earlier one; yield what is to be said meanwhile.

        `said`: something was, just now, and is to be spoken without waiting for more. Closed before the end, it lets
        the tool at work go on, and no further one.
        """
        pause_s = fillers.again_s if said else fillers.after_s
        try:
            if said:
                yield "\n"
            while self._running and not self._running.done():
                done, _ = await asyncio.wait({self._running}, timeout=pause_s)
                if not done and fillers.texts:
                    yield Say(fillers.texts.pop(0))
                pause_s = fillers.again_s
        finally:
            self._wanted = False

    async def _run(self, calls: Sequence[ToolCall], exchange: Exchange, said: str) -> None:
        results: list[str] = []
        for call in calls:
            results.append(await self._call(call) if self._wanted else NOT_DONE)  # noqa: PERF401 - one by one
        exchange.rounds.append(Round(said, calls, results))
        if exchange not in self.exchanges:
            self.exchanges.append(exchange)

    async def _call(self, call: ToolCall) -> str:
        tool = self._tools.get(call.name)
        if not tool:
            return f"Error: there is no tool {call.name!r}; there are {', '.join(self._tools)}"
        try:
            return await tool.call(call.arguments, self._owner, limit_s=self._limit_s)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            return "Error: it was cancelled"  # by itself: something it waited for was


class Fillers:
    """What may be said while one reply waits for tools, each text once."""

    def __init__(self, texts: Sequence[str], *, after_s: float, again_s: float) -> None:
        self.texts, self.after_s, self.again_s = list(texts), after_s, again_s
