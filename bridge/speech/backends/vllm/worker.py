"""The process that holds vLLM's engine: `python -m bridge.speech.backends.vllm.worker SOCKET`, started by `VllmAsr`."""

import asyncio
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from bridge.speech.api import SAMPLE_RATE, EngineFailed, EngineLost, Samples
from bridge.speech.backends.process import refusal
from bridge.speech.backends.process.frames import Frame, FrameKind
from bridge.speech.backends.process.orders import Orders, leave
from bridge.speech.backends.vllm.core import Core
from bridge.speech.backends.vllm.messages import ABOUT, ASK, HEARD, OPTIONS, About, Ask, Heard, Options

_WARM_UP_S: Final = 120.0
_QUIET_S: Final = 5.0
"""Seconds without any answer from which a decode that is given up raises the suspicion that the engine hangs."""

_HANGS_S: Final = 20.0
"""Seconds that a decode of silence may take, behind a full batch too, before the engine counts as hung."""


class Engine(Protocol):
    """What a `Core` does for a worker."""

    dead: bool

    @property
    def about(self) -> About: ...
    async def warm_up(self) -> None: ...
    async def decode(self, ask: Ask, audio: Samples, /) -> Heard: ...
    def close(self) -> None: ...


class Worker:
    """Serves the bridge with one engine until either is gone."""

    def __init__(
        self,
        orders: Orders,
        load: Callable[[Options], Engine],
        *,
        quiet_s: float = _QUIET_S,
        hangs_s: float = _HANGS_S,
    ) -> None:
        self._orders, self._load = orders, load
        self._quiet_s, self._hangs_s = quiet_s, hangs_s
        self._core: Engine
        self._decodes: dict[int, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._answered_at = 0.0
        self._check: asyncio.Task[None] | None = None

    async def run(self) -> bool:
        """Load, serve, and return whether the bridge ended it."""
        options = OPTIONS.validate_json(self._orders.options())
        self._orders.listen(self._take, on_end=self._ended.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ended.set)
        try:
            self._core = core = self._load(options)
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
        if frame.kind is FrameKind.ASK:
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._decodes[frame.number] = task
            task.add_done_callback(lambda _: self._decodes.pop(frame.number, None))
        elif frame.kind is FrameKind.ABORT and (decode := self._decodes.get(frame.number)):
            decode.cancel()
            self._suspect()

    def _suspect(self) -> None:
        """Find out whether the engine hangs, where it has not answered for a while: it would not say so itself."""
        loop = asyncio.get_running_loop()
        if self._check is None and loop.time() - self._answered_at > self._quiet_s:
            self._check = loop.create_task(self._end_if_hung())

    async def _end_if_hung(self) -> None:
        try:
            async with asyncio.timeout(self._hangs_s):
                await self._core.decode(Ask(language="English", max_new_tokens=1), np.zeros(SAMPLE_RATE, np.float32))
        except TimeoutError:
            self._orders.fail(EngineLost(f"the engine hangs: a second of silence took over {self._hangs_s:g} s"))
            self._ended.set()
        except Exception:  # it lives enough to fail: what of is told where it was asked
            traceback.print_exc()
        finally:
            self._answered_at = asyncio.get_running_loop().time()
            self._check = None

    async def _answer(self, frame: Frame) -> None:
        try:
            ask = ASK.validate_json(frame.head)
            audio = np.frombuffer(frame.payload, np.float32)
            heard = await self._core.decode(ask, audio)
            self._answered_at = asyncio.get_running_loop().time()
            self._orders.answer(frame.number, HEARD.dump_json(heard))
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
        return 0 if asyncio.run(Worker(orders, Core).run()) else 1
    except BaseException as error:
        orders.fail(EngineFailed(refusal.one_line(error)))
        raise
    finally:
        leave()


if __name__ == "__main__":
    main()
