"""Calls from a real Asterisk over its media sockets to the whole bridge, models and all."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from integration.asterisk import asterisk, needs_asterisk
from integration.clerk import BOT, Place
from integration.server import serve
from integration.sip_peers import free_port

from bridge.speech.backends.whisper import WhisperAsr

pytestmark = [needs_asterisk, pytest.mark.asyncio(loop_scope="module")]


DIALPLAN = """
exten => 200,1,Answer()
 same => n,AudioSocket(${UUID()},127.0.0.1:PORT)
 same => n,Set(GLOBAL(AFTER)=went on)
 same => n,Hangup()
exten => 201,1,Dial(AudioSocket/127.0.0.1:PORT/${UUID()}/c(slin16))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder, port = tmp_path_factory.mktemp("clerk"), free_port()
    (folder / "clerk.py").write_text(BOT)
    asr = await asyncio.to_thread(WhisperAsr.load)
    flags = ("--log-level", "DEBUG", "--bot", "clerk:Clerk", "--barge-in-words", "3")
    sockets = ("--audiosocket-port", str(port), "--audiosocket-rate", "16000")
    async with (
        asterisk({"extensions.conf": DIALPLAN.replace("PORT", str(port))}) as pbx,
        serve(*flags, *sockets, cwd=folder) as bridge,
    ):
        yield Place(pbx, bridge, asr)
    asr.close()


@pytest_asyncio.fixture(loop_scope="module")
async def here(place: Place) -> AsyncIterator[Place]:
    yield place
    await place.over()


async def test_a_channel_that_plays_nothing_is_greeted_all_the_same(here: Place) -> None:
    heard = await here.pbx.originate("Local/201@test", pause_s=8)
    await here.said("call from", "over audiosocket")
    await asyncio.sleep(7)
    await here.over()
    assert "workshop" in await here.understood(heard)


async def test_a_caller_is_understood_and_answered(here: Place) -> None:
    heard = await here.pbx.originate("Local/201@test", "vm-goodbye", pause_s=9)
    await here.said("caller said", "oodbye")
    await here.said("ended: the bot hung up")
    await here.pbx.idle()
    assert "see you soon" in await here.understood(heard)


async def test_a_caller_who_speaks_over_the_bot_silences_it(here: Place) -> None:
    heard = await here.pbx.originate("Local/201@test", "vm-intro", pause_s=2)
    await here.said("interrupted after")
    await here.said("caller said", "pound key")
    await here.over()
    assert "long as it takes" not in await here.understood(heard)


async def test_keys_are_heard_one_by_one_in_order(here: Place) -> None:
    await here.pbx.originate("Local/201@test", keys="159#", pause_s=2)
    for key in "159#":
        await here.said(f"key {key}")


async def test_where_the_bot_hangs_up_the_dialplan_goes_on(tmp_path: Path) -> None:
    """The application speaks 8 kHz, unlike the channel driver."""
    port = free_port()
    (tmp_path / "clerk.py").write_text(BOT)
    async with (
        asterisk({"extensions.conf": DIALPLAN.replace("PORT", str(port))}) as pbx,
        serve("--audiosocket-port", str(port), "--bot", "clerk:Clerk", cwd=tmp_path) as bridge,
    ):
        await pbx.originate("Local/200@test", "vm-goodbye", pause_s=9)
        await bridge.logged("ended: the bot hung up", timeout_s=30)
        await pbx.until("dialplan show globals", "AFTER=went on")


async def test_a_call_ends_at_once_where_its_caller_hangs_up_or_its_asterisk_dies(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "clerk.py").write_text(BOT)
    async with (
        serve("--audiosocket-port", str(port), "--bot", "clerk:Clerk", cwd=tmp_path) as bridge,
        asterisk({"extensions.conf": DIALPLAN.replace("PORT", str(port))}) as pbx,
    ):
        await pbx.originate("Local/200@test")
        await bridge.logged("over audiosocket")
        await pbx.cli("channel request hangup all")
        await bridge.logged("call ended: caller hung up", timeout_s=10)  # without it, silence ends a call after 60 s
        bridge.output.clear()
        await pbx.originate("Local/200@test")
        await bridge.logged("over audiosocket")
        pbx.process.kill()
        await bridge.logged("call ended:", timeout_s=10)


async def test_where_the_bridge_dies_the_dialplan_goes_on(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "clerk.py").write_text(BOT)
    flags = ("--audiosocket-port", str(port), "--bot", "clerk:Clerk")
    async with (
        asterisk({"extensions.conf": DIALPLAN.replace("PORT", str(port))}) as pbx,
        serve(*flags, cwd=tmp_path, code=None) as bridge,
    ):
        await pbx.originate("Local/200@test", pause_s=20)
        await bridge.logged("over audiosocket")
        bridge.process.kill()
        await pbx.until("dialplan show globals", "AFTER=went on")


async def test_who_begins_quietly_at_the_wrong_rate_is_understood_and_answered_and_told_what_to_set(
    tmp_path: Path, place: Place
) -> None:
    port = free_port()
    (tmp_path / "clerk.py").write_text(BOT)
    flags = ("--log-level", "DEBUG", "--bot", "clerk:Clerk", "--audiosocket-port", str(port))
    async with (
        asterisk({"extensions.conf": DIALPLAN.replace("PORT", str(port))}) as pbx,
        serve(*flags, cwd=tmp_path) as bridge,
    ):
        heard = await pbx.originate("Local/201@test", "vm-goodbye", pause_s=9)
        await bridge.logged("say --audiosocket-rate 16000", timeout_s=15)
        await bridge.logged("caller said", "oodbye", timeout_s=15)
        await bridge.logged("ended: the bot hung up", timeout_s=15)
        await pbx.idle()
        assert "see you soon" in await Place(pbx, bridge, place.asr).understood(heard)
