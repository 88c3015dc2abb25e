"""The worker's process with an engine of its own making; the real one is in test_engine.py."""

import asyncio
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from waiting import until

from bridge.speech.api import BadRequest, EngineFailed, EngineLost, ModelMissing, SpeechError
from bridge.speech.backends.process.child import Child
from bridge.speech.backends.process.supervised import Supervised
from bridge.speech.backends.vllm.messages import ABOUT, ASK, HEARD, OPTIONS, Ask, Heard, Options

pytestmark = pytest.mark.heavy

WAIT_S = 20.0

SCRIPT = """
import asyncio
from bridge.speech.api import BadRequest, Ended, EngineLost, ModelMissing
from bridge.speech.backends.process.worker import work
from bridge.speech.backends.vllm.messages import About, Heard
from bridge.speech.backends.vllm.worker import VllmEngine

class Engine:
    hung = False
    about = About(device="TEST", prefix=True, context=True, languages=("English",), longest_s=30)
    async def warm_up(self):
        if model == "cold": raise ValueError("it does not warm up")
    async def decode(self, ask, audio):
        if ask.context == "hang": self.hung = True
        if ask.context in ("hang", "wait") or self.hung: await asyncio.Event().wait()
        if ask.context == "dead": raise EngineLost("the engine died")
        if ask.context == "long": raise BadRequest("too long")
        if ask.context == "bug": raise KeyError("a bug")
        text = f"{len(audio)} {audio.dtype} {audio.sum():g}"
        return Heard(pieces=(text,), language="English", ended=Ended.STOP, queue_ms=1, run_ms=2, cached_tokens=3)
    def close(self): print("closed", flush=True)

def load(options):
    global model
    model = options.model
    if model == "nowhere": raise ModelMissing("nowhere to be found")
    return Engine()

work(VllmEngine(load, quiet_s=0.0, hangs_s=0.3))
"""


def worker(model: str = "x") -> Supervised:
    return Supervised(
        lambda: Child([sys.executable, "-c", SCRIPT], name="test", environment={"PYTHONUNBUFFERED": "1"}),
        name="test",
        options=OPTIONS.dump_json(Options(model=model)),
        explain=lambda error, _: error,
        start_timeout_s=30,
    )


@pytest.fixture(scope="module")
def lasting() -> Iterator[Supervised]:
    """One for the tests that leave it alive."""
    engine = worker()
    engine.start()
    yield engine
    engine.close()


@pytest.fixture
def engine() -> Iterator[Supervised]:
    engine = worker()
    engine.start()
    yield engine
    engine.close()


async def decode(engine: Supervised, context: str = "", audio: bytes = b"") -> Heard:
    async with asyncio.timeout(WAIT_S):
        return HEARD.validate_json(await engine.ask(ASK.dump_json(Ask(context=context)), memoryview(audio)))


async def test_audio_arrives_as_it_was_sent(lasting: Supervised) -> None:
    audio = np.full(30_000, 0.5, np.float32)
    heard = await decode(lasting, audio=audio.tobytes())
    assert heard.pieces == ("30000 float32 15000",)
    assert (heard.language, heard.queue_ms, heard.run_ms, heard.cached_tokens) == ("English", 1, 2, 3)


def test_it_says_what_it_loaded() -> None:
    engine = worker()
    about = ABOUT.validate_json(engine.start())
    engine.close()
    assert (about.device, about.languages, about.longest_s) == ("TEST", ("English",), 30)


@pytest.mark.parametrize(
    ("context", "error", "words"), [("long", BadRequest, "too long"), ("bug", EngineFailed, "KeyError: 'a bug'")]
)
async def test_one_decode_fails_alone(lasting: Supervised, context: str, error: type[SpeechError], words: str) -> None:
    with pytest.raises(error, match=words):
        await decode(lasting, context)
    assert (await decode(lasting)).pieces


async def test_a_question_that_cannot_be_read_fails_alone(lasting: Supervised) -> None:
    with pytest.raises(EngineFailed):
        await lasting.ask(b"{", memoryview(b""))
    with pytest.raises(EngineFailed):
        await decode(lasting, audio=b"123")  # no whole number of samples
    assert (await decode(lasting)).pieces


async def test_a_dead_engine_ends_the_process(engine: Supervised) -> None:
    dead = engine.pid
    waiting = asyncio.create_task(decode(engine, "wait"))
    with pytest.raises(EngineLost, match="the engine died"):
        await decode(engine, "dead")
    with pytest.raises(EngineLost):
        await waiting
    await until(lambda: engine.ready, within_s=WAIT_S)
    assert engine.pid != dead


async def test_an_engine_that_hangs_is_found_out_when_a_decode_is_given_up(engine: Supervised) -> None:
    held = asyncio.create_task(decode(engine, "wait"))
    given_up = asyncio.create_task(decode(engine, "hang"))
    await decode_nothing_more(engine)
    given_up.cancel()
    with pytest.raises(EngineLost, match="the engine hangs"):
        await held


async def decode_nothing_more(engine: Supervised) -> None:
    """Return when what was asked so far is under way: it is asked in order, and a hung engine still refuses."""
    with pytest.raises(EngineFailed):
        await engine.ask(b"{", memoryview(b""))


async def test_a_decode_that_is_given_up_is_no_reason_to_end(engine: Supervised) -> None:
    held = asyncio.create_task(decode(engine, "wait"))
    await decode_nothing_more(engine)
    pid = engine.pid
    held.cancel()
    await asyncio.wait([held])
    check_ends = time.monotonic() + 0.5
    while time.monotonic() < check_ends:
        assert (await decode(engine)).pieces
    assert engine.pid == pid


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [("nowhere", ModelMissing, "nowhere to be found"), ("cold", EngineFailed, "ValueError: it does not warm up")],
)
def test_what_keeps_it_from_serving_is_said(model: str, error: type[SpeechError], words: str) -> None:
    with pytest.raises(error, match=words):
        worker(model).start()
