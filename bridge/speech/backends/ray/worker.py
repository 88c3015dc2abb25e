"""The process on Ray: `python -m bridge.speech.backends.ray.worker SOCKET`, started by `RayAsr`.

It is one of its own because Ray ends the process of a driver whose cluster has lost its head for a minute, takes its
signals, and routes on threads that would hold up the audio of calls.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from bridge.speech.backends.process.frames import Frame
from bridge.speech.backends.process.worker import work
from bridge.speech.backends.ray.driver import Driver
from bridge.speech.backends.ray.messages import ABOUT, ASK, OPTIONS

_HEALTH_S: Final = 2.0
_STALE_S: Final = 15.0
"""Seconds without any answer from which a pool that is unwell is looked for anew: its cluster may be another."""


class RayEngine:
    """The way to the pool's replicas."""

    def __init__(self) -> None:
        self._driver: Driver
        self._lost: Callable[[Exception], None]
        self._answered_s = 0.0

    async def begin(self, options: bytes, lost: Callable[[Exception], None], /) -> bytes:
        """See AnsweringEngine."""
        pool = OPTIONS.validate_json(options)
        self._driver, self._lost = Driver(pool), lost
        about = await self._driver.about(timeout_s=pool.start_timeout_s)
        self._answered_s = asyncio.get_running_loop().time()
        return ABOUT.dump_json(about)

    async def answer(self, question: Frame, /) -> bytes:
        """See AnsweringEngine. An empty head asks for the health of the pool."""
        if question.head:
            asked = ASK.validate_json(question.head)
            answer = await self._driver.decode(question.head, asked, bytes(question.payload))
        else:
            answer = ABOUT.dump_json(await self._driver.about(timeout_s=_HEALTH_S))
        self._answered_s = asyncio.get_running_loop().time()
        return answer

    def refused(self, question: Frame, error: Exception, /) -> None:
        """See AnsweringEngine."""
        if not question.head and asyncio.get_running_loop().time() - self._answered_s > _STALE_S:
            self._lost(error)

    def given_up(self) -> None:
        """See AnsweringEngine. A replica goes on without us."""

    def close(self) -> None:
        """See AnsweringEngine. The connection ends with the process."""


if __name__ == "__main__":
    work(RayEngine())
