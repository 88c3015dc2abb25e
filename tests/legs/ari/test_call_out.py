"""Calls that an Asterisk places for us over ARI: answered, refused, given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from ari_server import PASSWORD, USER, AriServer, channel

from bridge.admission.lines import Lines
from bridge.leg import OpeningLeg
from bridge.legs.ari.link import AriLink
from bridge.metrics import Metrics
from bridge.settings import Settings
from telephony.events import CallEnded, CallStarted
from telephony.outcome import NotAnswered, Outcome


class Nobody:
    """Takes no calls."""

    def __init__(self) -> None:
        self.settings, self.lines, self.metrics = Settings(), Lines(1), Metrics()

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        raise AssertionError("a call of ours came back as one of somebody else's")


@dataclass
class Ringing:
    asterisk: AriServer
    leg: OpeningLeg
    start: "asyncio.Task[CallStarted]"
    asked: dict[str, str]

    async def destroyed(self, cause: int, why: str) -> None:
        told = {"type": "ChannelDestroyed", "channel": channel(self.asked["channelId"])}
        await self.asterisk.tell({**told, "cause": cause, "cause_txt": why})


@asynccontextmanager
async def ringing(*, caller: str = "", refuses: int = 0) -> AsyncIterator[Ringing]:
    given = {"ari_user": USER, "ari_password": PASSWORD, "ari_dial_context": "desks", "ari_timeout": 2}
    async with AriServer() as asterisk:
        if refuses:
            asterisk.refuses["POST", "channels"] = refuses
        async with AriLink(Settings.model_validate({"ari_url": asterisk.url, **given}), Nobody()) as link:
            await asterisk.until_connected()
            leg = link.dial("300", caller=caller)
            async with leg:
                start = asyncio.create_task(leg.start(5))
                asked = await asterisk.until_asked("POST", "channels")
                yield Ringing(asterisk, leg, start, dict(asked))
                await leg.close("over")
            assert not link._legs, "nothing is left of it"
            await asyncio.gather(start, return_exceptions=True)


async def test_a_call_out_rings_in_the_dialplan_and_is_joined_with_its_audio_once_answered() -> None:
    async with ringing(caller="4711") as call:
        assert (call.asked["endpoint"], call.asked["callerId"]) == ("Local/300@desks/n", "4711")
        assert not call.start.done()
        await call.asterisk.enter(call.asked["channelId"])
        started = await asyncio.wait_for(call.start, 5)
        assert (started.caller, started.callee) == ("4711", "300")
        joined = await call.asterisk.until_asked("POST", "channels/externalMedia")
        assert joined["app"] == "bridge"
        await call.destroyed(16, "Normal Clearing")
        async with asyncio.timeout(5):
            assert [event async for event in call.leg if isinstance(event, CallEnded)] == [CallEnded("caller hung up")]


@pytest.mark.parametrize(
    ("cause", "why", "outcome"),
    [
        (17, "User busy", Outcome.BUSY),
        (19, "User alerting, no answer", Outcome.NO_ANSWER),
        (21, "Call Rejected", Outcome.REFUSED),
        (0, "", Outcome.FAILED),
        (3, "No route", Outcome.FAILED),
    ],
)
async def test_who_does_not_answer_says_why(cause: int, why: str, outcome: Outcome) -> None:
    async with ringing() as call:
        await call.destroyed(cause, why)
        with pytest.raises(NotAnswered, match=why or "no cause is told") as told:
            await asyncio.wait_for(call.start, 5)
        assert told.value.outcome is outcome


@pytest.mark.parametrize(("status", "outcome"), [("BUSY", Outcome.BUSY), ("NOANSWER", Outcome.NO_ANSWER)])
async def test_a_dialplan_that_says_busy_itself_is_busy(status: str, outcome: Outcome) -> None:
    async with ringing() as call:
        for said in ("", status):
            await call.asterisk.tell({"type": "Dial", "peer": channel(call.asked["channelId"]), "dialstatus": said})
        await call.destroyed(0, "Unknown")
        with pytest.raises(NotAnswered, match=status) as told:
            await asyncio.wait_for(call.start, 5)
        assert told.value.outcome is outcome


async def test_a_call_that_asterisk_does_not_place_has_failed() -> None:
    async with ringing(refuses=400) as call:
        with pytest.raises(NotAnswered, match="400") as told:
            await asyncio.wait_for(call.start, 5)
        assert told.value.outcome is Outcome.FAILED


async def test_a_call_that_is_given_up_rings_no_more() -> None:
    async with ringing() as call:
        await call.leg.close("given up")
        await call.asterisk.until_asked("DELETE", f"channels/{call.asked['channelId']}")
        with pytest.raises(NotAnswered):
            await asyncio.wait_for(call.start, 5)
