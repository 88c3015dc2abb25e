"""What becomes of a final while no engine is there."""

import asyncio

import pytest
from fakes import FakeAsr

from bridge.call.asr_outage import AsrOutage
from bridge.speech.api import BadRequest, EngineFailed, EngineLost, SpeechError


class Gone(FakeAsr):
    """Is back when told."""

    def __init__(self) -> None:
        super().__init__()
        self.back = asyncio.Event()

    async def recovered(self) -> None:
        await self.back.wait()


class Decode:
    """Fails with each of `failures`, then succeeds."""

    def __init__(self, *failures: SpeechError) -> None:
        self.failures, self.tries, self.stuck = list(failures), 0, asyncio.Event()
        self.stuck.set()

    async def __call__(self) -> str:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        await self.stuck.wait()
        return "heard"


class Waits:
    """Counts the calls of `on_wait`."""

    count = 0

    def __call__(self) -> None:
        self.count += 1


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_succeeds_waits_for_nobody() -> None:
    waits = Waits()
    assert await AsrOutage(Gone(), longest_s=60).survive(Decode(), on_wait=waits) == "heard"
    assert waits.count == 0


async def test_what_fails_for_want_of_an_engine_is_tried_again_when_one_is_back() -> None:
    engine, decode, waits = Gone(), Decode(EngineLost("down")), Waits()
    waiting = asyncio.create_task(AsrOutage(engine, longest_s=60).survive(decode, on_wait=waits))
    await settle()
    assert (decode.tries, waits.count) == (1, 1)
    engine.back.set()
    assert await waiting == "heard"
    assert (decode.tries, waits.count) == (2, 1)


async def test_what_can_never_succeed_is_not_tried_again() -> None:
    decode, waits = Decode(BadRequest("audio holds NaN")), Waits()
    with pytest.raises(BadRequest):
        await AsrOutage(Gone(), longest_s=60).survive(decode, on_wait=waits)
    assert (decode.tries, waits.count) == (1, 0)


async def test_what_turns_out_to_be_hopeless_after_the_outage_is_not_tried_again() -> None:
    engine, decode = Gone(), Decode(EngineLost("down"), BadRequest("audio holds NaN"))
    engine.back.set()
    with pytest.raises(BadRequest):
        await AsrOutage(engine, longest_s=60).survive(decode, on_wait=Waits())
    assert decode.tries == 2


async def test_audio_that_kills_every_engine_is_given_up() -> None:
    decode = Decode(*(EngineFailed(f"try {n}") for n in range(100)))
    outage = AsrOutage(FakeAsr(), longest_s=60, pauses_s=(0.0,) * 4)
    with pytest.raises(EngineFailed, match="try 4"):
        await outage.survive(decode, on_wait=Waits())
    assert decode.tries == 5


@pytest.mark.parametrize("longest_s", [0, 0.01])
async def test_an_outage_that_is_too_long_raises_the_failure(longest_s: float) -> None:
    with pytest.raises(EngineLost, match="down"):
        await AsrOutage(Gone(), longest_s=longest_s).survive(Decode(EngineLost("down")), on_wait=Waits())


async def test_an_engine_that_comes_back_stuck_does_not_prolong_it() -> None:
    engine, decode = Gone(), Decode(EngineLost("down"))
    engine.back.set()
    decode.stuck.clear()
    with pytest.raises(EngineLost, match="down"):
        await AsrOutage(engine, longest_s=0.01).survive(decode, on_wait=Waits())


@pytest.mark.parametrize("at_once", [True, False])
async def test_given_up_it_fails_now(at_once: bool) -> None:
    outage = AsrOutage(Gone(), longest_s=60)
    waiting = asyncio.create_task(
        outage.survive(Decode(EngineLost("down")), on_wait=outage.give_up if at_once else Waits())
    )
    await settle()
    outage.give_up()
    outage.give_up()
    with pytest.raises(EngineLost, match="down"):
        await waiting


async def test_giving_up_when_nothing_waits_changes_nothing() -> None:
    outage = AsrOutage(Gone(), longest_s=60)
    outage.give_up()
    assert await outage.survive(Decode(), on_wait=Waits()) == "heard"


async def test_the_caller_is_owed_a_word_once_an_outage() -> None:
    engine, said = Gone(), list[bool]()
    outage = AsrOutage(engine, longest_s=60)

    async def wait() -> None:
        await outage.survive(Decode(EngineLost("down")), on_wait=lambda: said.append(outage.take_apology()))

    assert not outage.take_apology(again=True), "none is under way"
    waiting = asyncio.create_task(wait())
    await settle()
    assert not outage.take_apology()
    assert outage.take_apology(again=True), "they spoke over what told them"
    outage.give_up()
    await asyncio.wait({waiting})
    with pytest.raises(EngineLost):
        waiting.result()
    waiting = asyncio.create_task(wait())
    await settle()
    engine.back.set()
    await waiting
    assert said == [True, False], "the oldest was given up, the outage went on"
    engine.back.clear()
    waiting = asyncio.create_task(wait())
    await settle()
    engine.back.set()
    await waiting
    assert said == [True, False, True]


async def test_cancelled_it_leaves_nothing_behind() -> None:
    outage = AsrOutage(Gone(), longest_s=60)
    waiting = asyncio.create_task(outage.survive(Decode(EngineLost("down")), on_wait=Waits()))
    await settle()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert not outage.take_apology()
    assert asyncio.all_tasks() == {asyncio.current_task()}
