"""The line to the process that supervises a worker: JSON, a message a line.

to the supervisor     {"is": "warm"}, {"is": "ready", "banner": "bridge ... is ready\n..."}, {"is": "alive"}
from the supervisor   {"do": "serve"}, {"siblings": [{"row": 3, "number": 2}]}, {"do": "give way"}
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

_EVERY_S: Final = 1.0
_LONGEST_LINE: Final = 1 << 20


class Supervision:
    """One worker's line. Its end means that the supervisor is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use `open_line`."""
        self._reader, self._writer = reader, writer

    async def stand_by(self) -> None:
        """Tell that this worker has loaded all; return when it is to serve. What is said meanwhile is said again then.

        Raises:
            OSError: the supervisor is gone.
        """
        self._tell({"is": "warm"})
        while line := await self._reader.readline():
            if json.loads(line).get("do") == "serve":
                return
        raise OSError("the supervisor of the workers is gone")

    def ready(self, banner: str) -> None:
        """Tell that this worker serves; `banner`: what is printed of the server at its start."""
        self._tell({"is": "ready", "banner": banner})

    async def obey(self, *, siblings: Callable[[list[Mapping[str, int]]], None], give_way: Callable[[], None]) -> None:
        """Do what the supervisor says until it is gone."""
        while line := await self._reader.readline():
            told = json.loads(line)
            if "siblings" in told:
                siblings(told["siblings"])
            elif told.get("do") == "give way":
                give_way()

    async def live(self) -> None:
        """Tell every second that the event loop runs."""
        while True:
            self._tell({"is": "alive"})
            await asyncio.sleep(_EVERY_S)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def _tell(self, message: Mapping[str, object]) -> None:
        with suppress(ConnectionError):  # it is gone: `obey` tells
            self._writer.write(json.dumps(message).encode() + b"\n")


async def open_line(descriptor: int) -> Supervision:
    """Return the line on that socket, which is ours from now on."""
    import socket

    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor), limit=_LONGEST_LINE)
    return Supervision(reader, writer)
