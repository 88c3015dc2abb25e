"""Where recordings are kept, and how one is found again. A folder: `2026-01-31/RECORD.wav` below it."""

import logging
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NAME: Final = re.compile(r"[0-9a-f]{32}\.(wav|opus|wire\.gz)")


class NoRecordings(Exception):
    """Recordings cannot be kept where the settings say. The text names the option and the fix."""


def path_of(root: Path, record: str, *, at: float, kind: str = "wav") -> Path:
    """Return where the recording of `record` goes that began at `at`, seconds since 1970. `kind` ends its name."""
    return root / datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") / f"{record}.{kind}"


def prepare(root: Path, *, option: str = "--record-calls") -> None:
    """Make the folder, and see that it can be written to. `option` names it in the error.

    Raises:
        NoRecordings: it cannot.
    """
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = root / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise NoRecordings(
            f"{option} {root}: {error.strerror}: name a folder that may be written to, or leave it out"
        ) from error


def delete(roots: Iterable[Path], record: str) -> int:
    """Delete the recordings of `record` below `roots`; return how many there were.

    Raises:
        OSError: one cannot be deleted.
    """
    if not _NAME.fullmatch(f"{record}.wav"):
        return 0
    found = [path for root in roots for path in root.glob(f"*/{record}.*") if is_recording(path)]
    for path in found:
        remove(path)
    return len(found)


def is_recording(path: Path) -> bool:
    """Return whether `path` is named as recordings are."""
    return bool(_DAY.fullmatch(path.parent.name) and _NAME.fullmatch(path.name))


def expire(roots: Iterable[Path], *, before: float) -> int:
    """Delete what was written last before `before`, seconds since 1970; return how many recordings went.

    Only what is named as recordings are, for the folder may hold something else, too.
    """
    gone = 0
    for root in roots:
        for path in sorted(root.glob("*/*.*")):
            if is_recording(path):
                gone += _expire(path, before)
    return gone


def _expire(path: Path, before: float) -> bool:
    try:
        if path.stat().st_mtime >= before:
            return False
        remove(path)
    except OSError as error:
        log.warning("%s is too old and cannot be deleted: %s", path, error.strerror)
        return False
    return True


def remove(path: Path) -> None:
    """Delete the recording at `path`, and the folder of its day where it was the last."""
    path.unlink(missing_ok=True)
    with suppress(OSError):  # it holds others
        path.parent.rmdir()
