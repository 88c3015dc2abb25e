"""Calls out over SIP: the real stack, and telephones from Debian and by hand that answer, refuse or let it ring."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from integration.by_hand import headers
from integration.sip_peers import Desk, baresip, free_port, needs_baresip, needs_stack, sip, spoken, until

from bridge.outbound.call_request import read
from bridge.outbound.dialler import Dialler
from bridge.outbound.leg import PlacedCall, Status
from bridge.settings import Settings
from telephony.outcome import Outcome

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


def reply(invite: bytes, status: str) -> bytes:
    """Return an answer to `invite` by hand."""
    told = headers(invite)
    lines = "".join(f"{name}: {told[name]}\r\n" for name in ("via", "from", "call-id", "cseq"))
    return f"SIP/2.0 {status}\r\n{lines}to: {told['to']};tag=7\r\nContent-Length: 0\r\n\r\n".encode()


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
        await asyncio.sleep(0.5)
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
