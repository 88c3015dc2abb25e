"""The audio before speech was certain."""

import numpy as np

from bridge.call.preroll import PREROLL_MS, PreRoll
from bridge.speech.ear import ScoredWindow


def window(index: int) -> ScoredWindow:
    return ScoredWindow(np.full(512, index, np.float32), 0.0, index * 32, index * 32 + 32)


def test_an_utterance_begins_preroll_ms_before_its_onset() -> None:
    preroll = PreRoll(keep_ms=320)
    for index in range(100):
        preroll.add(window(index))
    taken = preroll.take(onset_ms=95 * 32)
    assert taken[0] == 85  # the window that holds the sample 300 ms before
    assert taken[-1] == 99
    assert len(taken) == 15 * 512


def test_nothing_is_handed_out_twice() -> None:
    preroll = PreRoll(keep_ms=320)
    preroll.add(window(0))
    assert len(preroll.take(0)) == 512
    assert len(preroll.take(0)) == 0


def test_it_keeps_no_more_than_it_must() -> None:
    preroll = PreRoll(keep_ms=320)
    for index in range(1000):
        preroll.add(window(index))
    assert len(preroll.take(0)) <= (320 + PREROLL_MS) * 16
