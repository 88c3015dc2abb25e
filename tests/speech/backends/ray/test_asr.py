"""The recogniser ray with a process of the test's own; the real one is in tests/integration/test_ray_pool.py."""

import asyncio
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from waiting import answered

from bridge.settings import Settings
from bridge.speech.api import (
    BadRequest,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Hypothesis,
    ModelMissing,
    Overloaded,
    ReplicaLost,
    Request,
)
from bridge.speech.backends.ray import RayAsr
from bridge.speech.backends.ray.messages import PoolOptions

SECOND = np.zeros(16_000, np.float32)
WAIT_S = 20.0

SCRIPT = """
import asyncio, sys
from bridge.speech.api import *
from bridge.speech.backends.process.frames import FrameKind
from bridge.speech.backends.process.orders import Orders, leave
from bridge.speech.backends.ray.messages import ABOUT, ASK, HEARD, OPTIONS, PoolAbout

replicas, aborted = 3, 0

def about():
    capabilities = AsrCapabilities(at_once=2, backlog=10, longest_s=30)
    return ABOUT.dump_json(PoolAbout(engine="test", device="CPU", capabilities=capabilities, replicas=replicas))

def take(frame):
    global replicas, aborted
    if frame.kind is FrameKind.ABORT:
        aborted += 1
        return
    if not frame.head:
        replicas += 1
        return orders.answer(frame.number, about())
    ask = ASK.validate_json(frame.head)
    if ask.context in ("hang",):
        return
    if ask.context == "die":
        leave()
    if ask.context in ERRORS:
        return orders.refuse(frame.number, ERRORS[ask.context])
    heard = Hypothesis([ask.key, f" {len(frame.payload)} {aborted}"], "English", cached_tokens=7)
    orders.answer(frame.number, HEARD.dump_json(heard))

ERRORS = {"bad": BadRequest("b"), "full": Overloaded("o", retry_after_s=0.0), "gone": ReplicaLost("r")}

async def main():
    options = OPTIONS.validate_json(orders.options())
    ended = asyncio.Event()
    orders.listen(take, on_end=ended.set)
    if options.app == "nowhere":
        return orders.fail(EngineFailed("no application 'nowhere'"))
    orders.ready(about())
    await ended.wait()

orders = Orders(int(sys.argv[1]))
asyncio.run(main())
leave()
"""


def made(app: str = "asr") -> RayAsr:
    return RayAsr(PoolOptions(address="", app=app), command=(sys.executable, "-c", SCRIPT), module="sys")


@pytest.fixture(scope="module")
def shared() -> Iterator[RayAsr]:
    asr = made()
    yield asr
    asr.close()


def test_it_can_do_what_its_replicas_can_as_often_as_there_are(shared: RayAsr) -> None:
    assert (shared.name, shared.device) == ("ray-asr", "test on Ray, 3 replicas (CPU)")
    assert (shared.capabilities.backlog, shared.capabilities.at_once, shared.capabilities.longest_s) == (30, None, 30)


async def test_a_decode_goes_there_and_back(shared: RayAsr) -> None:
    hypothesis = await shared.decode(Request(SECOND, key="u"))
    assert hypothesis.text.startswith("u 64000 ")
    assert (hypothesis.engine, hypothesis.cached_tokens) == ("ray-asr", 7)


@pytest.mark.parametrize(("context", "kind"), [("bad", BadRequest), ("full", Overloaded), ("gone", ReplicaLost)])
async def test_what_a_replica_raises_is_raised_here(shared: RayAsr, context: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await shared.decode(Request(SECOND, context=context))


async def test_a_cancelled_decode_and_one_without_answer_are_given_up_there(shared: RayAsr) -> None:
    with pytest.raises(DeadlineExceeded):
        await shared.decode(Request(SECOND, context="hang", timeout_s=-0.95))
    task = asyncio.create_task(shared.decode(Request(SECOND, context="hang")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    outcome, *_ = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    aborted = (await shared.decode(Request(SECOND))).text.rsplit(maxsplit=1)[-1]
    assert int(aborted) >= 1


async def test_its_health_says_how_many_replicas_there_are_now() -> None:
    asr = await asyncio.to_thread(made)
    assert await asr.healthy()
    assert asr.capabilities.backlog == 40
    await asyncio.to_thread(asr.close)
    assert not await asr.healthy()


async def test_where_its_process_dies_decodes_fail_and_another_is_started() -> None:
    asr = await asyncio.to_thread(made)
    before = asr.pid
    with pytest.raises(EngineLost):
        await asr.decode(Request(SECOND, context="die"))
    await answered(asr.healthy, bool, within_s=WAIT_S)
    assert isinstance(await asr.decode(Request(SECOND)), Hypothesis)
    assert asr.pid != before
    await asyncio.to_thread(asr.close)


def test_a_pool_that_is_not_there_is_told() -> None:
    with pytest.raises(EngineFailed, match="no application 'nowhere'"):
        made("nowhere")


def test_without_ray_the_command_that_installs_it_is_told() -> None:
    with pytest.raises(ModelMissing, match=r"\[ray\]"):
        RayAsr(PoolOptions(address="", app="asr"), module="a_module_that_nobody_has")


def test_a_model_is_the_pools() -> None:
    with pytest.raises(EngineFailed, match="asr_model_path base is the pool's"):
        RayAsr.from_settings(Settings(asr=("ray",), asr_model_path="base"))
