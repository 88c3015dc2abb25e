"""Threads that give way to those that keep a beat."""

import os
import sys
import threading

import pytest

from bot.threads import NICENESS, made_behind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_what_is_made_behind_gives_way_with_the_threads_that_it_starts_and_nothing_else_does() -> None:
    before, found = niceness(), list[int]()

    def make() -> int:
        thread = threading.Thread(target=lambda: found.append(niceness()))
        thread.start()
        thread.join()
        return niceness()

    behind = min(before + NICENESS, 19)
    assert made_behind(make) == behind
    assert found == [behind] and niceness() == before


def test_what_cannot_be_made_says_why() -> None:
    with pytest.raises(ValueError, match="no such model"):
        made_behind(lambda: (_ for _ in ()).throw(ValueError("no such model")))
