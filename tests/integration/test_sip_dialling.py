"""Calls out over SIP: the real stack, and telephones from Debian and by hand that answer, refuse or let it ring."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from integration.by_hand import headers, opened, reply, sdp
from integration.sip_peers import Desk, baresip, free_port, needs_baresip, needs_stack, sip, spoken, until

from bridge.outbound.call_request import read
from bridge.outbound.dialler import Dialler
from bridge.outbound.leg import PlacedCall, Status
from bridge.settings import Settings
from telephony.events import Hangup, SendInfo
from telephony.outcome import NotAnswered, Outcome

LEARNS_LATE: Final = """
import asyncio, runpy
from baresip import Runtime
from baresip.events import Event
from baresip._native import lib

at_once = Runtime.cmd

async def late(self, command, **options):
    if command != lib.BP_CMD_UA_CONNECT:
        return await at_once(self, command, **options)
    settled = asyncio.Event()
    self.subscribe(lambda event: settled.set() if event.event is Event.{event} else None)
    told = await at_once(self, command, **options)
    await settled.wait()
    return told

Runtime.cmd = late
runpy.run_module("bridge.legs.sip.process", run_name="__main__")
"""
"""A SIP process that learns which call it has made only when that event of it is past, as on a busy machine."""

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_stack]


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        yield ours


@asynccontextmanager
async def dialling(desk: Desk, **options: object) -> AsyncIterator[Dialler]:
    """Run a SIP side that may call anybody on this machine."""
    async with sip(desk) as (link, _):
        settings = Settings.model_validate({"dial_allow": "sip:*@127.0.0.1:*", "dial_per_second": 100, **options})
        yield Dialler(settings, desk, {"sip": lambda order, _: link.dial(order.to, order.headers)})


async def ended(call: PlacedCall) -> tuple[Outcome | None, str]:
    await until(lambda: call.status is Status.ENDED, "the end of the call")
    return call.outcome, call.reason


async def request(wire: socket.socket, method: str) -> tuple[bytes, tuple[str, int]]:
    """Return the next request of that kind, and where it came from."""
    async with asyncio.timeout(5):
        while True:
            data, source = await asyncio.get_running_loop().sock_recvfrom(wire, 65536)
            if data.startswith(f"{method} ".encode()):
                return data, source


def at(wire: socket.socket) -> str:
    return f"sip:bob@127.0.0.1:{wire.getsockname()[1]}"


@needs_baresip
async def test_a_call_that_is_answered_talks_until_the_other_side_hangs_up(tmp_path: Path) -> None:
    port, desk = free_port(), Desk(say=spoken("vm-intro").astype("<i2").tobytes())
    async with (
        dialling(desk) as dialler,
        baresip(tmp_path, spoken("vm-intro", after_s=3.0), listen=port, user="alice") as alice,
    ):
        order = {"to": f"sip:alice@127.0.0.1:{port}", "parameters": {"name": "Anna"}, "headers": {"X-Campaign": "7"}}
        call = dialler.place(read(order))
        taken = await desk.call()
        assert call.status is Status.ANSWERED
        assert (taken.started.direction, taken.started.parameters["name"]) == ("outbound", "Anna")
        assert await ended(call) == (Outcome.COMPLETED, "the other side hung up")
        await alice.end()
        assert abs(alice.heard()).max() > 1000
    assert len(taken.heard) > 16_000


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("486 Busy Here", Outcome.BUSY),
        ("603 Decline", Outcome.REFUSED),
        ("404 Not Found", Outcome.FAILED),
        ("480 Temporarily Unavailable", Outcome.NO_ANSWER),
    ],
)
async def test_who_does_not_take_the_call_says_why(status: str, outcome: Outcome, wire: socket.socket) -> None:
    async with dialling(desk := Desk()) as dialler:
        call = dialler.place(read({"to": at(wire), "headers": {"X-Campaign": "7"}}))
        invite, source = await request(wire, "INVITE")
        assert headers(invite)["x-campaign"] == "7"
        wire.sendto(reply(invite, status), source)
        assert await ended(call) == (outcome, f"the other side answered {status}")
        await request(wire, "ACK")
    assert desk.lines.taken == 0


async def test_a_call_that_is_redirected_goes_where_it_may_and_nowhere_else(wire: socket.socket) -> None:
    async with dialling(desk := Desk()) as dialler:
        with opened() as elsewhere, opened() as media:
            call = dialler.place(read({"to": at(wire), "headers": {"X-Campaign": "7"}}))
            invite, source = await request(wire, "INVITE")
            moved = f"Contact: <{at(elsewhere)};x=y>;q=0.9\r\n"
            wire.sendto(reply(invite, "302 Moved Temporarily", more=moved), source)
            invite, source = await request(elsewhere, "INVITE")
            assert headers(invite)["x-campaign"] == "7"
            accepted = {"more": f"Contact: <{at(elsewhere)}>\r\n", "body": sdp("127.0.0.1", media.getsockname()[1])}
            elsewhere.sendto(reply(invite, "200 OK", **accepted), source)
            taken = await desk.call()
            assert (call.status, taken.started.callee) == (Status.ANSWERED, at(wire))
            telling = asyncio.create_task(taken.leg.send(SendInfo("{}", "application/json")))
            info, source = await request(elsewhere, "INFO")
            elsewhere.sendto(reply(info, "200 OK"), source)
            await telling
            await taken.leg.close("enough")
        other = dialler.place(read({"to": at(wire)}))
        invite, source = await request(wire, "INVITE")
        wire.sendto(reply(invite, "302 Moved Temporarily", more="Contact: <sip:+1900@premium.example>\r\n"), source)
        outcome, reason = await ended(other)
        assert outcome is Outcome.FAILED
        assert reason == (
            "the other side answered 302 Moved Temporarily, to sip:+1900@premium.example: "
            "sip:+1900@premium.example may not be called; --dial-allow says who may"
        )
        circle = dialler.place(read({"to": at(wire)}))
        for _ in range(2):
            invite, source = await request(wire, "INVITE")
            wire.sendto(reply(invite, "301 Moved", more=f"Contact: <{at(wire)}>\r\n"), source)
        assert "without end" in (await ended(circle))[1]


def learns_late(event: str) -> tuple[str, ...]:
    return (sys.executable, "-c", LEARNS_LATE.replace("{event}", event))


async def test_an_answer_that_is_faster_than_the_dialling_side_begins_the_call(wire: socket.socket) -> None:
    desk = Desk()
    with opened() as media:
        async with sip(desk, learns_late("CALL_ESTABLISHED")) as (link, _):
            carried = asyncio.create_task(desk.carry(link.dial(at(wire)), wire="sip"))
            invite, source = await request(wire, "INVITE")
            accepted = {"more": f"Contact: <{at(wire)}>\r\n", "body": sdp("127.0.0.1", media.getsockname()[1])}
            wire.sendto(reply(invite, "200 OK", **accepted), source)
            taken = await desk.call()
            assert taken.started.call_id == headers(invite)["call-id"]
            await taken.leg.send(Hangup("enough"))
            bye, _ = await request(wire, "BYE")
            wire.sendto(reply(bye, "200 OK"), source)
            await carried
    assert taken.ended == "enough"


async def test_an_end_that_is_faster_than_the_dialling_side_ends_the_call(wire: socket.socket) -> None:
    async with sip(Desk(), learns_late("CALL_CLOSED")) as (link, _):
        starting = asyncio.create_task(link.dial(at(wire)).start(5))
        invite, source = await request(wire, "INVITE")
        wire.sendto(reply(invite, "486 Busy Here"), source)
        with pytest.raises(NotAnswered, match="486 Busy Here"):
            await starting


async def test_nobody_answers_and_the_ringing_is_cancelled(wire: socket.socket) -> None:
    async with dialling(desk := Desk(), dial_timeout=1) as dialler:
        call = dialler.place(read({"to": at(wire)}))
        invite, source = await request(wire, "INVITE")
        wire.sendto(reply(invite, "180 Ringing"), source)
        cancel, _ = await request(wire, "CANCEL")
        assert headers(cancel)["call-id"] == headers(invite)["call-id"]
        wire.sendto(reply(cancel, "200 OK"), source)
        wire.sendto(reply(invite, "487 Request Terminated"), source)
        assert await ended(call) == (Outcome.NO_ANSWER, "no answer within 1 s")
    assert desk.lines.taken == 0


async def test_a_call_given_up_before_its_invite_is_out_does_not_ring_on(wire: socket.socket) -> None:
    desk = Desk()
    async with sip(desk) as (link, _):
        leg = link.dial(at(wire))
        starting = asyncio.create_task(leg.start(5))
        await asyncio.sleep(0)
        await leg.close("changed our mind")
        invite, source = await request(wire, "INVITE")
        wire.sendto(reply(invite, "180 Ringing"), source)
        cancel, _ = await request(wire, "CANCEL")
        wire.sendto(reply(cancel, "200 OK"), source)
        wire.sendto(reply(invite, "487 Request Terminated"), source)
        with pytest.raises(Exception, match="changed our mind"):
            await starting


async def test_where_nobody_listens_the_call_fails() -> None:
    async with dialling(Desk(), dial_timeout=3) as dialler:
        outcome, reason = await ended(dialler.place(read({"to": f"sip:bob@127.0.0.1:{free_port()}"})))
    assert outcome in {Outcome.FAILED, Outcome.NO_ANSWER}, reason
