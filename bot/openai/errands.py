"""Tools at work. What a model asked for is done once, also where the caller speaks over the reply that wanted it."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from bot.actions import Action
from bot.api import Bot, Say
from bot.openai.chunks import ToolCall
from bot.openai.messages import Exchange, Round
from bot.openai.tracing import running
from bot.tools import AnyTool, Outcome

NOT_BEGUN: Final = "Not done: the caller spoke before it was begun."
NOT_REACHED: Final = "Not done: the reply ended before it."


class Errands:
    """Those of one call. A tool that was begun goes on to its end or its limit, and the next reply waits for it.

    The same call, with the same arguments, is made once a turn. Asked for again, it has the result it had.
    """

    def __init__(self, tools: Mapping[str, AnyTool], owner: object, *, limit_s: float) -> None:
        self._tools, self._owner, self._limit_s = tools, owner, limit_s
        self._running: asyncio.Task[None] | None = None
        self._wanted = False  # by a reply that is still being given
        self._at, self._ran = 0, dict[tuple[str, str], Outcome]()  # of the newest turn
        self.exchanges: list[Exchange] = []
        """What was done so far in this call."""
        self.due: deque[tuple[Outcome, Action]] = deque()
        """Actions that tools asked for and nobody has carried out."""

    async def settle(self, fillers: "Fillers") -> AsyncGenerator[str, None]:
        """Wait for what an earlier reply began, as `wait` does; what it did not come to is dropped."""
        async with aclosing(self.wait(fillers)) as texts:
            async for text in texts:
                yield text
        for outcome, _ in self.due:
            outcome.trouble = outcome.trouble or NOT_REACHED
        self.due.clear()

    def begin(self, calls: Sequence[ToolCall], exchange: Exchange, *, said: str) -> None:
        """Call the tools, one after the other as the model ordered them; `wait` for their end. `said`: before them."""
        if exchange.at != self._at:
            self._at = exchange.at
            self._ran.clear()
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
        outcomes: list[Outcome] = []
        for call in calls:
            outcome = await self._once(call) if self._wanted else Outcome(NOT_BEGUN)
            if all(outcome is not earlier for earlier in outcomes):
                self.due += [(outcome, action) for action in outcome.actions]
            outcomes.append(outcome)
        exchange.rounds.append(Round(said, calls, outcomes))
        if exchange not in self.exchanges:
            self.exchanges.append(exchange)

    async def _once(self, call: ToolCall) -> Outcome:
        same = call.name, _canonical(call.arguments)
        if same not in self._ran:
            ran, begun_s = self._ran, asyncio.get_running_loop().time()  # a caller who goes on may begin another turn
            ran[same] = outcome = await self._call(call)
            took_ms = round((asyncio.get_running_loop().time() - begun_s) * 1000)
            if isinstance(self._owner, Bot):
                self._owner.note("tool", call.name, arguments=call.arguments, result=str(outcome), took_ms=took_ms)
        return self._ran[same]

    async def _call(self, call: ToolCall) -> Outcome:
        tool = self._tools.get(call.name)
        if not tool:
            return Outcome(f"Error: there is no tool {call.name!r}; there are {', '.join(self._tools)}")
        try:
            with running(tool.name):
                return await tool.call(call.arguments, self._owner, limit_s=self._limit_s)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            return Outcome("Error: it was cancelled")  # by itself: something it waited for was


class Fillers:
    """What may be said while one reply waits for tools, each text once."""

    def __init__(self, texts: Sequence[str], *, after_s: float, again_s: float) -> None:
        self.texts, self.after_s, self.again_s = list(texts), after_s, again_s


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments.strip() or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
