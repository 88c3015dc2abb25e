"""Recordings on their way to a bucket: on this machine's disk until they are there, across restarts.

STATE_DIR/recordings/s3%3A%2F%2Fbucket%2Fprefix/2026-01-31/RECORD.wav -> s3://bucket/prefix/2026-01-31/RECORD.wav
"""

import fcntl
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, unquote

from bridge.backoff import Backoff
from bridge.recording import bucket, shelf

log = logging.getLogger(__name__)

_YOUNG_S: Final = 2.0
"""What was written so lately may not be locked yet."""
_LOOK_EVERY_S: Final = 2.0
_RETRY_S: Final = 2.0
_STEADY_S: Final = 60.0
_CLOSE_S: Final = 1.0
"""What is under way then is uploaded again by the next server."""


def staged(folder: Path, url: str) -> Path:
    """Return the folder, below `folder`, of what goes to `url`."""
    return folder / quote(url.rstrip("/"), safe="")


class Uploads:
    """The thread that uploads what lies in `folder` and nobody writes any more, whoever recorded it."""

    def __init__(
        self, folder: Path, *, put: Callable[[Path, str], None] = bucket.put, every_s: float = _LOOK_EVERY_S
    ) -> None:
        """`put` uploads one; `every_s` it is looked whether there are more."""
        self._folder, self._put, self._every_s = folder, put, every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        backoff, failing = Backoff(_RETRY_S, steady_s=_STEADY_S), False
        wait_s = 0.0
        while not self._end.wait(wait_s):
            try:
                self.upload()
            except OSError as error:
                if not failing:
                    log.error("recordings cannot be uploaded, and wait in %s: %s", self._folder, error)
                failing, wait_s = True, backoff.failed(time.monotonic())
                continue
            if failing:
                log.warning("recordings can be uploaded again")
            backoff.ready(time.monotonic())
            failing, wait_s = False, self._every_s

    def upload(self, *, now: Callable[[], float] = time.time) -> int:
        """Upload what is complete; return how many there were. One that fails holds up no other.

        Raises:
            OSError: one was not uploaded, and is tried again.
        """
        done, failure = 0, None
        for path in sorted(self._folder.glob("*/*/*.*")):
            if self._end.is_set():
                break
            if shelf.is_recording(path) and path.stat().st_mtime < now() - _YOUNG_S:
                try:
                    done += self._upload(path)
                except OSError as error:
                    failure = error
        if failure:
            raise failure
        return done

    def _upload(self, path: Path) -> bool:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # its call goes on
                return False
            self._put(path, f"{unquote(path.parent.parent.name)}/{path.parent.name}/{path.name}")
            shelf.remove(path)
        return True
