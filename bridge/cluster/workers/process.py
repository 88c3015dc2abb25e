"""One worker as the supervisor sees it: a process, and a line to it (its other end: bridge/server/siblings)."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

log = logging.getLogger(__name__)

_LONGEST_LINE: Final = 1 << 20


class WorkerProcess:
    """One worker, from its start to its end."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Use `start`."""
        self._process, self._reader, self._writer = process, reader, writer
        self.pid = process.pid
        self.banner = ""
        """What it says of the server, once it serves."""
        self.heard_s = time.monotonic()
        """When it told last that it lives."""
        self._warm, self._ready = asyncio.Event(), asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls, module: str, birth: bytes, *, inherited: Sequence[int], environment: Mapping[str, str]
    ) -> Self:
        """Start `module` with the number of its line as argument, and tell it `birth` first.

        `inherited`: descriptors that it has under the same numbers. It stays in our session, so that the niceness of
        its threads counts against the other workers' too, and is a group of its own, which Ctrl-C does not reach.

        Raises:
            OSError: it does not start.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module, str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *inherited),
                process_group=0,
                env={**os.environ, **environment},
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LONGEST_LINE)
        writer.write(len(birth).to_bytes(4, "big") + birth)
        return cls(process, reader, writer)

    async def warm(self) -> bool:
        """Return once it has loaded all and stands by, or has ended before; whether it stands by."""
        return await self._reached(self._warm)

    async def ready(self) -> bool:
        """Return once it serves, or has ended before; whether it serves."""
        return await self._reached(self._ready)

    async def _reached(self, stage: asyncio.Event) -> bool:
        waits = [asyncio.ensure_future(stage.wait()), asyncio.ensure_future(self.ended())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return stage.is_set()

    async def ended(self) -> int:
        """Return its exit code once it has ended; below 0 it is the signal that ended it."""
        code = await self._process.wait()
        self._listening.cancel()
        self._writer.close()
        return code

    def tell_siblings(self, workers: Sequence[Mapping[str, int]]) -> None:
        """Tell it which workers there are."""
        self._tell({"siblings": workers})

    def serve(self) -> None:
        """Have it open its ports, where it stands by."""
        self._tell({"do": "serve"})

    def give_way(self) -> None:
        """Have it leave the port to others, and end once its calls have."""
        self._tell({"do": "give way"})

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):  # it is gone
            os.kill(self.pid, number)  # asyncio's own would take the exit code of one that ends, and lose it

    def _tell(self, message: Mapping[str, Any]) -> None:
        with suppress(ConnectionError):
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _listen(self) -> None:
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                self.heard_s = time.monotonic()
                told = json.loads(line)
                if told["is"] == "warm":
                    self._warm.set()
                elif told["is"] == "ready":
                    self.banner = told["banner"]
                    self._ready.set()
