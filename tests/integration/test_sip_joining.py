"""Two calls of the bridge are put together by their other sides, which are written by hand: REFER with Replaces."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from integration.by_hand import asked, headers, opened, reply, sdp
from integration.sip_peers import Desk, Taken, needs_stack, sip, until

from bridge.legs.sip.link import SipLink
from telephony.events import Join

pytestmark = needs_stack

CAN = "Supported: timer, replaces\r\nAllow: INVITE, ACK, BYE, REFER\r\n"


@dataclass
class Party:
    """Somebody whom the bridge has called."""

    wire: socket.socket
    source: tuple[str, int]
    told: bytes
    """The INVITE."""
    taken: Taken
    sequence: int = 1

    @property
    def dialog(self) -> str:
        """The call as a Replaces header names it that is sent to this side: its own tag is `to-tag`."""
        from_tag = headers(self.told)["from"].partition("tag=")[2]
        return f"{headers(self.told)['call-id']};to-tag=2;from-tag={from_tag}"

    def tell(self, method: str, more: str, body: str) -> None:
        """Send a request within the call."""
        invite = headers(self.told)
        self.sequence += 1
        lines = (
            f"{method} {re.findall(r'<([^>]+)>', invite['contact'])[0]} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.wire.getsockname()[1]};branch=z9hG4bK{method}{self.sequence};rport",
            f"From: {invite['to']};tag=2",
            f"To: {invite['from']}",
            f"Call-ID: {invite['call-id']}",
            f"CSeq: {self.sequence} {method}",
            f"Contact: <sip:a@127.0.0.1:{self.wire.getsockname()[1]}>",
            f"{more}Content-Length: {len(body)}",
        )
        self.wire.sendto(("\r\n".join(lines) + f"\r\n\r\n{body}").encode(), self.source)


@pytest.fixture
def wires() -> Iterator[list[socket.socket]]:
    with ExitStack() as sockets:
        yield [sockets.enter_context(opened()) for _ in range(4)]


@asynccontextmanager
async def both(
    desk: Desk, link: SipLink, wires: list[socket.socket], *, first: str = CAN, second: str = CAN
) -> AsyncIterator[tuple[Party, Party]]:
    """Call two that answer with these headers."""
    parties, carried = list[Party](), list[asyncio.Task[None]]()
    for number, (wire, says) in enumerate(zip(wires, (first, second), strict=False)):
        port = wire.getsockname()[1]
        leg = link.dial(f"sip:{'ab'[number]}@127.0.0.1:{port}")
        carried.append(asyncio.create_task(desk.carry(leg, wire="sip")))
        told, source = await asked(wire, "INVITE")
        offer = sdp("127.0.0.1", wires[number + 2].getsockname()[1])
        answer = f"Contact: <sip:a@127.0.0.1:{port}>\r\n{says}"
        wire.sendto(reply(told, "200 OK", more=answer, body=offer), source)
        parties.append(Party(wire, source, told, await desk.call(number)))
    yield parties[0], parties[1]
    for party in parties:
        await party.taken.leg.close("enough")
    await asyncio.gather(*carried)


async def test_one_is_asked_to_call_the_other_in_place_of_us(wires: list[socket.socket]) -> None:
    desk = Desk()
    async with sip(desk) as (link, _), both(desk, link, wires) as (target, caller):
        await target.taken.leg.send(Join("room-1"))
        joining = asyncio.create_task(caller.taken.leg.send(Join("room-1")))
        refer, source = await asked(caller.wire, "REFER")
        port = target.wire.getsockname()[1]
        where = re.fullmatch(rf"<sip:a@127.0.0.1:{port}(;transport=udp)?\?Replaces=(.+)>", headers(refer)["refer-to"])
        assert where and unquote(where[2]) == target.dialog, headers(refer)["refer-to"]
        caller.wire.sendto(reply(refer, "202 Accepted", more=f"Contact: <sip:a@127.0.0.1:{port}>\r\n"), source)
        for state, told in (("active;expires=60", "100 Trying"), ("terminated;reason=noresource", "200 OK")):
            more = f"Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
            assert not joining.done()
            caller.tell("NOTIFY", more, f"SIP/2.0 {told}\r\n")
            await asyncio.sleep(0.3)  # whatever that makes of it
        await joining
        await until(lambda: caller.taken.ended, "the caller is gone for us")
        assert caller.taken.ended == "transferred to a"
        assert not target.taken.over.is_set(), "which they end themselves, with a BYE"


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "603 Decline", "202 Accepted"])
async def test_where_it_is_refused_both_calls_are_as_before(status: str, wires: list[socket.socket]) -> None:
    desk = Desk()
    async with sip(desk) as (link, _), both(desk, link, wires) as (target, caller):
        await target.taken.leg.send(Join("room-1"))
        joining = asyncio.create_task(caller.taken.leg.send(Join("room-1")))
        refer, source = await asked(caller.wire, "REFER")
        caller.wire.sendto(reply(refer, status, more=f"Contact: {headers(refer)['contact']}\r\n"), source)
        if status.startswith("202"):
            more = "Event: refer\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n"
            caller.tell("NOTIFY", more, "SIP/2.0 481 Call Does Not Exist\r\n")
        with pytest.raises(RuntimeError, match=r"transfer failed: (405|603|481)"):
            await joining
        heard = [len(party.taken.heard) for party in (target, caller)]
        await until(
            lambda: all(len(p.taken.heard) > h for p, h in zip((target, caller), heard, strict=True)), "both go on"
        )
        assert not target.taken.over.is_set() and not caller.taken.over.is_set()


@pytest.mark.parametrize(("first", "second"), [("", CAN), (CAN, "")], ids=["the one called", "the caller"])
async def test_who_does_not_say_that_it_can_is_not_asked(first: str, second: str, wires: list[socket.socket]) -> None:
    desk = Desk()
    async with sip(desk) as (link, _), both(desk, link, wires, first=first, second=second) as (target, caller):
        await target.taken.leg.send(Join("room-1"))
        with pytest.raises(RuntimeError, match="does not say that it supports Replaces"):
            await caller.taken.leg.send(Join("room-1"))
        with pytest.raises(TimeoutError):
            await asked(caller.wire, "REFER", timeout_s=0.5)


async def test_a_caller_whose_call_the_other_has_left_is_told(wires: list[socket.socket]) -> None:
    desk = Desk()
    async with sip(desk) as (link, _), both(desk, link, wires) as (target, caller):
        await target.taken.leg.send(Join("room-1"))
        target.tell("BYE", "", "")
        await target.taken.over.wait()
        with pytest.raises(RuntimeError, match="has hung up"):
            await caller.taken.leg.send(Join("room-1"))
        with pytest.raises(RuntimeError, match="has ended"):
            await target.taken.leg.send(Join("room-2"))
