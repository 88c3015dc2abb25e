"""What a worker is given by the process that supervises it."""

import argparse
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingWorker:
    """One of the processes that are one server together."""

    number: int
    """From 1; the one that takes its place has the same."""
    workers: int
    """How many there are."""
    row: int
    """Its own among all processes that are or were: on the scoreboard, and in the names of its sockets."""
    folder: Path
    """Of this server, and nobody else's."""
    settings: Settings
    """Checked, with what is made once for all in it; what only one of the workers does is off in the others'."""
    flags: argparse.Namespace
    """Those of the command line, for what is read again."""
    sockets: Sequence[socket.socket]
    """Bound to the port: the same in all workers."""
    audiosocket: Sequence[socket.socket] = ()
    """The same for AudioSocket's port; none where it is not open."""

    @property
    def private_path(self) -> Path:
        """Where the others ask it."""
        return private_path(self.folder, self.row)

    @property
    def passing_path(self) -> Path:
        """Where the others hand it connections."""
        return passing_path(self.folder, self.row)


def private_path(folder: Path, row: int) -> Path:
    """Return where the worker of `row` is asked by others."""
    return folder / f"{row}.http"


def passing_path(folder: Path, row: int) -> Path:
    """Return where the worker of `row` is handed connections."""
    return folder / f"{row}.pass"


def quotas_path(folder: Path) -> Path:
    """Return the file of locks for what all workers may have so many times."""
    return folder / "quotas"


def scoreboard_path(folder: Path) -> Path:
    """Return the file of the scoreboard."""
    return folder / "scoreboard"


def metrics_folder(folder: Path) -> Path:
    """Return where prometheus_client keeps the numbers of all workers."""
    return folder / "metrics"
