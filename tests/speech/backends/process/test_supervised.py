"""The children here are real processes that speak the real protocol, and no engine."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from waiting import until

from bridge.speech.api import BadRequest, EngineFailed, EngineLost, ModelMissing, SpeechError
from bridge.speech.backends.process.child import Child
from bridge.speech.backends.process.supervised import Supervised

pytestmark = pytest.mark.heavy

WAIT_S = 20.0

WORKER = """
import asyncio, os, subprocess, sys, time
from bridge.speech.api import BadRequest, ModelMissing
from bridge.speech.backends.process.frames import FrameKind
from bridge.speech.backends.process.orders import Orders, leave

async def run(orders):
    ended, held = asyncio.Event(), set()
    def take(frame):
        if frame.kind is FrameKind.ABORT:
            held.discard(frame.number)
            return
        match frame.head:
            case b"echo": orders.answer(frame.number, bytes(frame.payload))
            case b"refuse": orders.refuse(frame.number, BadRequest("never"))
            case b"work":
                time.sleep(1.5)
                orders.answer(frame.number, b"done")
            case b"hold": held.add(frame.number)
            case b"held": orders.answer(frame.number, str(len(held)).encode())
            case b"die":
                print("ValueError: it was too much", flush=True)
                os._exit(3)
            case b"fail":
                orders.fail(ModelMissing("gone"))
            case b"descend":
                sleeper = subprocess.Popen(["sleep", "1000"])
                orders.answer(frame.number, str(sleeper.pid).encode())
    orders.listen(take, on_end=ended.set)
    if options == b"missing":
        orders.fail(ModelMissing("model 'x' is not there"))
        return
    if options == b"broken":
        raise RuntimeError("no memory")
    if options != b"mute":
        orders.ready(b"about " + options)
    await ended.wait()

orders = Orders(int(sys.argv[1]))
options = orders.options()
asyncio.run(run(orders))
leave()
"""


def start(script: str = WORKER) -> Child:
    return Child([sys.executable, "-c", script], name="test", environment={"PYTHONUNBUFFERED": "1"}, grace_s=2)


def first_words(error: SpeechError, output: Sequence[str]) -> SpeechError:
    return type(error)(f"{error} [{output[-1] if output else ''}]")


def supervised(options: bytes = b"x", *, start: Callable[[], Child] = start, start_timeout_s: float = 30) -> Supervised:
    return Supervised(start, name="test", options=options, explain=first_words, start_timeout_s=start_timeout_s)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Supervised]:
    """One for the tests that leave it alive."""
    worker = supervised()
    worker.start()
    yield worker
    worker.close()


@pytest.fixture
def worker() -> Iterator[Supervised]:
    worker = supervised()
    worker.start()
    yield worker
    worker.close()


def ask(worker: Supervised, head: bytes, payload: bytes = b"") -> "asyncio.Task[bytes]":
    return asyncio.get_running_loop().create_task(worker.ask(head, memoryview(payload)))


def alive(pid: int) -> bool:
    """Tell whether a process runs: a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_questions_are_answered(lasting: Supervised) -> None:
    assert await asyncio.gather(*(ask(lasting, b"echo", bytes([n])) for n in range(50))) == [
        bytes([n]) for n in range(50)
    ]


async def test_audio_of_any_length_passes(lasting: Supervised) -> None:
    audio = bytes(range(256)) * 1000
    assert await ask(lasting, b"echo", audio) == audio


def test_the_child_says_what_it_loaded() -> None:
    worker = supervised(b"tiny")
    ready = [worker.ready]
    assert worker.start() == b"about tiny"
    ready.append(worker.ready)
    worker.close()
    assert [*ready, worker.ready] == [False, True, False]


async def test_what_the_child_refuses_is_raised_here(lasting: Supervised) -> None:
    with pytest.raises(BadRequest, match="never"):
        await ask(lasting, b"refuse")
    assert await ask(lasting, b"echo", b"on") == b"on"


async def test_a_question_nobody_waits_for_is_withdrawn(lasting: Supervised) -> None:
    questions = [ask(lasting, b"hold") for _ in range(3)]
    assert await ask(lasting, b"held") == b"3"
    for question in questions[:2]:
        question.cancel()
    await asyncio.wait(questions[:2])
    assert await ask(lasting, b"held") == b"1"
    questions[2].cancel()
    await asyncio.wait(questions[2:])


async def test_what_was_given_up_before_it_was_sent_is_not_sent(lasting: Supervised) -> None:
    question = ask(lasting, b"hold")
    question.cancel()
    await asyncio.wait([question])
    assert await ask(lasting, b"held") == b"0"


async def test_a_death_fails_what_is_open_at_once_and_the_next_child_serves(worker: Supervised) -> None:
    held = [ask(worker, b"hold") for _ in range(3)]
    assert await ask(worker, b"held") == b"3"
    dead = worker.pid
    assert dead
    begun = time.monotonic()
    os.kill(dead, signal.SIGKILL)
    outcomes = await asyncio.gather(*held, return_exceptions=True)
    assert time.monotonic() - begun < 1
    assert [type(outcome) for outcome in outcomes] == [EngineLost] * 3
    assert not worker.ready
    with pytest.raises(EngineLost, match="being started again"):
        await ask(worker, b"echo")
    await until(lambda: worker.ready, within_s=WAIT_S)
    assert await ask(worker, b"echo", b"again") == b"again"
    assert worker.pid != dead


async def test_a_failure_the_child_reports_is_its_end(worker: Supervised, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(EngineLost, match="gone"):
        await ask(worker, b"fail")
    await until(lambda: worker.ready, within_s=WAIT_S)
    assert "gone" in caplog.text
    assert "it is back" in caplog.text


async def test_the_last_line_of_output_is_in_the_log(worker: Supervised, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(EngineLost):
        await ask(worker, b"die")
    await until(lambda: worker.ready, within_s=WAIT_S)
    assert "ValueError: it was too much" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (b"missing", ModelMissing, "model 'x' is not there"),
        (b"broken", EngineLost, "RuntimeError: no memory"),
    ],
)
def test_a_first_start_that_fails_is_raised_and_not_tried_again(
    options: bytes, error: type[SpeechError], words: str
) -> None:
    worker = supervised(options)
    with pytest.raises(error, match=words):
        worker.start()
    assert worker.pid is None
    worker.close()


def test_a_child_that_never_gets_ready_is_ended() -> None:
    children: list[Child] = []

    def remembered() -> Child:
        children.append(start())
        return children[0]

    worker = supervised(b"mute", start=remembered, start_timeout_s=0.5)
    with pytest.raises(EngineFailed, match=r"not ready within 0\.5 s"):
        worker.start()
    assert not alive(children[0].pid)


def test_a_program_that_is_not_there_says_so() -> None:
    worker = supervised(start=lambda: Child(["/nowhere/python"], name="test", environment={}))
    with pytest.raises(EngineFailed, match="nowhere"):
        worker.start()


def test_a_child_that_talks_nonsense_is_ended() -> None:
    babble = "import os, sys, time; os.write(int(sys.argv[1]), b'x' * 100); time.sleep(100)"
    worker = supervised(start=lambda: start(babble))
    with pytest.raises(EngineLost, match="died while it started"):
        worker.start()


async def test_closing_fails_what_is_open_and_leaves_nothing_running() -> None:
    worker = supervised()
    await asyncio.to_thread(worker.start)
    sleeper = int(await ask(worker, b"descend"))
    held = ask(worker, b"hold")
    assert await ask(worker, b"held") == b"1"
    child = worker.pid
    assert child
    await asyncio.to_thread(worker.close)
    with pytest.raises(EngineLost, match="closed"):
        await held
    with pytest.raises(EngineLost, match="closed"):
        await ask(worker, b"echo")
    assert not alive(child)
    assert not alive(sleeper)
    worker.close()


async def test_what_a_dead_child_started_is_ended_too(worker: Supervised) -> None:
    sleeper = int(await ask(worker, b"descend"))
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: not alive(sleeper), within_s=WAIT_S)


def test_closing_ends_a_start_that_goes_on() -> None:
    worker = supervised(b"mute")
    failed: list[BaseException] = []

    def begin() -> None:
        try:
            worker.start()
        except SpeechError as error:
            failed.append(error)

    starting = threading.Thread(target=begin)
    starting.start()
    while worker.pid is None:
        time.sleep(0.01)
    worker.close()
    starting.join(WAIT_S)
    assert isinstance(failed[0], EngineLost)


PARENT = """
import os, signal, sys, time
from test_supervised import supervised
worker = supervised()
worker.start()
print(worker.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_child_dies_with_its_parent(number: signal.Signals) -> None:
    here = Path(__file__)
    path = os.pathsep.join((str(here.parent), str(here.parents[3] / "support")))
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": path}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert parent.stdout
    child = int(await parent.stdout.readline())
    assert alive(child)
    parent.send_signal(number)
    await parent.wait()
    await until(lambda: not alive(child), within_s=WAIT_S)
    parent.stdout.feed_eof()


async def test_a_frozen_child_is_killed_and_started_again() -> None:
    worker = Supervised(start, name="test", options=b"x", explain=first_words, start_timeout_s=30, frozen_s=0.4)
    await asyncio.to_thread(worker.start)
    frozen = worker.pid
    assert frozen
    question = ask(worker, b"hold")
    await asyncio.sleep(0)
    os.kill(frozen, signal.SIGSTOP)
    with pytest.raises(EngineLost, match=r"said nothing for 0\.4 s and was killed"):
        await question
    await until(lambda: worker.ready and worker.pid != frozen, within_s=WAIT_S)
    assert await ask(worker, b"echo", b"there") == b"there"
    await asyncio.to_thread(worker.close)


async def test_a_child_whose_loop_is_busy_is_not_frozen() -> None:
    worker = Supervised(start, name="test", options=b"x", explain=first_words, start_timeout_s=30, frozen_s=0.4)
    await asyncio.to_thread(worker.start)
    busy = worker.pid
    assert await ask(worker, b"work", b"") == b"done"
    assert worker.pid == busy
    await asyncio.to_thread(worker.close)
