"""Callers behind NAT, softphones beside the bridge, a bridge behind NAT, and what gateways put into an offer."""

import asyncio
import re
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from integration.by_hand import answer, asked, headers, opened, reply, request, sdp
from integration.called_by_hand import called
from integration.rtp_source import RtpSource
from integration.sip_peers import Desk, Taken, baresip, likeness, needs_baresip, needs_stack, sip, spoken, until

from bridge.server.tls import self_signed

pytestmark = needs_stack

NOBODY = 9  # the discard port: a NAT's inside, which nothing reaches


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with opened() as ours:
        yield ours


def loud(taken: Taken, since: int = 0) -> int:
    """Return how many loud samples were heard."""
    return int(np.count_nonzero(np.abs(np.frombuffer(taken.heard, "<i2")[since:].astype(int)) > 1000))


async def test_a_caller_behind_nat_hears_the_bot_and_a_third_one_gains_nothing(wire: socket.socket) -> None:
    desk = Desk(say=bytes(1600000))
    with ExitStack() as sources:
        phone, stranger = (sources.enter_context(RtpSource.at(f"127.0.0.{host}", ssrc=host)) for host in (2, 3))
        async with sip(desk) as (_, port), called(wire, desk, port, media=NOBODY) as call:
            assert await phone.talk(call.rtp, 40) > 20, "the bot is heard where the caller really is"
            await until(lambda: loud(call.taken) > 3000, "the caller, heard")
            await until(lambda: "bridge_sip_latched_total 1.0" in desk.measured, "counted")
            before = len(call.taken.heard) // 2
            assert await stranger.talk(call.rtp, 40) == 0
            assert loud(call.taken, before + 4000) == 0, "nor is it heard"
            assert await phone.talk(call.rtp, 20) > 10, "the caller goes on"


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
async def test_callers_over_ipv6_are_answered_where_they_are_and_strangers_gain_nothing() -> None:
    desk = Desk(say=bytes(1600000))
    with ExitStack() as sources:
        wire = sources.enter_context(opened("::1"))
        phone, stranger = (sources.enter_context(RtpSource.at("::1", ssrc=ssrc)) for ssrc in (2, 3))
        over_ipv6 = sip(desk, sip_host="::1", sip_allow="::1/128")
        async with over_ipv6 as (_, port), called(wire, desk, port, media=NOBODY) as call:
            assert re.search(rb"c=IN IP6 ::1\r\n", call.told), call.told
            assert await phone.talk(call.rtp, 40) > 20, "the bot is heard where the caller really is"
            await until(lambda: loud(call.taken) > 3000, "the caller, heard")
            before = len(call.taken.heard) // 2
            assert await stranger.talk(call.rtp, 40) == 0
            assert loud(call.taken, before + 4000) == 0, "nor is it heard"


async def test_reports_go_where_the_caller_is_too(wire: socket.socket) -> None:
    desk = Desk(say=bytes(1600000))
    with RtpSource.at("127.0.0.2") as phone, phone.reports() as reports:
        async with sip(desk) as (_, port), called(wire, desk, port, media=NOBODY) as call:
            report = asyncio.create_task(asyncio.get_running_loop().sock_recv(reports, 2048))
            async with asyncio.timeout(15):  # by RFC 3550 one comes within 7.5 s
                while not report.done():
                    await phone.talk(call.rtp, 10)
            assert rtcp_kind(await report) in {200, 201}, "a report of a sender or a receiver"


def rtcp_kind(packet: bytes) -> int:
    return packet[1] if len(packet) >= 8 and packet[0] >> 6 == 2 else 0


async def test_after_a_reinvite_the_caller_may_come_from_elsewhere(wire: socket.socket) -> None:
    desk = Desk(say=bytes(1600000))
    with ExitStack() as sources:
        first, second = (sources.enter_context(RtpSource.at(f"127.0.0.{host}", ssrc=host)) for host in (2, 3))
        async with sip(desk) as (_, port), called(wire, desk, port, media=NOBODY) as call:
            assert await first.talk(call.rtp, 20) > 5
            again = request("INVITE", wire, port, cseq=2, to=call.tag, media=NOBODY)
            wire.sendto(again, ("127.0.0.1", port))
            await answer(wire, 200, cseq="2 INVITE")
            wire.sendto(request("ACK", wire, port, cseq=2, to=call.tag), ("127.0.0.1", port))
            assert await second.talk(call.rtp, 40) > 20, "it moved"
            assert await first.talk(call.rtp, 20) == 0, "and nothing goes to where it was"


async def test_the_address_in_the_sdp_wins_over_a_stranger_who_sends_before_it(wire: socket.socket) -> None:
    desk = Desk(say=bytes(1600000))
    with ExitStack() as sources:
        phone, stranger = (sources.enter_context(RtpSource.at(f"127.0.0.{host}", ssrc=host)) for host in (1, 3))
        async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
            assert await stranger.talk(call.rtp, 4) == 0, "less than proof"
            assert await phone.talk(call.rtp, 20) > 5
            assert await stranger.talk(call.rtp, 20) == 0
            assert "bridge_sip_latched_total 0.0" in desk.measured


async def test_scans_and_unknown_payload_types_are_no_stream(wire: socket.socket) -> None:
    desk = Desk(say=bytes(1600000))
    with RtpSource.at("127.0.0.3") as stranger:
        async with sip(desk) as (_, port), called(wire, desk, port, media=NOBODY) as call:
            for kind in (96, 100, 126):
                assert await stranger.talk(call.rtp, 8, kind=kind) == 0
            for ssrc in range(20):
                stranger.put(call.rtp, struct.pack("!BBHII", 0x80, 0, ssrc * 1000, 0, ssrc) + bytes(160))
            await asyncio.sleep(0.2)  # what would come back, would have
            assert stranger.count() == 0
            assert call.taken.trouble == []


@needs_baresip
async def test_every_transport_answers_in_one_server(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(self_signed("127.0.0.1"))
    desk = Desk()
    audio = spoken("vm-intro", after_s=1.0)
    transports = ("udp", "tcp", "tls")
    async with (
        sip(desk, sip_transports=transports, sip_certfile=tmp_path / "both.pem") as (_, port),
        AsyncExitStack() as phones,
    ):
        for name in transports:
            target = f"sip:{name}@127.0.0.1:{port + (name == 'tls')};transport={name}"
            phone = baresip(tmp_path / name, audio, dial=target, extra="sip_verify_server no\n")
            await phones.enter_async_context(phone)
        for number in range(len(transports)):
            await (await desk.call(number)).over.wait()
    assert {taken.started.callee for taken in desk.calls} == set(transports)
    assert min(likeness("vm-intro", taken.heard) for taken in desk.calls) > 0.9


def own_address() -> str:
    """Return an address of this machine that is not loopback; "" where it has none."""
    found = re.findall(r"\|-- ([\d.]+)\n +/32 host LOCAL", Path("/proc/net/fib_trie").read_text())
    return next((address for address in found if not address.startswith("127.")), "")


async def test_a_softphone_on_this_machine_names_its_address_in_the_network(wire: socket.socket) -> None:
    if not (ours := own_address()):
        pytest.skip("this machine has no address but loopback")
    desk = Desk(say=bytes(1600000))
    with RtpSource.at("0.0.0.0") as phone:
        offer = sdp(ours, phone.port)
        async with sip(desk) as (_, port), called(wire, desk, port, offer=offer) as call:
            assert await phone.talk(call.rtp, 30) > 15


PARTS = "\r\n".join(
    (
        "--bb",
        "Content-Type: application/isup; version=itu-t92+",
        "",
        "x\r\n--b",
        "--bb",
        "Content-Type: Application/SDP",
        "",
        "",
    )
)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_an_offer_among_other_parts_is_answered(transport: str, wire: socket.socket) -> None:
    desk = Desk(say=bytes(160000))
    with RtpSource.at("127.0.0.1") as phone:
        body = PARTS + sdp("127.0.0.1", phone.port) + "\r\n--bb--\r\n"
        async with sip(desk) as (_, port):
            if transport == "UDP":
                async with called(wire, desk, port, offer=body, kind="multipart/mixed;boundary=bb") as call:
                    assert await phone.talk(call.rtp, 20) > 5
                return
            await called_over_tcp(wire, desk, port, body)


async def called_over_tcp(wire: socket.socket, desk: Desk, port: int, body: str) -> None:
    """Call with that body, and ask something else in the same piece: the end of the body must be found."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        given = {"transport": "TCP", "offer": body, "kind": 'multipart/mixed; boundary="bb"'}
        invite = request("INVITE", wire, port, **given)  # type: ignore[arg-type]
        writer.write(invite + request("OPTIONS", wire, port, call="c2", transport="TCP"))
        heard = b""
        async with asyncio.timeout(10):
            while b"200 Answering" not in heard or b"CSeq: 1 OPTIONS" not in heard:
                heard += await reader.read(4096)
        tag = headers(heard[heard.index(b"SIP/2.0 200 Answering") :])["to"]
        writer.write(request("ACK", wire, port, to=tag, transport="TCP"))
        taken = await desk.call()
        writer.write(request("BYE", wire, port, to=tag, cseq=2, transport="TCP"))
        await taken.over.wait()
    await writer.wait_closed()


KEYS = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"


@pytest.mark.parametrize(
    ("encryption", "profiles"),
    [
        ("off", {"RTP/AVP": "", "RTP/AVPF": ""}),
        ("optional", {"RTP/AVPF": "", "RTP/SAVPF": KEYS}),
        ("required", {"RTP/SAVP": KEYS, "RTP/SAVPF": KEYS}),
    ],
)
async def test_profiles_with_feedback_are_answered_in_kind(
    encryption: str, profiles: Mapping[str, str], wire: socket.socket
) -> None:
    desk = Desk()
    async with sip(desk, sip_media_encryption=encryption) as (_, port):
        for profile, keys in profiles.items():
            offer = sdp("127.0.0.1", NOBODY).replace("RTP/AVP", profile) + keys + "a=rtcp-fb:* ccm fir\r\n"
            async with called(wire, desk, port, call=profile.replace("/", ""), offer=offer) as call:
                assert re.search(rb"m=audio \d+ " + profile.encode() + rb" 0\r\n", call.told), call.told
                if keys:
                    assert b"a=crypto" in call.told
                    with RtpSource.at("127.0.0.3") as stranger:
                        assert await stranger.talk(call.rtp, 10) == 0, "what does not decrypt proves nothing"


async def test_a_bridge_behind_nat_tells_its_public_address_both_ways(wire: socket.socket) -> None:
    desk = Desk()
    async with sip(desk, sip_public_address="127.0.0.77") as (link, port):
        async with called(wire, desk, port) as call:
            assert b"c=IN IP4 127.0.0.77\r\n" in call.told
            assert re.search(rb"o=[^\r]*IN IP4 127\.0\.0\.77\r\n", call.told)
            contact = headers(call.told)["contact"]
            assert re.match(rf"<sip:[^@]+@127\.0\.0\.77:{port}(;transport=udp)?>", contact), contact
        carried = asyncio.create_task(desk.carry(link.dial(f"sip:a@127.0.0.1:{wire.getsockname()[1]}"), wire="sip"))
        told, source = await asked(wire, "INVITE")
        assert b"c=IN IP4 127.0.0.77\r\n" in told
        assert f"@127.0.0.77:{port}" in headers(told)["contact"]
        wire.sendto(reply(told, "486 Busy Here"), source)
        await carried


async def test_a_key_whose_end_was_lost_counts(wire: socket.socket) -> None:
    desk = Desk()
    with RtpSource.at("127.0.0.1") as phone:
        offer = sdp("127.0.0.1", phone.port).replace("AVP 0", "AVP 0 101") + "a=rtpmap:101 telephone-event/8000\r\n"
        async with sip(desk) as (_, port), called(wire, desk, port, offer=offer) as call:
            await phone.talk(call.rtp, 10)
            for key in (5, 9):
                at = key * 4000
                for step in range(5):
                    event = struct.pack("!BBH", key, 10, 160 * step)
                    phone.put(call.rtp, phone.packet(kind=101, payload=event, timestamp=at))
                    await asyncio.sleep(0.02)  # the pace of RTP
                await phone.talk(call.rtp, 10)
            await until(lambda: call.taken.digits == "59", "two keys")
