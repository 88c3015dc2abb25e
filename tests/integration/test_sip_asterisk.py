"""SIP with a real Asterisk: registered there, called, calling, on hold, transferring, encrypted."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from integration.asterisk import Asterisk, asterisk, needs_asterisk
from integration.sip_peers import (
    Desk,
    Pcm,
    baresip,
    free_port,
    likeness,
    needs_baresip,
    needs_stack,
    recognised,
    sip,
    spoken,
    until,
)

from bridge.server.tls import self_signed
from telephony.events import Hangup, SendDtmf, Transfer

pytestmark = [needs_asterisk, needs_stack, pytest.mark.asyncio(loop_scope="module")]

TLS_PORT = free_port()
BRIDGE_PORT = free_port()
"""Where Asterisk calls the bridge without a registration."""

PJSIP = """
[tls]
type = transport
protocol = tls
bind = 127.0.0.1:TLS_PORT
cert_file = {folder}/asterisk.pem
priv_key_file = {folder}/asterisk.pem
method = tlsv1_2

[line](!)
type = endpoint
context = test
disallow = all
allow = ulaw
direct_media = no
[secret](!)
type = auth
auth_type = digest
[place](!)
type = aor
max_contacts = 1
remove_existing = yes

[bot](line)
auth = bot-password
aors = bot
[bot-password](secret)
username = bot
password = s3cret
[bot](place)

[bot-told-of-hold](line)
aors = bot
moh_passthrough = yes

[safe](line)
auth = safe-password
aors = safe
media_encryption = sdes
[safe-password](secret)
username = safe
password = s3cret
[safe](place)

[direct](line)
aors = direct
outbound_auth = direct-password
dtmf_mode = info
send_pai = yes
trust_id_outbound = yes
[direct-password](secret)
username = anna
password = s3cret
[direct]
type = aor
contact = sip:+49309999@127.0.0.1:BRIDGE_PORT

[phone](line)
auth = phone-password
aors = phone
[phone-password](secret)
username = phone
password = s3cret
[phone](place)
"""

DIALPLAN = """
exten => 200,1,Set(CALLERID(num)=4711)
 same => n,Dial(PJSIP/bot,20,g)
 same => n,Set(GLOBAL(AFTER)=${DIALSTATUS} ${HANGUPCAUSE})
exten => 201,1,Dial(PJSIP/bot,20)
exten => 202,1,Dial(PJSIP/bot-told-of-hold,20)
exten => 203,1,Dial(PJSIP/safe,20)
exten => 204,1,Set(CALLERID(name)=<sip:+49110@bank.example>)
 same => n,Set(CALLERID(num)=4711)
 same => n,Dial(PJSIP/direct,20,b(test^forwarded^1))
exten => forwarded,1,Set(PJSIP_HEADER(add,Diversion)=<sip:+4940@pbx.example>\\;reason=no-answer)
 same => n,Return()
exten => 300,1,Answer()
 same => n,Set(GLOBAL(TRANSFERRED)=${CALLERID(num)})
 same => n,Playback(demo-thanks)
 same => n,Set(GLOBAL(PLAYED)=yes)
 same => n,Wait(20)
exten => 401,1,Answer()
 same => n,Wait(1)
 same => n,SendDTMF(159#,200,150)
 same => n,Read(TYPED,,3,,1,10)
 same => n,Set(GLOBAL(TYPED)=${TYPED})
 same => n,Playback(vm-intro)
 same => n,Hangup()
exten => 500,1,Busy(1)
exten => 501,1,Hangup(21)
"""

MUSIC = """
[default]
mode = playlist
entry = /usr/share/asterisk/sounds/en/demo-congrats
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    files = {
        "pjsip.conf": PJSIP.replace("TLS_PORT", str(TLS_PORT)).replace("BRIDGE_PORT", str(BRIDGE_PORT)),
        "extensions.conf": DIALPLAN,
        "musiconhold.conf": MUSIC,
        "asterisk.pem": self_signed("127.0.0.1").decode(),
    }
    async with asterisk(files) as pbx:
        yield pbx


@pytest_asyncio.fixture(loop_scope="module")
async def here(pbx: Asterisk) -> AsyncIterator[Asterisk]:
    """It, without the calls and globals of the test before."""
    for name in ("AFTER", "PLAYED", "TRANSFERRED", "TYPED"):
        await pbx.cli(f"dialplan set global {name} none")
    yield pbx
    await pbx.cli("channel request hangup all")
    await pbx.idle()


def trunk(pbx: Asterisk, **more: object) -> dict[str, object]:
    """Return the settings of a bridge that is registered there."""
    return {"sip_trunk": f"sip:bot@127.0.0.1:{pbx.sip_port}", "sip_trunk_password": "s3cret", **more}


async def registered(pbx: Asterisk, desk: Desk, name: str = "bot") -> None:
    await until(lambda: "bridge_sip_registered 1.0" in desk.measured, "registered")
    await pbx.until("pjsip show contacts", f"{name}/sip:")


async def recorded(pbx: Asterisk, heard: Path) -> Pcm:
    return (await pbx.heard(heard, 8000) * 32767).astype(np.int16)


def pcm(name: str) -> bytes:
    return spoken(name).astype("<i2").tobytes()


# ---------------------------------------------------------------- registration


async def test_a_wrong_password_is_not_registered_and_the_log_says_so(
    here: Asterisk, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here, sip_trunk_password="wrong")) as (link, _):
        await until(lambda: "the trunk does not register us" in caplog.text, "told in the log")
        assert "bridge_sip_registered 0.0" in desk.measured
        link.renew(replace(link.options, trunk_password="s3cret"))
        await registered(here, desk)
    assert "s3cret" not in caplog.text


# ---------------------------------------------------------------- calls in


async def test_a_caller_and_the_bot_hear_each_other(here: Asterisk) -> None:
    desk = Desk(say=pcm("demo-thanks"))
    async with sip(desk, **trunk(here)):
        await registered(here, desk)
        heard = await here.originate("Local/200@test", "vm-intro", pause_s=5)
        taken = await desk.call()
        assert (taken.started.caller, taken.started.callee) == ("4711", "bot")
        await recognised("vm-intro", lambda: taken.heard)
        await here.cli("channel request hangup all")
        await taken.over.wait()
        await here.idle()
    assert taken.ended == "the other side hung up"
    assert likeness("demo-thanks", await recorded(here, heard)) > 0.95


async def test_who_calls_and_who_forwarded_the_call_is_told_and_keys_by_info(here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, sip_port=BRIDGE_PORT):
        await here.originate("Local/204@test", keys="159#")
        taken = await desk.call()
        await until(lambda: taken.digits == "159#", "four keys")
    assert (taken.started.caller, taken.started.callee) == ("4711", "+49309999")
    told = taken.started.parameters
    assert {name: told[name] for name in told if name.islower()} == {
        "caller_name": "<sip:+49110@bank.example>",
        "asserted_identity": "4711",
        "forwarded_from": "+4940",
        "forward_reason": "no-answer",
    }


async def test_it_gives_its_password_where_the_bridge_asks_and_vouches_for_nobody_then(
    here: Asterisk, tmp_path: Path
) -> None:
    (tmp_path / "users").write_text("anna:s3cret\n")
    desk = Desk()
    async with sip(desk, sip_port=BRIDGE_PORT, sip_users=tmp_path / "users"):
        await here.originate("Local/204@test")
        taken = await desk.call()
    told = taken.started.parameters
    assert told["sip_user"] == "anna"
    assert not {"asserted_identity", "forwarded_from", "P-Asserted-Identity", "Diversion"} & told.keys()


async def test_keys_of_a_caller_are_heard_one_by_one_in_order(here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here)):
        await registered(here, desk)
        await here.originate("Local/200@test", keys="159#")
        taken = await desk.call()
        await until(lambda: len(taken.digits) >= 4, "four keys")
    assert taken.digits == "159#"


async def test_the_dialplan_learns_that_the_bot_hung_up_and_that_there_was_no_line(here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here)):
        await registered(here, desk)
        await here.originate("Local/200@test")
        taken = await desk.call()
        await taken.leg.send(Hangup("enough"))
        await here.until("dialplan show globals", "AFTER=ANSWER 16")
        await taken.over.wait()
        assert taken.ended == "enough"
    full = Desk(lines=0)
    async with sip(full, **trunk(here)):
        await registered(here, full)
        await here.originate("Local/200@test")
        await here.until("dialplan show globals", "AFTER=CONGESTION 34")


# ---------------------------------------------------------------- hold, transfer


@needs_baresip
@pytest.mark.parametrize(("number", "music"), [("201", True), pytest.param("202", False, marks=pytest.mark.slow)])
async def test_a_caller_puts_the_bot_on_hold_and_comes_back(
    number: str, music: bool, here: Asterisk, tmp_path: Path
) -> None:
    """Asterisk plays music to the bot, or, where it passes the hold on, re-negotiates and sends nothing."""
    desk = Desk()
    account = ';auth_user=phone;auth_pass=s3cret;outbound="sip:127.0.0.1:%d"' % here.sip_port  # noqa: UP031
    audio = np.tile(spoken("vm-intro", after_s=0.5), 20)
    async with sip(desk, **trunk(here)):
        await registered(here, desk)
        dial = f"sip:{number}@127.0.0.1:{here.sip_port}"
        async with baresip(tmp_path, audio, dial=dial, user="phone", account=account) as phone:
            taken = await desk.call()
            await recognised("vm-intro", lambda: taken.heard, above=0.9)
            await phone.command("hold")
            await asyncio.sleep(1)  # what was on its way arrives
            before = len(taken.heard)
            await until(lambda: len(taken.heard) > before + 20 * 16_000, "20 s of the call's time line", timeout_s=40)
            held = bytes(taken.heard[before:])
            assert (likeness("demo-congrats", held) > 0.8) is music
            assert any(held) is music
            await phone.command("resume")
            at = len(taken.heard)
            await recognised("vm-intro", lambda: taken.heard[at:], above=0.9)
            await phone.command("hangup")
            await taken.over.wait()
    assert taken.ended == "the other side hung up"


@pytest.mark.parametrize("target", ["300", "sip:300@127.0.0.1:PORT"])
async def test_the_bot_puts_its_caller_through_to_another_extension(target: str, here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here)):
        await registered(here, desk)
        heard = await here.originate("Local/200@test")
        taken = await desk.call()
        target = target.replace("PORT", str(here.sip_port))
        await taken.leg.send(Transfer(target))
        async with asyncio.timeout(20):
            await taken.over.wait()
        assert taken.ended == f"transferred to {target}", taken.trouble
        await here.until("dialplan show globals", "TRANSFERRED=4711")
        await here.until("dialplan show globals", "PLAYED=yes")
        await here.cli("channel request hangup all")
        await here.idle()
    assert likeness("demo-thanks", await recorded(here, heard)) > 0.9


async def test_a_transfer_to_nobody_is_told_and_the_call_goes_on(here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here)):
        await registered(here, desk)
        await here.originate("Local/200@test", "vm-intro", pause_s=4)
        taken = await desk.call()
        await taken.leg.send(Transfer("999"))
        await until(lambda: taken.trouble, "the refusal", timeout_s=30)
        assert "transfer to 999 failed" in taken.trouble[0]
        await recognised("vm-intro", lambda: taken.heard, above=0.9)
        assert not taken.over.is_set()


# ---------------------------------------------------------------- calls out


async def test_a_call_out_proves_its_password_and_both_sides_hear_keys(here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here, sip_register=0)) as (link, _):
        carried = asyncio.create_task(desk.carry(link.dial("401"), wire="sip"))
        taken = await desk.call()
        await until(lambda: len(taken.digits) >= 4, "four keys")
        assert taken.digits == "159#"
        await taken.leg.send(SendDtmf("42#"))
        await here.until("dialplan show globals", "TYPED=42")
        async with asyncio.timeout(30):
            await carried
    assert taken.ended == "the other side hung up"
    assert likeness("vm-intro", taken.heard) > 0.95


@pytest.mark.parametrize(("number", "why"), [("500", "486"), ("999", "404"), ("501", "603|403")])
async def test_a_call_out_that_fails_says_why(number: str, why: str, here: Asterisk) -> None:
    desk = Desk()
    async with sip(desk, **trunk(here, sip_register=0)) as (link, _):
        async with asyncio.timeout(20):
            await desk.carry(link.dial(number), wire="sip")
    assert re.search(why, desk.failed[0]), desk.failed


# ---------------------------------------------------------------- encryption


async def test_registration_and_calls_are_encrypted(here: Asterisk, tmp_path: Path) -> None:
    """Both sides refuse audio without SRTP, so that there is some proves it."""
    (tmp_path / "ours.pem").write_bytes(self_signed("127.0.0.1"))
    secure = {
        "sip_trunk": f"sip:safe@127.0.0.1:{TLS_PORT};transport=tls",
        "sip_transports": ("tls",),
        "sip_certfile": tmp_path / "ours.pem",
        "sip_cafile": here.folder / "asterisk.pem",
        "sip_media_encryption": "required",
    }
    desk = Desk(say=pcm("demo-thanks"))
    async with sip(desk, **trunk(here, **secure)) as (link, _):
        await registered(here, desk, "safe")
        heard = await here.originate("Local/203@test", "vm-intro", pause_s=5)
        taken = await desk.call()
        await recognised("vm-intro", lambda: taken.heard)
        await here.cli("channel request hangup all")
        await taken.over.wait()
        await here.idle()
        assert likeness("demo-thanks", await recorded(here, heard)) > 0.95
        carried = asyncio.create_task(desk.carry(link.dial("401"), wire="sip"))
        out = await desk.call(1)
        await until(lambda: len(out.digits) >= 4, "four keys")
        await out.leg.send(Hangup("enough"))
        await carried


async def test_a_trunk_with_a_certificate_of_nobody_we_trust_is_not_told_the_password(
    here: Asterisk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ours.pem").write_bytes(self_signed("127.0.0.1"))
    secure = {
        "sip_trunk": f"sip:safe@127.0.0.1:{TLS_PORT};transport=tls",
        "sip_transports": ("tls",),
        "sip_certfile": tmp_path / "ours.pem",
        "sip_cafile": tmp_path / "ours.pem",
    }
    desk = Desk()
    async with sip(desk, **trunk(here, **secure)):
        await until(lambda: "the trunk does not register us" in caplog.text, "told in the log", timeout_s=40)
        assert "safe/sip:" not in await here.cli("pjsip show contacts")
