"""Calls over ARI from a real Asterisk: audio as RTP, keys, transfers, the end of either side."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from integration.asterisk import Asterisk, asterisk, needs_asterisk
from integration.recordings import prompt
from integration.server import serve
from integration.sip_peers import Desk, Pcm, likeness, until

from bridge.legs.ari.link import AriLink
from bridge.settings import Settings
from bridge.speech.api import Request
from bridge.speech.backends.whisper import WhisperAsr
from telephony.codec import decode, encode
from telephony.events import Encoding, Hangup, SendDtmf, Transfer

pytestmark = [needs_asterisk, pytest.mark.asyncio(loop_scope="module")]

NUMBERS = itertools.count()
FILES = {
    "ari.conf": "[bot]\ntype = user\nread_only = no\npassword = s3cret\n",
    "extensions.conf": """
exten => 600,1,Stasis(${APP},campaign=spring)
 same => n,Set(GLOBAL(AFTER)=${STASISSTATUS})
 same => n,Wait(20)
exten => 300,1,Set(GLOBAL(TRANSFERRED)=${CALLERID(num)})
 same => n,Playback(demo-thanks)
 same => n,Set(GLOBAL(PLAYED)=yes)
 same => n,Wait(20)
exten => 500,1,Busy(1)
exten => 502,1,Ringing()
 same => n,Wait(30)
exten => 700,1,Answer()
 same => n,Read(TYPED,,3,,1,20)
 same => n,Set(GLOBAL(TYPED)=${TYPED})
 same => n,Wait(20)
""",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx() -> AsyncIterator[Asterisk]:
    async with asterisk(FILES) as pbx:
        yield pbx


@pytest_asyncio.fixture(loop_scope="module")
async def here(pbx: Asterisk) -> AsyncIterator[Asterisk]:
    """It, without the calls and globals of the test before."""
    for name in ("AFTER", "PLAYED", "TRANSFERRED", "TYPED"):
        await pbx.cli(f"dialplan set global {name} none")
    yield pbx
    await pbx.cli("channel request hangup all")
    await pbx.idle()


@asynccontextmanager
async def ari(pbx: Asterisk, desk: Desk, *, app: str = "", **more: object) -> AsyncIterator[AriLink]:
    """Run the ARI side of a bridge, without models: as `app`, or as one that there was never before."""
    app = app or f"bridge-{next(NUMBERS)}"
    known = {
        "ari_url": f"http://127.0.0.1:{pbx.http_port}/ari",
        "ari_app": app,
        "ari_user": "bot",
        "ari_password": "s3cret",
        "ari_format": "ulaw",
    }
    async with AriLink(Settings.model_validate({**known, **more}), desk) as link:
        await until(lambda: "bridge_ari_up 1.0" in desk.measured, "connected")
        await pbx.cli(f"dialplan set global APP {app}")
        yield link


def plain(heard: bytes | bytearray, encoding: Encoding) -> Pcm:
    return (decode(bytes(heard), encoding) * 32768).astype(np.int16)


def coded(name: str, encoding: Encoding) -> bytes:
    return encode(prompt(name).audio, encoding)


async def recorded(pbx: Asterisk, heard: Path) -> Pcm:
    return (await pbx.heard(heard, 8000) * 32767).astype(np.int16)


class Way:
    """A way to a TCP port of this machine that can be cut."""

    def __init__(self, to: int) -> None:
        self.port, self._to = 0, to
        self._ends: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break the connections there are."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, there = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends += (writer, there)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_carry(reader, there))
            tasks.create_task(_carry(theirs, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


@pytest.mark.parametrize(
    ("name", "encoding"), [("ulaw", Encoding.MULAW), pytest.param("alaw", Encoding.ALAW, marks=pytest.mark.slow)]
)
async def test_a_caller_and_the_bot_hear_each_other(name: str, encoding: Encoding, here: Asterisk) -> None:
    desk = Desk(say=coded("demo-thanks", encoding))
    async with ari(here, desk, ari_format=name):
        heard = await here.originate("Local/600@test", "vm-intro", pause_s=5, number="4711")
        taken = await desk.call()
        assert (taken.started.caller, taken.started.callee) == ("4711", "600")
        assert taken.started.parameters == {"campaign": "spring"}
        await until(lambda: len(taken.heard) > 12 * 8000, "12 s of audio", timeout_s=40)
        assert likeness("vm-intro", plain(taken.heard, encoding)) > 0.95
        await here.cli("channel request hangup all")
        await taken.over.wait()
        await here.idle()
    assert taken.ended == "caller hung up"
    assert likeness("demo-thanks", await recorded(here, heard)) > 0.9
    assert taken.trouble == []
    assert await here.ari("GET", "bridges") == []


async def test_a_caller_is_greeted_and_understood_by_the_whole_bridge(here: Asterisk, ears: WhisperAsr) -> None:
    flags = ("--ari-url", f"http://127.0.0.1:{here.http_port}/ari", "--ari-user", "bot", "--ari-app", "whole")
    env = {"BRIDGE_ARI_PASSWORD": "s3cret"}
    await here.cli("dialplan set global APP whole")
    async with serve("--log-level", "DEBUG", "--greeting", "Welcome to the workshop.", *flags, env=env) as server:
        await server.logged("connected to Asterisk as whole")
        heard = await here.originate("Local/600@test", "vm-intro", pause_s=6, number="4711")
        await server.logged("call from 4711 to 600 over ari")
        await server.logged("caller said", "press the pound key", timeout_s=40)
        await here.cli("channel request hangup all")
        await server.logged("call ended: caller hung up")
        await here.idle()
        async with aiohttp.ClientSession() as client, client.get(f"{server.http}/metrics") as response:
            figures = await response.text()
    assert 'bridge_calls_ended_total{fault="",wire="ari"} 1.0' in figures
    assert "bridge_ari_up 1.0" in figures
    said = await ears.decode(Request(await here.heard(heard), language="English", final=True))
    assert "workshop" in said.text.lower()


async def test_keys_of_a_caller_are_heard_one_by_one_in_order(here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk):
        await here.originate("Local/600@test", keys="159#", pause_s=2)
        taken = await desk.call()
        await until(lambda: len(taken.digits) >= 4, "four keys")
    assert taken.digits == "159#"


async def test_keys_of_the_bot_are_heard_at_the_other_end(here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk):
        where = {"endpoint": "Local/700@test", "extension": "600", "context": "test", "priority": "1"}
        await here.ari("POST", "channels", query=where)
        taken = await desk.call()
        await asyncio.sleep(1)  # until it listens for keys
        await taken.leg.send(SendDtmf("42#"))
        await here.until("dialplan show globals", "TYPED=42")


async def test_the_bot_hangs_up_and_nothing_is_left(here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk):
        await here.originate("Local/600@test")
        taken = await desk.call()
        await taken.leg.send(Hangup("enough"))
        await taken.over.wait()
        await here.idle()
        assert await here.ari("GET", "bridges") == []


async def test_the_bot_puts_its_caller_through_to_an_extension(here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk):
        heard = await here.originate("Local/600@test", number="4711")
        taken = await desk.call()
        await taken.leg.send(Transfer("300"))
        await taken.over.wait()
        assert taken.ended == "transferred to 300"
        await here.until("dialplan show globals", "TRANSFERRED=4711")
        await here.until("dialplan show globals", "PLAYED=yes")
        await here.cli("channel request hangup all")
        await here.idle()
    assert likeness("demo-thanks", await recorded(here, heard)) > 0.9


async def test_a_transfer_to_nobody_is_refused_and_the_call_goes_on(here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk):
        await here.originate("Local/600@test", "vm-intro", pause_s=3)
        taken = await desk.call()
        with pytest.raises(RuntimeError, match="no extension 999 in the context test"):
            await taken.leg.send(Transfer("999"))
        await until(lambda: len(taken.heard) > 9 * 8000, "9 s of audio", timeout_s=40)
        assert likeness("vm-intro", plain(taken.heard, Encoding.MULAW)) > 0.9
        assert not taken.over.is_set()


async def test_a_call_out_is_heard_both_ways_and_hangs_up(here: Asterisk) -> None:
    desk = Desk(say=coded("demo-thanks", Encoding.MULAW))
    async with ari(here, desk, ari_dial_context="test") as link:
        carried = asyncio.create_task(desk.carry(link.dial("700", caller="4711"), wire="ari"))
        taken = await desk.call()
        await taken.leg.send(SendDtmf("42#"))
        await here.until("dialplan show globals", "TYPED=42")
        await here.cli("channel request hangup all")
        await asyncio.wait_for(carried, 15)
        await here.idle()
    assert taken.ended == "caller hung up"


@pytest.mark.parametrize(("number", "why"), [("500", "busy"), ("999", "400|Asterisk|not answered")])
async def test_a_call_out_that_is_not_answered_says_why(number: str, why: str, here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk, ari_dial_context="test") as link:
        await asyncio.wait_for(desk.carry(link.dial(number), wire="ari"), 15)
        await here.idle()
    assert re.search(why, desk.failed[0], re.IGNORECASE), desk.failed


async def test_a_call_out_that_is_given_up_rings_no_more(here: Asterisk) -> None:
    desk = Desk()
    async with ari(here, desk, ari_dial_context="test") as link:
        leg = link.dial("502")
        carried = asyncio.create_task(desk.carry(leg, wire="ari"))
        await here.until("core show channels count", "2 active channels")
        await leg.close("given up")
        await asyncio.wait_for(carried, 15)
        await here.idle()
    assert len(desk.failed) == 1


async def test_a_caller_for_whom_there_is_no_line_goes_on_in_the_dialplan(here: Asterisk) -> None:
    async with ari(here, Desk(lines=0)):
        await here.originate("Local/600@test")
        await here.until("dialplan show globals", "AFTER=SUCCESS")


async def test_a_call_outlives_the_loss_of_its_events(here: Asterisk) -> None:
    desk = Desk()
    async with Way(here.http_port) as way, ari(here, desk, ari_url=f"http://127.0.0.1:{way.port}/ari"):
        await here.originate("Local/600@test", keys="7", pause_s=6)
        taken = await desk.call()
        way.cut()
        await until(lambda: "bridge_ari_up 0.0" in desk.measured, "without events")
        await until(lambda: "bridge_ari_up 1.0" in desk.measured, "connected again")
        assert not taken.over.is_set()
        await until(lambda: taken.digits == "7", "the key")


async def test_an_asterisk_that_dies_costs_its_calls_and_nothing_else() -> None:
    desk = Desk()
    async with asterisk(FILES) as first, ari(first, desk):
        await first.originate("Local/600@test")
        taken = await desk.call()
        first.process.kill()
        async with asyncio.timeout(30):
            await taken.over.wait()
        assert taken.ended.startswith("Asterisk has")
        await until(lambda: not desk.lines.taken, "all lines free")
        assert "bridge_ari_up 0.0" in desk.measured


async def test_channels_that_an_earlier_run_left_are_hung_up(here: Asterisk) -> None:
    await here.cli("dialplan set global APP bridge")
    url = f"ws://127.0.0.1:{here.http_port}/ari/events?app=bridge&api_key=bot:s3cret"
    async with aiohttp.ClientSession() as client, client.ws_connect(url) as events:
        await here.originate("Local/600@test")
        async with asyncio.timeout(10):
            while "StasisStart" not in (await events.receive_str()):
                continue
    assert "0 active channels" not in await here.cli("core show channels count")
    async with ari(here, Desk(), app="bridge"):
        await here.idle()


async def test_a_bridge_that_begins_while_another_ends_is_told_of_calls_all_the_same(here: Asterisk) -> None:
    """Asterisk may take the application from the new connection as it cleans up after the old one."""
    for _ in range(5):
        async with ari(here, Desk(), app="bridge"):
            pass
    desk = Desk()
    async with ari(here, desk, app="bridge"):
        for _ in range(10):
            await here.originate("Local/600@test")
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await until(lambda: desk.calls, "a call")
                break
    assert desk.calls
