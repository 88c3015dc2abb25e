"""A worker's process as its supervisor knows it."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class SupervisedProcess(Protocol):
    """A worker's process (process.py)."""

    pid: int
    banner: str
    heard_s: float

    async def warm(self) -> bool:
        """Return once it has loaded all and stands by, or has ended before; whether it stands by."""

    def serve(self) -> None:
        """Have it open its ports, where it stands by."""

    async def ready(self) -> bool:
        """Return once it serves, or has ended before; whether it serves."""

    async def ended(self) -> int:
        """Return its exit code once it has ended."""

    def tell_siblings(self, workers: Sequence[Mapping[str, int]]) -> None:
        """Tell it which workers there are."""

    def give_way(self) -> None:
        """Have it leave the port to others, and end once its calls have."""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""


@dataclass(eq=False)
class StartedWorker:
    """A worker that was started and has not ended."""

    number: int
    row: int
    process: SupervisedProcess
    serves: bool = False
    leaving: bool = False
    replaced: bool = False
    """Whether the next one in its place is being started: where it dies meanwhile, no other is."""
    outdated: bool = False
    """Whether the others have read again since it was started."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


class StartFailed(Exception):
    """A worker did not start; its own log says why."""

    def __init__(self, code: int) -> None:
        """`code`: its exit code."""
        super().__init__("a worker did not start")
        self.code = code


def cause_of(code: int) -> str:
    """Return an exit code in words; below 0 it is a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
