"""The wire records of a server: which calls are kept whole, where, and the thread that writes them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bridge.capture.call_capture import CallCapture
from bridge.capture.notation import Line
from bridge.capture.wire_file import WireFile
from bridge.recording import shelf
from bridge.recording.recorder import Recorder
from bridge.recording.recordings import wire_roots
from bridge.settings import Settings

log = logging.getLogger(__name__)

KIND: Final = "wire.gz"
"""How the names of wire records end."""


class WireRecords:
    """What keeps the calls of one server."""

    def __init__(self, thread: Recorder) -> None:
        """`thread` writes."""
        self._thread = thread

    def open(self, settings: Settings, record: str) -> CallCapture | None:
        """Return the capture of a call that begins now; None where `settings`, which are the call's, want none."""
        if not settings.record_wire:
            return None
        root = Path(settings.record_wire).absolute()
        path = shelf.path_of(root, record, at=time.time(), kind=KIND)
        return CallCapture(Written(self._thread.put, path), clock_s=asyncio.get_running_loop().time)


class Written:
    """Takes the lines of one call, and has them written."""

    def __init__(self, put: Callable[[Callable[[], None]], bool], path: Path) -> None:
        """`put` has work done in its order, elsewhere; it returns False where too much waits."""
        self._put, self._path, self._file = put, path, WireFile(path)
        self._failed = False

    def __call__(self, lines: Sequence[Line]) -> bool:
        """Return whether `lines` will be written, as far as the disk lets them."""
        return self._put(partial(self._write, lines))

    def _write(self, lines: Sequence[Line]) -> None:
        if self._failed:
            return
        try:
            self._file.append(lines)
            if lines[-1]["is"] == "end":
                self._file.close()
        except Exception as error:  # whatever it is, it must end neither the thread nor the records of other calls
            self._failed = True
            log.error("the wire record %s ends here: %s", self._path, error)


@asynccontextmanager
async def wire_records(settings: Settings) -> AsyncIterator[WireRecords]:
    """Keep calls as `settings` and their routes say, inside the `async with`.

    Raises:
        NoRecordings: a folder cannot be written to.
    """
    for root in wire_roots(settings):
        await asyncio.to_thread(shelf.prepare, root, option="--record-wire")
    with Recorder(name="wire records") as thread:
        yield WireRecords(thread)
