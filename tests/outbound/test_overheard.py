"""What is said while a caller is put through: who waits for its transcripts, and what a fault of theirs costs."""

import asyncio

import pytest

from bot.api import Final
from bridge.leg import LegLost
from bridge.observer import CallObserver, TransferSide
from bridge.outbound.overheard import OverheardLeg, Overhearing
from telephony.events import AudioFormat, CallEnded, Encoding, Media

MULAW = AudioFormat(Encoding.MULAW, 8000)


class Kept(CallObserver):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def overheard(self, side: TransferSide, final: Final) -> None:
        self.texts.append(final.text)


async def test_the_last_words_are_waited_for_at_the_end_of_the_call() -> None:
    kept = Kept()

    async def transcribe(side: OverheardLeg, told: CallObserver) -> None:
        heard = [event async for event in side]
        await asyncio.sleep(0)
        told.said(Final(f"{len(heard) - 1} pieces", "", 0, 20))

    async with Overhearing(transcribe, kept) as overhearing:
        leg = overhearing.begin(TransferSide.CALLER, MULAW, 0)
        leg.hear(b"\x11" * 160)
        leg.hear(b"\x11" * 160)
    assert kept.texts == ["2 pieces"]


async def test_a_side_that_ended_hears_no_more() -> None:
    heard: list[object] = []

    async def transcribe(side: OverheardLeg, told: CallObserver) -> None:
        heard.extend([event async for event in side])

    async with Overhearing(transcribe, Kept()) as overhearing:
        leg = overhearing.begin(TransferSide.TARGET, MULAW, 0)
        leg.hear(b"\x11")
        leg.end()
        leg.hear(b"\x22")
        leg.end()
    assert heard == [Media(b"\x11", 0), CallEnded("the two speak no more")]


@pytest.mark.parametrize("error", [RuntimeError("no model"), LegLost("too slow")])
async def test_a_fault_is_logged_and_goes_no_further(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def transcribe(side: OverheardLeg, told: CallObserver) -> None:
        raise error

    async with Overhearing(transcribe, Kept()) as overhearing:
        leg = overhearing.begin(TransferSide.CALLER, MULAW, 0)
        await asyncio.sleep(0)
        for _ in range(10_000):
            leg.hear(b"\x11")
    assert "what is said on a transfer is" in caplog.text


async def test_nothing_is_transcribed_where_nobody_wants_it() -> None:
    kept = Kept()
    async with Overhearing(None, kept) as overhearing:
        overhearing.begin(TransferSide.CALLER, MULAW, 0).hear(b"\x11")
    assert kept.texts == []
