"""What each process does that decodes for the bridge: begins, answers, and ends with it. `Child` is its other end."""

import asyncio
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Protocol

from bridge.speech.api import EngineFailed
from bridge.speech.backends.process import refusal
from bridge.speech.backends.process.frames import Frame, FrameKind
from bridge.speech.backends.process.orders import Orders, leave


class AnsweringEngine(Protocol):
    """What answers in the process: an engine, or the way to several."""

    async def begin(self, options: bytes, lost: Callable[[Exception], None], /) -> bytes:
        """Load what `options` ask for, and return what the bridge is told of it.

        `lost` ends the process, and tells the bridge why. What this raises does so, too.
        """

    async def answer(self, question: Frame, /) -> bytes:
        """Return the answer; what is raised is raised where it was asked."""

    def refused(self, question: Frame, error: Exception, /) -> None:
        """Take note that `answer` raised `error`, of which the bridge was told."""

    def given_up(self) -> None:
        """Take note that the answer to a question under way is not wanted any more; `answer` is cancelled."""

    def close(self) -> None:
        """Free what `begin` has loaded, if it has. Blocks."""


class EngineProcess:
    """Answers the bridge's questions, each in a task of its own."""

    def __init__(self, orders: Orders, engine: AnsweringEngine) -> None:
        self._orders, self._engine = orders, engine
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Begin, and answer until the bridge is gone, the engine is lost or SIGTERM comes."""
        options = self._orders.options()
        self._orders.listen(self._take, on_end=self._over.set)
        self._end_at_sigterm()
        try:
            about = await self._engine.begin(options, self._lost)
            self._end_at_sigterm()  # what was loaded may have taken it
            self._orders.ready(about)
            await self._over.wait()
        except Exception as error:  # whatever it is, it is why there is no engine
            traceback.print_exception(error)
            self._orders.fail(error)
        finally:
            self._engine.close()

    def _end_at_sigterm(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._over.set)

    def _lost(self, error: Exception) -> None:
        self._orders.fail(error)
        self._over.set()

    def _take(self, frame: Frame) -> None:
        if frame.kind is FrameKind.ASK:
            task = asyncio.get_running_loop().create_task(self._answer(frame))
            self._answering[frame.number] = task
            task.add_done_callback(lambda _: self._answering.pop(frame.number, None))
        elif frame.kind is FrameKind.ABORT and (answering := self._answering.get(frame.number)):
            answering.cancel()
            self._engine.given_up()

    async def _answer(self, question: Frame) -> None:
        try:
            self._orders.answer(question.number, await self._engine.answer(question))
        except Exception as error:  # of this question only: the bridge is told, and the others go on
            self._orders.refuse(question.number, error)
            self._engine.refused(question, error)


def work(engine: AnsweringEngine) -> None:
    """Answer with `engine` until the bridge hangs up, and end this process; its last argument is the socket."""
    orders = Orders(int(sys.argv[-1]))
    try:
        asyncio.run(EngineProcess(orders, engine).run())
    except BaseException as error:  # whatever it is, the bridge has to be told why there is no engine any more
        traceback.print_exception(error)  # `leave` leaves no time for it
        orders.fail(EngineFailed(refusal.one_line(error)))
    finally:
        leave()
