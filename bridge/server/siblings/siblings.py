"""The other workers of this server, as one of them sees them: asked in parallel, and followed as they come and go."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector

from bridge.containment import beside
from bridge.records.entries import Entry, from_json
from bridge.server.api.archive import CallsElsewhere
from bridge.server.siblings.worker import passing_path, private_path

log = logging.getLogger(__name__)

_ASK_S: Final = 2.0
_HEALTH_S: Final = 0.5
"""Whoever asks for the health has a second, as a rule, and a worker that stands still is no reason to restart all."""
_AGAIN_S: Final = 0.5
_LINE_BYTES: Final = 1 << 20
_HOST: Final = "http://localhost"
_UNANSWERED: Final = (ClientError, OSError, TimeoutError, ValueError)


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another worker."""

    row: int
    number: int
    """As the operator counts workers: from 1."""
    leaving: bool = False
    """It takes no new calls, and another one has its number."""


class Siblings:
    """All of them. There may be none: then nothing is asked, and nothing comes."""

    def __init__(self, folder: Path = Path(), *, row: int = 0, number: int = 1) -> None:
        """`folder`, `row`, `number`: those of this worker."""
        self.row, self.number = row, number
        self._folder = folder
        self._others: dict[int, Sibling] = {}
        self._changed = asyncio.Event()

    @property
    def others(self) -> Sequence[Sibling]:
        """Those that there are, in the order of their begin."""
        return tuple(self._others.values())

    def set(self, told: Sequence[Mapping[str, int]]) -> None:
        """Take who there is, this worker among them, as the supervisor tells it."""
        all_of_them = [Sibling(each["row"], each["number"], bool(each["leaving"])) for each in told]
        self._others = {each.row: each for each in all_of_them if each.row != self.row}
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def first(self) -> Sibling | None:
        """Return the worker that has number 1, where that is another one and takes calls."""
        return next((each for each in self.others if each.number == 1 and not each.leaving), None)

    def passing_path(self, row: int) -> Path | None:
        """Return where that worker is handed connections; None where it is gone."""
        return passing_path(self._folder, row) if row in self._others else None

    # ------------------------------------------------------------ asked

    async def ask(self, path: str, *, within_s: float = _ASK_S) -> Mapping[Sibling, Mapping[str, Any]]:
        """Return what each answers to GET `path`, from JSON; who does not answer in time is left out."""
        others = self.others
        answers = await asyncio.gather(*(self._ask(each, path, within_s) for each in others))
        return {each: answer for each, answer in zip(others, answers, strict=True) if answer is not None}

    async def health(self) -> Mapping[int, Any]:
        """Return by number what `Health.told` says of each that takes calls; None of one that does not answer."""
        answers = await self.ask("/health", within_s=_HEALTH_S)
        return {each.number: answers.get(each) for each in self.others if not each.leaving}

    async def calls(self) -> CallsElsewhere:
        """Return the calls of all of them."""
        answers = (await self.ask("/calls")).values()
        live, held = ([row for answer in answers for row in answer[kind]] for kind in ("live", "held"))
        return CallsElsewhere(live, held)

    def entries(self, put: Callable[[Entry], None]) -> AbstractAsyncContextManager[None]:
        """Call `put` with what happens on their calls, inside the `async with`."""
        return self.followed("/entries", lambda line: put(from_json(line)))

    def levels(self, put: Callable[[Mapping[str, object]], None]) -> AbstractAsyncContextManager[None]:
        """Call `put` with the levels of their calls, inside the `async with`."""

        def tell(line: bytes) -> None:
            if level := json.loads(line):
                put(level)

        return self.followed("/levels", tell)

    def transcripts(self, put: Callable[[str, str], None]) -> AbstractAsyncContextManager[None]:
        """Call `put` with call and message of what is said where there is no bot, inside the `async with`."""
        return self.followed("/transcripts", lambda line: put(*json.loads(line)))

    async def owner(self, name: str) -> Sibling | None:
        """Return who carries, or places, the call of that name."""
        answers = await self.ask(f"/owns/{quote(name, safe='')}") if self._others else {}
        return next((each for each, answer in answers.items() if answer.get("owns")), None)

    async def _ask(self, sibling: Sibling, path: str, within_s: float) -> Mapping[str, Any] | None:
        try:
            async with (
                asyncio.timeout(within_s),
                self._session(sibling.row) as session,
                session.get(f"{_HOST}{path}") as response,
            ):
                answer: Mapping[str, Any] = await response.json()
                return answer
        except _UNANSWERED as error:
            log.debug("worker %d does not answer: %s", sibling.number, error)
            return None

    def _session(self, row: int) -> ClientSession:
        connector = UnixConnector(str(private_path(self._folder, row)))
        return ClientSession(connector=connector, timeout=ClientTimeout(), read_bufsize=_LINE_BYTES)

    # ------------------------------------------------------------ followed

    @asynccontextmanager
    async def followed(self, path: str, put: Callable[[bytes], None]) -> AsyncIterator[None]:
        """Call `put` with each line that each of them tells at GET `path`, inside the `async with`."""
        begun = {row: asyncio.Event() for row in self._others}
        async with beside(self._follow_all(path, put, begun), f"what other workers tell at {path}"):
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_S):
                    await asyncio.gather(*(event.wait() for event in begun.values()))
            yield

    async def _follow_all(self, path: str, put: Callable[[bytes], None], begun: Mapping[int, asyncio.Event]) -> None:
        async with asyncio.TaskGroup() as tasks:
            known: dict[int, asyncio.Task[None]] = {}
            while True:
                changed = self._changed
                for row in known.keys() - self._others.keys():
                    known.pop(row).cancel()
                for row in self._others.keys() - known.keys():
                    known[row] = tasks.create_task(self._follow(row, path, put, begun.get(row)))
                await changed.wait()

    async def _follow(self, row: int, path: str, put: Callable[[bytes], None], begun: asyncio.Event | None) -> None:
        while True:
            with suppress(*_UNANSWERED):
                async with self._session(row) as session, session.get(f"{_HOST}{path}") as response:
                    if begun:
                        begun.set()
                    async for line in response.content:
                        put(line)
            await asyncio.sleep(_AGAIN_S)  # it begins, or ends
