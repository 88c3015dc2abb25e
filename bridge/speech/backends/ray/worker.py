"""The process on Ray: `python -m bridge.speech.backends.ray.worker SOCKET`, started by `RayAsr`.

It is one of its own because Ray ends the process of a driver whose cluster has lost its head for a minute, takes its
signals, and routes on threads that would hold up the audio of calls.
"""

import asyncio
import signal
import sys
import traceback
from typing import Final

from bridge.speech.api import EngineFailed
from bridge.speech.backends.process import refusal
from bridge.speech.backends.process.frames import Frame, FrameKind
from bridge.speech.backends.process.orders import Orders, leave
from bridge.speech.backends.ray.driver import Driver
from bridge.speech.backends.ray.messages import ABOUT, ASK, OPTIONS, PoolOptions

_HEALTH_S: Final = 2.0
_STALE_S: Final = 15.0
"""Seconds without any answer from which a pool that is unwell is looked for anew: its cluster may be another."""


class RayProcess:
    """Carries questions to the pool until the bridge is gone."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._driver: Driver
        self._decodes: dict[int, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._answered_s = 0.0

    async def run(self) -> None:
        """Connect, and carry questions. What prevents that is told to the bridge."""
        options = OPTIONS.validate_json(self._orders.options())
        self._orders.listen(self._take, on_end=self._ended.set)
        try:
            await self._begin(options)
        except Exception as error:  # whatever it is, it is why there is no pool
            traceback.print_exception(error)
            self._orders.fail(error)
            return
        await self._ended.wait()

    async def _begin(self, options: PoolOptions) -> None:
        self._driver = Driver(options)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ended.set)  # Ray took it
        about = await self._driver.about(timeout_s=options.start_timeout_s)
        self._answered_s = asyncio.get_running_loop().time()
        self._orders.ready(ABOUT.dump_json(about))

    def _take(self, frame: Frame) -> None:
        if frame.kind is FrameKind.ASK:
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._decodes[frame.number] = task
            task.add_done_callback(lambda _: self._decodes.pop(frame.number, None))
        elif frame.kind is FrameKind.ABORT and (decode := self._decodes.get(frame.number)):
            decode.cancel()

    async def _answer(self, frame: Frame) -> None:
        """An empty head asks for the health of the pool."""
        loop = asyncio.get_running_loop()
        try:
            if frame.head:
                answer = await self._driver.decode(frame.head, ASK.validate_json(frame.head), bytes(frame.payload))
            else:
                answer = ABOUT.dump_json(await self._driver.about(timeout_s=_HEALTH_S))
            self._answered_s = loop.time()
            self._orders.answer(frame.number, answer)
        except Exception as error:  # of this decode only: the bridge is told, and the others go on
            self._orders.refuse(frame.number, error)
            if not frame.head and loop.time() - self._answered_s > _STALE_S:
                self._orders.fail(error)
                self._ended.set()


def main() -> int:
    """Run until the bridge hangs up."""
    orders = Orders(int(sys.argv[1]))
    try:
        asyncio.run(RayProcess(orders).run())
        return 0
    except BaseException as error:
        orders.fail(EngineFailed(refusal.one_line(error)))
        raise
    finally:
        leave()


if __name__ == "__main__":
    main()
