"""One engine of the pool: order, deadlines, cancelled decodes, and an engine that dies."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import numpy as np
import pytest

from bridge.cluster.autoscaling import QUEUE_WAIT
from bridge.cluster.replica import PoolReplica, load_engine
from bridge.plugins import PluginError
from bridge.speech.api import AsrCapabilities, BadRequest, EngineFailed, EngineLost, Hypothesis, Overloaded, Request
from bridge.speech.backends.process.refusal import from_bytes
from bridge.speech.backends.ray.messages import ABOUT, ASK, HEARD, PoolAsk

SECOND = np.zeros(16_000, np.float32)


class Engine:
    """Decodes one at a time, when it is told to."""

    name, device = "one", "test"
    capabilities = AsrCapabilities(at_once=1, backlog=3, longest_s=2)

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.go = asyncio.Semaphore(0)
        self.alive, self.closed = True, False

    async def decode(self, request: Request, /) -> Hypothesis:
        self.begun.append(request.key)
        if request.context == "bug":
            raise KeyError("a bug")
        if request.context == "lost":
            raise EngineLost("its process died")
        try:
            await self.go.acquire()
        except asyncio.CancelledError:
            self.cancelled.append(request.key)
            raise
        return Hypothesis([request.key], "English")

    async def healthy(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.closed = True


class Rig:
    def __init__(self) -> None:
        self.engine, self.left, self.gone = Engine(), list[int](), asyncio.Event()
        self.replica = PoolReplica({}, load=self.load, leave=self.leave)
        self.tasks: list[asyncio.Task[tuple[bool, bytes, int]]] = []

    def load(self, options: Mapping[str, object]) -> Engine:
        return self.engine

    def leave(self, code: int) -> None:
        self.left.append(code)
        self.gone.set()

    async def begin(self, ask: PoolAsk) -> int:
        """Ask, let it get as far as it gets, and return its place among the tasks."""
        self.tasks.append(asyncio.create_task(self.ask(ask)))
        for _ in range(5):
            await asyncio.sleep(0)
        return len(self.tasks) - 1

    async def ask(self, ask: PoolAsk, audio: bytes = SECOND.tobytes()) -> tuple[bool, bytes, int]:
        return await self.replica.decode(ASK.dump_json(ask), audio)

    @staticmethod
    def text(answer: tuple[bool, bytes, int]) -> str:
        answered, content, _ = answer
        assert answered, content
        return HEARD.validate_json(content).text


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    for task in rig.tasks:
        task.cancel()
    await asyncio.gather(*rig.tasks, return_exceptions=True)
    rig.replica.__del__()


async def test_finals_begin_before_partials_that_came_first(rig: Rig) -> None:
    for key, final in (("running", False), ("partial", False), ("final", True)):
        await rig.begin(PoolAsk(key=key, final=final))
    for _ in rig.tasks:
        rig.engine.go.release()
    await asyncio.gather(*rig.tasks)
    assert rig.engine.begun == ["running", "final", "partial"]


async def test_a_cancelled_decode_that_waits_never_begins_and_one_that_runs_ends(rig: Rig) -> None:
    running, waiting, last = [await rig.begin(PoolAsk(key=key, final=True)) for key in ("running", "waiting", "last")]
    rig.tasks[waiting].cancel()
    rig.tasks[running].cancel()
    rig.engine.go.release()
    assert rig.text(await rig.tasks[last]) == "last"
    assert (rig.engine.begun, rig.engine.cancelled) == (["running", "last"], ["running"])


async def test_an_answer_says_how_many_other_decodes_are_in_hand(rig: Rig) -> None:
    for key in ("first", "second", "third"):
        await rig.begin(PoolAsk(key=key, final=True))
    for _ in rig.tasks:
        rig.engine.go.release()
    assert [in_hand for _, _, in_hand in await asyncio.gather(*rig.tasks)] == [2, 1, 0]


async def test_a_decode_that_is_late_is_refused_whether_it_runs_or_waits(rig: Rig) -> None:
    for key in ("running", "waiting"):
        await rig.begin(PoolAsk(key=key, final=True, timeout_s=0.01))
    for task in rig.tasks:
        answered, content, _ = await task
        assert not answered
        assert str(from_bytes(content)) == "one: no answer within 0.0 s"
    assert rig.engine.begun == ["running"]


async def test_partials_are_refused_where_they_would_delay_finals_and_finals_never(rig: Rig) -> None:
    for n in range(4):
        await rig.begin(PoolAsk(key=str(n), final=True))
    answered, content, _ = await rig.ask(PoolAsk(key="partial"))
    assert not answered
    assert isinstance(from_bytes(content), Overloaded)


@pytest.mark.parametrize(
    ("ask", "audio", "kind"),
    [
        (PoolAsk(), np.full(160, np.nan, np.float32).tobytes(), BadRequest),
        (PoolAsk(), b"", BadRequest),
        (PoolAsk(), np.zeros(48_000, np.float32).tobytes(), BadRequest),
        (PoolAsk(), b"abc", EngineFailed),
        (PoolAsk(context="bug"), SECOND.tobytes(), EngineFailed),
    ],
)
async def test_what_cannot_be_decoded_costs_itself(rig: Rig, ask: PoolAsk, audio: bytes, kind: type[Exception]) -> None:
    answered, content, _ = await rig.ask(ask, audio)
    assert (answered, type(from_bytes(content))) == (False, kind)
    rig.engine.go.release()
    assert rig.text(await rig.ask(PoolAsk(key="next"))) == "next"


async def test_a_head_that_is_no_question_costs_itself(rig: Rig) -> None:
    answered, content, _ = await rig.replica.decode(b"{", SECOND.tobytes())
    assert (answered, type(from_bytes(content))) == (False, EngineFailed)


async def test_the_process_ends_with_its_engine_and_refuses_at_once_until_then(rig: Rig) -> None:
    answered, content, _ = await rig.ask(PoolAsk(context="lost"))
    assert (answered, type(from_bytes(content))) == (False, EngineLost)
    rig.engine.begun.clear()
    answered, content, _ = await rig.ask(PoolAsk(key="after"))
    assert (answered, str(from_bytes(content)), rig.engine.begun) == (False, "its process died", [])
    with pytest.raises(EngineLost, match="its process died"):
        await rig.replica.check_health()
    async with asyncio.timeout(10):
        await rig.gone.wait()
    assert (rig.left, rig.engine.closed) == ([1], True)


async def test_an_engine_that_dies_while_nobody_asks_is_noticed(rig: Rig) -> None:
    await rig.replica.check_health()
    rig.engine.alive = False
    async with asyncio.timeout(10):
        await rig.gone.wait()
    with pytest.raises(EngineLost, match="one is gone"):
        await rig.replica.check_health()


async def test_it_tells_what_it_is_and_how_long_decodes_waited(rig: Rig) -> None:
    about = ABOUT.validate_json(await rig.replica.about())
    assert (about.engine, about.device, about.capabilities) == ("one", "test", Engine.capabilities)
    assert rig.replica.record_replica_metadata() == {"at_once": 1}
    rig.engine.go.release()
    await rig.ask(PoolAsk())
    assert 0 <= (await rig.replica.record_autoscaling_stats())[QUEUE_WAIT] < 1
    assert await rig.replica.record_autoscaling_stats() == {QUEUE_WAIT: 0.0}


def test_an_engine_is_loaded_by_the_options_of_the_bridge() -> None:
    engine = load_engine({"asr": ["timed_asr:TimedAsr"], "asr_model_path": "0", "asr_threads": 3})
    assert (engine.name, engine.capabilities.at_once) == ("timed", 3)


def test_one_that_does_not_load_says_why() -> None:
    with pytest.raises(PluginError, match="--asr nobody: no such plug-in"):
        load_engine({"asr": ["nobody"]})
