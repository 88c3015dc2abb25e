"""Packets that no library writes: twice, broken, too many, from strangers, with passwords right and wrong."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from integration.by_hand import answer, asked, headers, opened, proves, reply, request, sdp
from integration.sip_peers import Desk, needs_stack, sip, until

from telephony.events import Hangup

pytestmark = needs_stack


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with opened() as ours:
        yield ours


async def test_an_invite_and_a_bye_that_come_twice_are_one_call_and_one_end(wire: socket.socket) -> None:
    desk = Desk()
    async with sip(desk) as (_, port):
        to = ("127.0.0.1", port)
        for _ in range(3):
            wire.sendto(request("INVITE", wire, port), to)
        ok = await answer(wire, 200)
        tag = headers(ok)["to"]
        wire.sendto(request("INVITE", wire, port), to)
        assert headers(await answer(wire, 200))["to"] == tag
        wire.sendto(request("ACK", wire, port, to=tag), to)
        taken = await desk.call()
        wire.sendto(request("OPTIONS", wire, port, cseq=2, to=tag), to)
        await answer(wire, 200, cseq="OPTIONS")
        for _ in range(2):
            wire.sendto(request("BYE", wire, port, cseq=3, to=tag), to)
            await answer(wire, 200, cseq="BYE")
        await taken.over.wait()
    assert len(desk.calls) == 1


async def test_a_caller_for_whom_there_is_no_line_is_told_503_and_when_to_try_again(wire: socket.socket) -> None:
    desk = Desk(lines=0)
    async with sip(desk) as (link, port):
        wire.sendto(request("INVITE", wire, port), ("127.0.0.1", port))
        refused = await answer(wire, 503)
        assert headers(refused)["retry-after"] == "5" and headers(refused)["content-length"] == "0"
        wire.sendto(request("ACK", wire, port, to=headers(refused)["to"]), ("127.0.0.1", port))
        await until(lambda: not link._legs, "the stack has let the call go")
    assert desk.calls == []


async def test_garbage_does_no_harm(wire: socket.socket) -> None:
    async with sip(Desk()) as (link, port):
        rng, pid = np.random.default_rng(1), link.pid
        whole = request("INVITE", wire, port)
        for index in range(300):
            noise = rng.integers(0, 256, 200, np.uint8).tobytes()
            broken = bytearray(whole)
            for at in rng.integers(0, len(whole), 1 + index // 30):
                broken[at] = int(rng.integers(0, 256))
            wire.sendto(noise, ("127.0.0.1", port))
            wire.sendto(bytes(broken).replace(b"INVITE", b"INFO", 2), ("127.0.0.1", port))
            wire.sendto(whole[: int(rng.integers(0, len(whole) // 2))], ("127.0.0.1", port))
        for _ in range(10):  # as any caller would: what comes into a full socket is lost
            wire.sendto(request("OPTIONS", wire, port, call="after"), ("127.0.0.1", port))
            with suppress(TimeoutError):
                await answer(wire, 200, cseq="OPTIONS", timeout_s=0.5)
                break
        else:
            pytest.fail("it answers no more")
        assert link.pid == pid


async def test_more_calls_than_a_second_allows_are_refused(wire: socket.socket) -> None:
    desk = Desk()
    async with sip(desk, sip_max_calls_per_second=2) as (_, port):
        for number in range(4):
            wire.sendto(request("INVITE", wire, port, call=f"c{number}"), ("127.0.0.1", port))
        for _ in range(2):
            assert headers(await answer(wire, 503))["retry-after"] == "1"
        await until(lambda: 'bridge_calls_refused_total{reason="rate"} 2.0' in desk.measured, "two calls refused")


async def test_who_is_not_on_the_list_gets_no_answer_at_all(wire: socket.socket) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.9", 0))
        stranger.setblocking(False)
        async with sip(Desk(), sip_allow=("127.0.0.1",)) as (_, port):
            stranger.sendto(request("OPTIONS", stranger, port), ("127.0.0.1", port))
            wire.sendto(request("OPTIONS", wire, port), ("127.0.0.1", port))
            await answer(wire, 200)
            with pytest.raises(BlockingIOError):
                stranger.recv(1000)


async def test_a_call_on_hold_goes_on_and_its_caller_is_sent_nothing_meanwhile(wire: socket.socket) -> None:
    desk = Desk()
    with opened() as media:

        def packets() -> int:
            """Return how many packets of audio have come since it was last asked."""
            count = 0
            with suppress(BlockingIOError):
                while media.recv(2048):
                    count += 1
            return count

        async with sip(desk) as (_, port):
            to, at = ("127.0.0.1", port), media.getsockname()[1]
            wire.sendto(request("INVITE", wire, port, media=at), to)
            tag = headers(await answer(wire, 200))["to"]
            wire.sendto(request("ACK", wire, port, to=tag), to)
            taken = await desk.call()
            await until(packets, "audio")
            wire.sendto(request("INVITE", wire, port, cseq=2, to=tag, media=at, more="a=sendonly\r\n"), to)
            assert b"a=recvonly" in await answer(wire, 200, cseq="2 INVITE")
            wire.sendto(request("ACK", wire, port, cseq=2, to=tag), to)
            packets()
            before = len(taken.heard)
            await until(lambda: len(taken.heard) >= before + 16_000, "a second of the call's time line")
            assert packets() < 10, "what was on its way at most"
            wire.sendto(request("INVITE", wire, port, cseq=3, to=tag, media=at), to)
            assert b"a=sendrecv" in await answer(wire, 200, cseq="3 INVITE")
            wire.sendto(request("ACK", wire, port, cseq=3, to=tag), to)
            packets()
            await until(packets, "audio again")
            wire.sendto(request("BYE", wire, port, cseq=4, to=tag), to)
            await taken.over.wait()
    assert taken.ended == "the other side hung up"


def figure(name: str, desk: Desk) -> float:
    return next(float(line.split()[-1]) for line in desk.measured.splitlines() if line.startswith(f"{name} "))


async def test_a_trunk_is_registered_at_with_its_password(wire: socket.socket) -> None:
    desk = Desk()
    trunk = f"sip:bot@127.0.0.1:{wire.getsockname()[1]}"
    async with sip(desk, sip_trunk=trunk, sip_trunk_password="s3cret"):
        told, source = await asked(wire, "REGISTER")
        challenge = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5\r\n'
        wire.sendto(reply(told, "401 Unauthorized", more=challenge), source)
        while not (given := headers(await asked_again(wire, source)).get("authorization")):
            continue
        assert proves(given, "REGISTER", user="bot", password="s3cret")
        await until(lambda: "bridge_sip_registered 1.0" in desk.measured, "registered")


async def asked_again(wire: socket.socket, source: tuple[str, int]) -> bytes:
    told, _ = await asked(wire, "REGISTER")
    if "authorization" in headers(told):
        wire.sendto(reply(told, "200 OK", more=f"Contact: {headers(told)['contact']}\r\n"), source)
    return told


@pytest.mark.parametrize(
    ("status", "asks", "answers"),
    [
        ("401 Unauthorized", "WWW-Authenticate", "authorization"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "proxy-authorization"),
    ],
)
async def test_a_call_out_proves_the_trunks_password(status: str, asks: str, answers: str, wire: socket.socket) -> None:
    desk = Desk()
    trunk = f"sip:bot@127.0.0.1:{wire.getsockname()[1]}"
    challenge = f'{asks}: Digest realm="pbx", nonce="n2", algorithm=MD5, qop="auth"\r\n'
    with opened() as media:
        async with sip(desk, sip_trunk=trunk, sip_trunk_password="s3cret", sip_register=0) as (link, _):
            carried = asyncio.create_task(desk.carry(link.dial("12345", {"X-Campaign": "7"}), wire="sip"))
            told, source = await asked(wire, "INVITE")
            assert told.startswith(b"INVITE sip:12345@127.0.0.1")
            assert headers(told)["x-campaign"] == "7"
            wire.sendto(reply(told, status, more=challenge), source)
            while answers not in headers(told):
                told, _ = await asked(wire, "INVITE")
            assert proves(headers(told)[answers], "INVITE", user="bot", password="s3cret")
            contact = f"Contact: <{trunk}>\r\n"
            wire.sendto(reply(told, "200 OK", more=contact, body=sdp("127.0.0.1", media.getsockname()[1])), source)
            taken = await desk.call()
            await taken.leg.send(Hangup("enough"))
            told, _ = await asked(wire, "BYE")
            wire.sendto(reply(told, "200 OK"), source)
            await carried
    assert taken.ended == "enough"


async def test_a_call_out_with_the_wrong_password_fails_and_says_so(wire: socket.socket) -> None:
    desk = Desk()
    trunk = f"sip:bot@127.0.0.1:{wire.getsockname()[1]}"
    challenge = 'Proxy-Authenticate: Digest realm="pbx", nonce="n3", algorithm=MD5\r\n'

    async def refuse() -> None:
        while True:
            told, source = await asked(wire, "INVITE", timeout_s=30)
            wire.sendto(reply(told, "407 Proxy Authentication Required", more=challenge), source)

    async with sip(desk, sip_trunk=trunk, sip_trunk_password="wrong", sip_register=0) as (link, _):
        refusing = asyncio.create_task(refuse())
        async with asyncio.timeout(20):
            await desk.carry(link.dial("12345"), wire="sip")
        refusing.cancel()
    assert "407" in desk.failed[0] or "Authentication" in desk.failed[0], desk.failed
