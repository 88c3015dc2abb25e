"""The process that holds vLLM's engine: `python -m bridge.speech.backends.vllm_worker SOCKET`, started by `VllmAsr`."""

import asyncio
import signal
import sys
import traceback
from typing import Final

import numpy as np

from bridge.speech.api import EngineFailed, EngineLost
from bridge.speech.backends import refusal
from bridge.speech.backends.frames import Frame, Kind
from bridge.speech.backends.orders import Orders, leave
from bridge.speech.backends.vllm_core import Core
from bridge.speech.backends.vllm_messages import ABOUT, ASK, HEARD, OPTIONS

_WARM_UP_S: Final = 120.0


class Worker:
    """Serves the bridge with one engine until either is gone."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._core: Core | None = None
        self._decodes: dict[int, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()

    async def run(self) -> bool:
        """Load, serve, and return whether the bridge ended it."""
        options = OPTIONS.validate_json(self._orders.options())
        self._orders.listen(self._take, on_end=self._ended.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ended.set)
        try:
            self._core = core = Core(options)
        except Exception as error:  # whatever it is, it is why there is no engine
            return self._failed(error)
        try:
            async with asyncio.timeout(_WARM_UP_S):
                await core.warm_up()
            self._orders.ready(ABOUT.dump_json(core.about))
            await self._ended.wait()
        except Exception as error:  # the first decode fails as nobody can foresee
            return self._failed(error)
        finally:
            core.close()
        return not core.dead

    def _failed(self, error: Exception) -> bool:
        traceback.print_exception(error)
        self._orders.fail(error)
        return False

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.ASK:
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._decodes[frame.number] = task
            task.add_done_callback(lambda _: self._decodes.pop(frame.number, None))
        elif frame.kind is Kind.ABORT and (decode := self._decodes.get(frame.number)):
            decode.cancel()

    async def _answer(self, frame: Frame) -> None:
        assert self._core
        try:
            ask = ASK.validate_json(frame.head)
            audio = np.frombuffer(frame.payload, np.float32)
            self._orders.answer(frame.number, HEARD.dump_json(await self._core.decode(ask, audio)))
        except EngineLost as error:
            self._orders.refuse(frame.number, error)
            self._orders.fail(error)
            self._ended.set()
        except Exception as error:  # of this decode only: the bridge is told, and the others go on
            self._orders.refuse(frame.number, error)


def main() -> int:
    """Run until the bridge hangs up (0) or the engine dies (1)."""
    orders = Orders(int(sys.argv[1]))
    try:
        return 0 if asyncio.run(Worker(orders).run()) else 1
    except BaseException as error:
        orders.fail(EngineFailed(refusal.one_line(error)))
        raise
    finally:
        leave()


if __name__ == "__main__":
    main()
