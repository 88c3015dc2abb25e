"""How loud both sides of all live calls are, told five times a second while somebody wants to know."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from bridge.containment import begun
from bridge.monitoring.call_sound import CallSound
from bridge.monitoring.watched_calls import WatchedCalls
from bridge.records.rendering import stamp

Tell = Callable[[Mapping[str, object]], None]
"""Takes one event; it neither waits nor raises."""

_EVERY_S: Final = 0.2
_REPEAT: Final = 5
"""A level that stays as it is is told every so many times."""
_QUIET_DB: Final = -60
"""What is below counts as silence: a meter shows nothing of it, and a call in which nobody speaks costs little."""
_SILENT_DB: Final = -90


class Levels:
    """The levels of one server's calls.

    {"record": "5f0c...", "number": 0, "at": "2026-01-31T12:00:00.000Z", "kind": "level", "text": "",
     "data": {"caller_db": -23, "bot_db": -90}}

    They are dBFS, of the loudest 20 ms in the last 200. Whoever misses some misses nothing: they are kept nowhere.
    """

    def __init__(
        self, calls: WatchedCalls, *, every_s: float = _EVERY_S, wall: Callable[[], float] = time.time
    ) -> None:
        self._calls, self._every_s, self._wall = calls, every_s, wall
        self._tells: list[Tell] = []
        self._task: asyncio.Task[None] | None = None
        self._watching: dict[str, tuple[CallSound, ExitStack]] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._round = 0
        self.closed = False
        """The server goes down: who is told of levels need not wait for more."""

    @property
    def followers(self) -> int:
        """How many are told."""
        return len(self._tells)

    @contextmanager
    def told(self, tell: Tell) -> Iterator[None]:
        """Tell `tell` inside the `with`. The audio of calls is looked at only while there is somebody to tell."""
        self._tells.append(tell)
        self._task = self._task or begun(self._run(), "the levels of calls")
        try:
            yield
        finally:
            self._tells.remove(tell)
            if not self._tells:
                self._task.cancel()
                self._task = None
                self._stop_watching(set(self._watching))

    async def _run(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(self._every_s)

    def tick(self) -> None:
        """Tell the levels of now."""
        self._watch()
        self._round += 1
        at = stamp(self._wall())
        for record, (sound, _) in self._watching.items():
            caller, bot = (round(db) if db > _QUIET_DB else _SILENT_DB for db in sound.levels_db())
            if self._told.get(record) == (caller, bot) and self._round % _REPEAT:
                continue
            self._told[record] = caller, bot
            data = {"caller_db": caller, "bot_db": bot}
            event = {"record": record, "number": 0, "at": at, "kind": "level", "text": "", "data": data}
            for tell in self._tells:
                tell(event)

    def _watch(self) -> None:
        live = {call.journal.record: call for call in self._calls}
        self._stop_watching(self._watching.keys() - live.keys())
        for record in live.keys() - self._watching.keys():
            stack = ExitStack()
            self._watching[record] = stack.enter_context(live[record].leg.watched()), stack

    def _stop_watching(self, records: set[str]) -> None:
        for record in records:
            self._watching.pop(record)[1].close()
            self._told.pop(record, None)
