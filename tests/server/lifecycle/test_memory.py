"""What stays is not searched for garbage again; what is free is given back."""

import ctypes
import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest
from fakes import FakePause

from bridge.containment import beside
from bridge.server.lifecycle.memory import giving_back, keep_for_good

FREED: Final = """
import numpy as np
from bridge.server.lifecycle.memory import give_back
def mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
np.zeros(20_000_000, np.uint8)  # from now on blocks up to that size come from the heap
blocks = [np.ones(100_000, np.uint8) for _ in range(500)]
last = np.ones(100_000, np.uint8)  # keeps the heap from shrinking by itself
del blocks
before = mb()
give_back()
print(before - mb())
"""


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_there_is_at_the_start_is_not_searched_again_and_what_comes_later_is() -> None:
    old = [list[int]() for _ in range(3)]
    keep_for_good()
    new = [list[int]()]
    found = {id(known) for known in gc.get_objects()}
    assert id(new) in found and id(old) not in found and not found & {id(each) for each in old}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no glibc")
def test_memory_that_is_free_inside_the_heap_goes_back_to_the_system() -> None:
    told = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert float(told.stdout) > 25


async def test_it_is_given_back_at_the_start_and_each_minute_until_the_end() -> None:
    given, pause = list[int](), FakePause()
    async with beside(giving_back(lambda: given.append(1), pause=pause), "memory"):
        for count in range(1, 4):
            await pause.until(count)
            assert len(given) == count
            await pause.end()
    assert set(pause.delays) == {60.0}
