"""Codecs, transports, encryption, digits, transfers, calls out, and packets that nobody should send."""

import asyncio
import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from integration.sip_peers import (
    Desk,
    baresip,
    free_port,
    headers,
    needs_baresip,
    needs_stack,
    place,
    sip,
    until,
)
from integration.test_sip_stack import spoken

from bridge.tls import self_signed
from telephony.events import Clear, Hangup, Mark, Play, SendDtmf, Transfer

pytestmark = needs_stack


@needs_baresip
@pytest.mark.parametrize(("codec", "rate"), [("PCMA/8000/1", 8000), ("G722/16000/1", 16_000), ("opus/48000/2", 48_000)])
async def test_every_codec_is_heard_at_its_rate(codec: str, rate: int, tmp_path: Path) -> None:
    theirs = spoken("demo-thanks", after_s=1.5)
    wide = np.repeat(theirs, rate // 8000).astype(np.int16)
    stereo = "opus_stereo no\nopus_sprop_stereo no\n"
    desk = Desk()
    account = codec.replace("48000/2", "48000/1")
    async with (
        sip(desk) as (_, port),
        baresip(tmp_path, wide, rate, dial=f"sip:1@127.0.0.1:{port}", codec=account, extra=stereo),
    ):
        taken = await desk.call()
        await taken.over.wait()
    assert taken.started.format.sample_rate == rate
    heard = np.frombuffer(taken.heard, "<i2")[:: rate // 8000]
    assert place(theirs[4000:16000], heard)[1] > 0.8


@needs_baresip
async def test_tls_and_srtp_carry_a_call_and_one_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(self_signed("127.0.0.1"))
    desk = Desk()
    async with sip(
        desk,
        sip_transports=("tls",),
        sip_certfile=tmp_path / "both.pem",
        sip_media_encryption="required",
    ) as (_, port):
        target = f"sip:1@127.0.0.1:{port + 1};transport=tls"
        audio = spoken("vm-intro", after_s=1.0)
        lax = "sip_verify_server no\n"
        async with baresip(tmp_path / "1", audio, dial=target, account=";mediaenc=srtp-mand", extra=lax):
            taken = await desk.call()
            await taken.over.wait()
            assert place(audio[8000:32000], np.frombuffer(taken.heard, "<i2"))[1] > 0.9
        async with baresip(tmp_path / "2", audio, dial=target, extra=lax) as plain:
            await until(lambda: "488" in plain.output, "refused with 488")
    assert len(desk.calls) == 1


@needs_baresip
@pytest.mark.parametrize("way", ["", ";dtmfmode=info"])
async def test_digits_come_and_go(way: str, tmp_path: Path) -> None:
    desk = Desk()
    async with (
        sip(desk, sip_dtmf="info" if way else "auto") as (_, port),
        baresip(tmp_path, spoken("vm-intro", after_s=5.0), dial=f"sip:1@127.0.0.1:{port}", account=way) as phone,
    ):
        taken = await desk.call()
        await until(lambda: "established" in phone.output, "established")
        await phone.press("19#")
        await until(lambda: len(taken.digits) >= 3, "three digits")
        assert taken.digits == "19#"
        await taken.leg.send(SendDtmf("5"))
        told = re.compile(r"received (event|DTMF): '5'")
        await until(lambda: told.search(phone.output), "the digit at the telephone")
        await taken.leg.send(Hangup("enough"))
        await taken.over.wait()
        assert taken.ended == "enough"


@needs_baresip
async def test_what_is_cleared_is_not_heard_and_its_mark_comes_back_at_once(tmp_path: Path) -> None:
    desk = Desk()
    async with (
        sip(desk) as (_, port),
        baresip(tmp_path, spoken("vm-intro", after_s=2.0), dial=f"sip:1@127.0.0.1:{port}") as phone,
    ):
        taken = await desk.call()
        ours, clock = spoken("demo-congrats"), asyncio.get_running_loop().time
        began_s = clock()
        await taken.leg.send(Play(ours.astype("<i2").tobytes()))
        await taken.leg.send(Mark("end"))
        await asyncio.sleep(1.0)
        assert taken.played == []
        await taken.leg.send(Clear())
        spoken_s = clock() - began_s
        await until(lambda: taken.played == ["end"], "the mark", timeout_s=3)  # the audio lasts for 30
        await taken.over.wait()
        await phone.end()
        heard = phone.heard()
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 200)
    assert loud[-1] - loud[0] < 8000 * (spoken_s + 0.4)


@needs_baresip
async def test_a_call_goes_out_with_its_headers_and_is_transferred(tmp_path: Path) -> None:
    desk, theirs, desks = Desk(), free_port(), free_port()
    audio = spoken("vm-intro", after_s=10.0)
    async with (
        sip(desk) as (link, _),
        baresip(tmp_path / "1", audio, listen=theirs, user="alice") as alice,
        baresip(tmp_path / "2", audio, listen=desks, user="desk") as other,
    ):
        carried = asyncio.create_task(
            desk.carry(link.dial(f"sip:alice@127.0.0.1:{theirs}", {"X-Campaign": "7"}), wire="sip")
        )
        taken = await desk.call()
        await until(lambda: "established" in alice.output, "established")
        await taken.leg.send(Transfer(f"sip:desk@127.0.0.1:{desks}"))
        async with asyncio.timeout(15):
            await carried
        assert taken.ended == f"transferred to sip:desk@127.0.0.1:{desks}", (taken.trouble, alice.output)
        await until(lambda: "established" in other.output, "established at the desk")


async def test_a_bare_number_without_a_trunk_is_no_call_and_says_why() -> None:
    desk = Desk()
    async with sip(desk) as (link, _):
        await desk.carry(link.dial("12345"), wire="sip")
    assert "without a trunk" in desk.failed[0]


# ---------------------------------------------------------------- packets by hand


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        yield ours


def request(method: str, wire: socket.socket, port: int, *, call: str = "c1", cseq: int = 1, to: str = "") -> bytes:
    host, ours = wire.getsockname()
    body = (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {ours + 1} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        if method == "INVITE"
        else ""
    )
    branch = f"z9hG4bK{call}{cseq}{'ack' if method == 'ACK' else ''}"
    return (
        f"{method} sip:bot@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{ours};branch={branch};rport\r\n"
        f"From: <sip:me@{host}:{ours}>;tag=1\r\nTo: {to or f'<sip:bot@127.0.0.1:{port}>'}\r\nCall-ID: {call}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <sip:me@{host}:{ours}>\r\nMax-Forwards: 70\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def answer(wire: socket.socket, code: int, *, cseq: str = "", timeout_s: float = 5.0) -> bytes:
    """Return the next answer with that status."""
    async with asyncio.timeout(timeout_s):
        while True:
            data = await asyncio.get_running_loop().sock_recv(wire, 65536)
            if data.startswith(f"SIP/2.0 {code} ".encode()) and headers(data).get("cseq", "").endswith(cseq):
                return data


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


async def test_a_caller_for_whom_there_is_no_line_hears_busy(wire: socket.socket) -> None:
    desk = Desk(lines=0)
    async with sip(desk) as (_, port):
        wire.sendto(request("INVITE", wire, port), ("127.0.0.1", port))
        await answer(wire, 486)
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
            await answer(wire, 486)
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


async def test_a_call_on_hold_goes_on_and_its_caller_is_silent_meanwhile(wire: socket.socket) -> None:
    desk = Desk()
    async with sip(desk) as (_, port):
        to = ("127.0.0.1", port)
        wire.sendto(request("INVITE", wire, port), to)
        tag = headers(await answer(wire, 200))["to"]
        wire.sendto(request("ACK", wire, port, to=tag), to)
        taken = await desk.call()
        held = request("INVITE", wire, port, cseq=2, to=tag).replace(b"PCMU/8000\r\n", b"PCMU/8000\r\na=sendonly\r\n")
        wire.sendto(held.replace(b"Content-Length: ", b"X-Was: "), to)
        assert b"a=recvonly" in await answer(wire, 200, cseq="2 INVITE")
        wire.sendto(request("ACK", wire, port, cseq=2, to=tag), to)
        before = len(taken.heard)
        await until(lambda: len(taken.heard) >= before + 16_000, "a second of audio")
        assert not any(taken.heard[before:])
        wire.sendto(request("INVITE", wire, port, cseq=3, to=tag), to)
        assert b"a=sendrecv" in await answer(wire, 200, cseq="3 INVITE")
        wire.sendto(request("ACK", wire, port, cseq=3, to=tag), to)
        wire.sendto(request("BYE", wire, port, cseq=4, to=tag), to)
        await taken.over.wait()
        assert taken.ended == "the other side hung up"


async def test_a_trunk_is_registered_at_with_its_password(wire: socket.socket) -> None:
    desk, loop = Desk(), asyncio.get_running_loop()
    trunk = f"sip:bot@127.0.0.1:{wire.getsockname()[1]}"

    async def registrar() -> str:
        while True:
            data, source = await loop.sock_recvfrom(wire, 65536)
            told = headers(data)
            if not data.startswith(b"REGISTER "):
                continue
            given = told.get("authorization", "")
            status = "200 OK" if given else "401 Unauthorized"
            challenge = "" if given else 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5\r\n'
            lines = "".join(f"{name}: {told[name]}\r\n" for name in ("via", "from", "to", "call-id", "cseq", "contact"))
            wire.sendto(f"SIP/2.0 {status}\r\n{lines}{challenge}Content-Length: 0\r\n\r\n".encode(), source)
            if given:
                return f"{given} {told['to']}"

    answering = asyncio.create_task(registrar())
    async with sip(desk, sip_trunk=trunk, sip_trunk_password="s3cret"):
        async with asyncio.timeout(10):
            given = await answering
        await until(lambda: "bridge_sip_registered 1.0" in desk.measured, "registered")
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
    assert fields["username"] == "bot"

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    assert fields["response"] == md5(f"{md5('bot:pbx:s3cret')}:n1:{md5('REGISTER:' + fields['uri'])}")
