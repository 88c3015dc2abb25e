"""The recogniser as one session has it."""

import numpy as np
import pytest
from fakes import FakeAsr, FakeClock

from bridge.admission.load import WaitingFinals
from bridge.speech.api import EngineFailed, Overloaded, Request, Standing
from bridge.speech.pool.session_asr import SessionAsr

PARTIAL = Request(np.zeros(16_000, np.float32))
FINAL = Request(np.zeros(16_000, np.float32), final=True)


class Session:
    """One of a recogniser that can be looked at."""

    def __init__(self, *, failures: int = 0) -> None:
        self.asr, self.clock, self.standing, self.spared = FakeAsr(failures=failures), FakeClock(), Standing.LIVE, False
        self.waits = WaitingFinals(self.clock)
        self.front = SessionAsr(
            self.asr,
            session="s1",
            standing=lambda: self.standing,
            spares_partials=lambda standing: self.spared and standing is self.standing,
            waits=self.waits,
        )


async def test_each_decode_says_who_asks_and_how_urgent_it_is_now() -> None:
    it = Session()
    await it.front.decode(PARTIAL)
    it.standing = Standing.FAST
    await it.front.decode(FINAL)
    asked = [(request.session, request.standing, request.final) for request in it.asr.requests]
    assert asked == [("s1", Standing.LIVE, False), ("s1", Standing.FAST, True)]


async def test_partials_are_left_out_under_load_and_finals_never() -> None:
    it = Session()
    it.spared = True
    with pytest.raises(Overloaded, match="partials are left out"):
        await it.front.decode(PARTIAL)
    await it.front.decode(FINAL)
    assert it.asr.requests[0].final
    it.spared = False
    await it.front.decode(PARTIAL)
    assert len(it.asr.requests) == 2


async def test_a_final_that_fails_is_none_that_waits() -> None:
    it = Session(failures=1)
    with pytest.raises(EngineFailed):
        await it.front.decode(FINAL)
    it.clock.advance(60)
    assert it.waits.wait_s(Standing.LIVE) == 0


async def test_what_else_a_recogniser_can_is_the_recognisers_and_closing_is_not_ours() -> None:
    it = Session()
    assert (it.front.name, it.front.capabilities) == (it.asr.name, it.asr.capabilities)
    assert await it.front.healthy()
    await it.front.recovered()
    with pytest.raises(Exception, match="Klingon"):
        it.front.check_language("Klingon")
    it.front.close()
    assert await it.front.healthy()
