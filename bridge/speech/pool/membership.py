"""Engines that come and go while a pool is at work."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from bridge.speech.api import Asr


@runtime_checkable
class Following(Protocol):
    """What knows of engines that come and go. `from_settings` of a plug-in may return it, if it is a sequence of those
    that are there at the start."""

    async def follow(self, join: Callable[[Asr], None], leave: Callable[[Asr], None]) -> None:
        """Tell of each engine that comes, and of each that goes, until cancelled. Which goes is closed by who is told.

        An engine that joins gets decodes once it says that it is healthy.
        """
