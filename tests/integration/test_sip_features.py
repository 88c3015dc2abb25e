"""Codecs, transports, encryption, digits, transfers and calls out, with real telephones."""

import asyncio
import re
import ssl
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from integration.sip_peers import (
    Desk,
    baresip,
    fit,
    free_port,
    needs_baresip,
    needs_stack,
    sip,
    spoken,
    until,
)

from bridge.server.tls import self_signed
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
    assert fit(theirs, heard) > 0.8


async def shown(port: int) -> bytes:
    """Return the certificate that a new TLS connection is shown."""
    return ssl.PEM_cert_to_DER_cert(await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port)))


def certificate_in(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode()[pem.decode().index("-----BEGIN CERTIFICATE") :])


async def until_shown(port: int, pem: bytes) -> None:
    async with asyncio.timeout(5):
        while await shown(port) != certificate_in(pem):  # noqa: ASYNC110 - nobody is told when it is in force
            await asyncio.sleep(0.05)


@needs_baresip
async def test_tls_and_srtp_carry_a_call_and_one_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(self_signed("127.0.0.1"))
    desk = Desk()
    async with sip(
        desk,
        sip_transports=("tls",),
        sip_certfile=tmp_path / "both.pem",
        sip_media_encryption="required",
    ) as (link, port):
        target = f"sip:1@127.0.0.1:{port + 1};transport=tls"
        audio = spoken("vm-intro", after_s=1.0)
        lax = "sip_verify_server no\n"
        async with baresip(tmp_path / "1", audio, dial=target, account=";mediaenc=srtp-mand", extra=lax):
            taken = await desk.call()
            before = await shown(port + 1)
            fresh = self_signed("127.0.0.1")
            link.renew(replace(link.options, certificate=fresh.decode()))
            await until_shown(port + 1, fresh)
            await taken.over.wait()
            assert fit(audio, taken.heard) > 0.9, "the call goes on while its certificate is replaced"
        assert before == certificate_in((tmp_path / "both.pem").read_bytes())
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
