"""The process of the engines is there before the workers, comes back where it dies, and ends last."""

import asyncio
import signal
from collections.abc import Mapping, Sequence

import pytest

from bridge.cluster.workers.engines import SharedEnginesProcess
from bridge.cluster.workers.started import StartFailed


class Engines:
    """A process that serves at once, or ends with `code` before."""

    pid, banner, heard_s = 1, "", 0.0

    def __init__(self, code: int | None = None) -> None:
        self.code, self.signals, self.over = code, list[signal.Signals](), asyncio.Event()

    async def warm(self) -> bool:
        return self.code is None

    def serve(self) -> None: ...

    async def ready(self) -> bool:
        return self.code is None

    async def ended(self) -> int:
        if self.code is None:
            await self.over.wait()
        return self.code or 0

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        self.over.set()

    def tell_siblings(self, workers: Sequence[Mapping[str, int]]) -> None: ...
    def give_way(self) -> None: ...


class Rig:
    def __init__(self, *codes: int | None) -> None:
        self.started: list[Engines] = []
        self.pauses: list[float] = []
        self._codes = list(codes)
        self.process = SharedEnginesProcess(self._launch, clock_s=lambda: 0.0, pause=self._pause)

    async def _launch(self) -> Engines:
        self.started.append(Engines(self._codes.pop(0) if self._codes else None))
        return self.started[-1]

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


async def test_engines_that_do_not_load_keep_the_server_from_its_start() -> None:
    rig = Rig(1)
    with pytest.raises(StartFailed) as failed:
        await rig.process.start()
    assert failed.value.code == 1


async def test_engines_that_die_are_started_again_and_again_until_they_load() -> None:
    rig = Rig(None, 1, 1)
    await rig.process.start()
    rig.started[0].over.set()
    while len(rig.started) < 4:  # noqa: ASYNC110 - nobody is told of it
        await asyncio.sleep(0)
    assert rig.pauses == [1.0, 2.0, 4.0]
    await rig.process.end()
    assert rig.started[-1].signals == [signal.SIGTERM]


async def test_a_signal_ends_engines_that_load_and_leaves_those_that_serve_to_the_workers() -> None:
    rig = Rig()
    await rig.process.start()
    rig.process.give_up()
    assert not rig.started[0].signals
    await rig.process.end()
    assert rig.started[0].signals == [signal.SIGTERM]
