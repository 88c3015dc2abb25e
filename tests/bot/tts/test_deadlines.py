import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from bot.tts.deadlines import Deadlines, Playing


@pytest.fixture
def thread() -> Iterator[Deadlines]:
    made = Deadlines(1, name="test")
    yield made
    made.close()


@pytest.fixture
def busy(thread: Deadlines) -> Iterator[Callable[[], None]]:
    """Keep the thread busy until this is called."""
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert end.wait(10)

    thread.submit(work, due_s=0)
    assert begun.wait(10)
    yield end.set
    end.set()


def test_what_is_due_first_is_done_first(thread: Deadlines, busy: Callable[[], None]) -> None:
    done: list[str] = []
    waiting = [
        thread.submit(lambda name=name: done.append(name), due_s=due)  # type: ignore[misc]
        for name, due in [("late", 9.0), ("soon", 2.0), ("first", 1.0), ("soon, asked later", 2.0)]
    ]
    busy()
    for each in waiting:
        each.result(10)
    assert done == ["first", "soon", "soon, asked later", "late"]


def test_what_is_cancelled_before_it_began_is_never_done(thread: Deadlines, busy: Callable[[], None]) -> None:
    done: list[str] = []
    cancelled = thread.submit(lambda: done.append("cancelled"), due_s=1)
    other = thread.submit(lambda: done.append("other"), due_s=2)
    assert cancelled.cancel()
    busy()
    other.result(10)
    assert done == ["other"]


def test_a_fault_is_told_to_who_waits_and_the_thread_goes_on(thread: Deadlines) -> None:
    with pytest.raises(ZeroDivisionError):
        thread.submit(lambda: 1 / 0, due_s=0).result(10)
    assert thread.submit(lambda: 7, due_s=0).result(10) == 7


def test_a_closed_one_does_what_was_submitted_and_takes_no_more(thread: Deadlines, busy: Callable[[], None]) -> None:
    last = thread.submit(lambda: 7, due_s=0)
    thread.close()
    with pytest.raises(RuntimeError, match="closed"):
        thread.submit(lambda: 8, due_s=0)
    busy()
    assert last.result(10) == 7


def test_the_next_clause_is_due_when_the_caller_has_heard_the_last() -> None:
    playing = Playing(8000, now_s=100.0)
    assert playing.due_s == 100.0
    playing.add(np.zeros(16_000, np.float32), now_s=101.0)  # 2 s, made within 1 s
    assert playing.due_s == 103.0
    playing.add(np.zeros(8_000, np.float32), now_s=101.5)  # heard after the first
    assert playing.due_s == 104.0
    playing.add(np.zeros(8_000, np.float32), now_s=110.0)  # after a gap it plays from now on
    assert playing.due_s == 111.0
