"""A caller of a real Asterisk is put through by the whole bridge to somebody who is asked first, over one trunk."""

import asyncio
import json
import re
import sqlite3
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from integration.asterisk import Asterisk, asterisk, needs_asterisk
from integration.recordings import normal
from integration.server import Server, serve
from integration.sip_peers import Pcm, free_port, likeness, needs_stack

from bridge.speech.api import Request
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = [needs_asterisk, needs_stack, pytest.mark.asyncio(loop_scope="module")]

BOT = """
import logging

from bot import ActionFailed, Bot, Hangup, Transfer

log = logging.getLogger("reception")


class Reception(Bot):
    async def on_call(self, call):
        yield "One moment, please."
        try:
            about = "There is a caller about a bicycle. Press one to take the call."
            yield Transfer(call.caller, consult=about, accept="1", returns=True)
        except ActionFailed as failed:
            log.warning("failed: %s", failed)
            yield "Nobody is there at the moment."
        else:
            yield "Welcome back."
        yield Hangup("all was said")

    async def on_end(self, reason):
        log.warning("ended: %s", reason)
"""

PJSIP = """
[bot]
type = endpoint
context = test
disallow = all
allow = ulaw
direct_media = no
auth = bot-password
aors = bot
[bot-password]
type = auth
auth_type = digest
username = bot
password = s3cret
[bot]
type = aor
max_contacts = 1
remove_existing = yes
"""

DIALPLAN = """
exten => 200,1,Dial(PJSIP/bot,40)
exten => 600,1,Stasis(warm)
exten => 601,1,Stasis(native)
exten => 300,1,Answer()
 same => n,MixMonitor({folder}/mixed-desk,r({folder}/desk.wav))
 same => n,Wait(6)
 same => n,SendDTMF(1,200,150)
 same => n,Wait(1)
 same => n,Playback(demo-thanks)
 same => n,Wait(9)
 same => n,Hangup()
exten => 301,1,Answer()
 same => n,Wait(2)
 same => n,SendDTMF(2,200,150)
 same => n,Wait(30)
exten => 302,1,Ringing()
 same => n,Wait(60)
exten => 500,1,Busy(1)
"""


NUMBERS = {"sip": "200", "ari": "600"}
"""By the wire that they lead to."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx() -> AsyncIterator[Asterisk]:
    user = "[bridge]\ntype = user\nread_only = no\npassword = s3cret\n"
    async with asterisk({"pjsip.conf": PJSIP, "extensions.conf": DIALPLAN, "ari.conf": user}) as pbx:
        yield pbx


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bots, call log and recordings."""
    return tmp_path_factory.mktemp("bots")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(pbx: Asterisk, folder: Path) -> AsyncIterator[Server]:
    trunk = ("--sip", "--sip-trunk", f"sip:bot@127.0.0.1:{pbx.sip_port}", "--sip-port", str(free_port()))
    keeps = {
        "BRIDGE_SIP_TRUNK_PASSWORD": "s3cret",
        "BRIDGE_RECORDS": f"sqlite:///{folder / 'calls.db'}",
        "BRIDGE_RECORD_CALLS": str(folder / "recordings"),
    }
    async with reception(pbx, folder, "warm", *trunk, **keeps) as server:
        await pbx.until("pjsip show contacts", "bot/sip:")
        yield server


@asynccontextmanager
async def reception(
    pbx: Asterisk, folder: Path, app: str, *flags: str, bot: str = BOT, **environment: str
) -> AsyncIterator[Server]:
    """Run the bot, which takes calls from `app` in the dialplan of Asterisk."""
    (folder / "reception.py").write_text(bot)
    ari = ("--ari-url", f"http://127.0.0.1:{pbx.http_port}/ari", "--ari-user", "bridge", "--ari-app", app)
    dialling = ("--ari-dial-context", "test", "--dial-allow", "30, 50", "--dial-timeout", "4")
    told = {
        "BRIDGE_ARI_PASSWORD": "s3cret",
        "BRIDGE_STATE_DIR": str(folder / f"state-{app}"),
        "PYTHONPATH": str(folder),
        **environment,
    }
    async with serve(*ari, *dialling, "--bot", "reception:Reception", *flags, env=told, cwd=folder) as server:
        await server.logged(f"connected to Asterisk as {app}")
        yield server


async def recorded(pbx: Asterisk, heard: Path) -> Pcm:
    return (await pbx.heard(heard, 8000) * 32767).astype(np.int16)


async def books(server: Server, wire: str = "sip") -> dict[str, float]:
    """Return what the server counted of calls over a wire: those that are, that began, and that ended."""
    async with aiohttp.ClientSession() as client, client.get(f"{server.http}/metrics") as response:
        text = await response.text()
    found = re.findall(rf'^(bridge_calls\w*)\{{[^}}]*wire="{wire}"[^}}]*\}} (\S+)$', text, re.MULTILINE)
    totals: dict[str, float] = {}
    for name, value in found:
        totals[name] = totals.get(name, 0.0) + float(value)
    return totals


async def kept(folder: Path, wire: str) -> list[tuple[str, str, dict[str, object]]]:
    """Return kind, text and data of what is kept of the newest call over a wire, once its recording is whole."""

    def read() -> list[tuple[str, str, str]]:
        with sqlite3.connect(folder / "calls.db") as database:
            [record] = database.execute(
                "SELECT record FROM calls WHERE wire = ? ORDER BY began_at DESC LIMIT 1", (wire,)
            ).fetchone()
            wanted = "SELECT kind, text, data FROM entries WHERE record = ? ORDER BY number"
            return database.execute(wanted, (record,)).fetchall()

    found: list[tuple[str, str, str]] = []
    async with asyncio.timeout(15):
        while "ended" not in {kind for kind, *_ in found}:
            await asyncio.sleep(0.1)
            found = await asyncio.to_thread(read)
    return [(kind, text, json.loads(data)) for kind, text, data in found]


def sides(path: str) -> tuple[Pcm, Pcm]:
    with wave.open(path) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


@pytest.mark.parametrize("wire", NUMBERS)
async def test_both_hear_each_other_once_the_call_was_taken_and_the_caller_comes_back(
    wire: str, pbx: Asterisk, server: Server, folder: Path, ears: WhisperAsr
) -> None:
    server.output.clear()
    heard = await pbx.originate(f"Local/{NUMBERS[wire]}@test", "vm-intro", pause_s=12, number="300")
    await server.logged("ended: all was said", timeout_s=60)
    await pbx.idle()
    caller, desk = await recorded(pbx, heard), await recorded(pbx, pbx.folder / "desk.wav")
    assert likeness("demo-thanks", caller) > 0.9, "the caller heard the one called"
    assert likeness("vm-intro", desk) > 0.9, f"and was heard: {server.log[-3000:]}"
    said = (await pbx.heard(pbx.folder / "desk.wav"))[: 6 * 16_000]
    text = await ears.decode(Request(said, language="English", final=True))
    assert "bicycle" in normal(text.text), "who was told first what it is about"
    waiting = caller[4 * 8000 : 8 * 8000].astype(np.float64).reshape(-1, 4000)
    assert np.sqrt((waiting**2).mean(axis=1)).min() > 50, "there was music meanwhile"
    entries = await kept(folder, wire)
    left, right = await asyncio.to_thread(sides, next(str(data["path"]) for kind, _, data in entries if "path" in data))
    assert likeness("vm-intro", left) > 0.9, "the caller is recorded"
    assert likeness("demo-thanks", right) > 0.9, "and what they heard"
    music = right[4 * 8000 : 8 * 8000].astype(np.float64).reshape(-1, 4000)
    assert np.sqrt((music**2).mean(axis=1)).min() > 50, "music, too"
    asked = " ".join(text for kind, text, data in entries if kind == "caller" and data.get("to") == "target")
    answered = " ".join(text for kind, text, _ in entries if kind == "target")
    assert "message after the tone" in normal(asked), entries
    assert "thank you for trying" in normal(answered), entries
    assert not any(kind == "bot" and "tone" in text for kind, text, _ in entries), "the bot has heard nothing of it"
    counted = await books(server, wire)
    assert counted["bridge_calls_started_total"] == 2, "caller and colleague, over the same wire"
    assert counted["bridge_calls"] == 0 and counted["bridge_calls_started_total"] == counted["bridge_calls_ended_total"]


@pytest.mark.parametrize(
    ("number", "why"),
    [("301", "301 pressed 2, not 1"), ("302", "no answer within 4 s"), ("500", "500 does not take the caller")],
    ids=["refused", "no answer", "busy"],
)
async def test_who_does_not_take_the_call_leaves_the_caller_with_the_bot(
    number: str, why: str, pbx: Asterisk, server: Server, ears: WhisperAsr
) -> None:
    server.output.clear()
    heard = await pbx.originate("Local/200@test", number=number)
    await server.logged("failed: ", why, timeout_s=30)
    await server.logged("ended: all was said", timeout_s=30)
    await pbx.idle()
    audio = await pbx.heard(heard)
    text = await ears.decode(Request(audio[-8 * 16_000 :], language="English", final=True))
    assert "nobody is there" in normal(text.text)
    assert (await books(server))["bridge_calls"] == 0


async def test_asterisk_joins_the_two_itself_where_nothing_here_needs_what_they_say(
    pbx: Asterisk, folder: Path, ears: WhisperAsr
) -> None:
    async with reception(pbx, folder, "native", "--no-transcribe-transfers") as server:
        heard = await pbx.originate("Local/601@test", "vm-intro", pause_s=12, number="300")
        await server.logged("takes the caller", timeout_s=40)
        async with asyncio.timeout(5):
            while len(names := await room(pbx)) < 2:  # noqa: ASYNC110  # nothing tells us of it
                await asyncio.sleep(0.1)
        assert len(names) == 2 and not any("bridge-media" in name for name in names), "no audio of ours is in it"
        await server.logged("ended: all was said", timeout_s=60)
        await pbx.idle()
        caller, desk = await recorded(pbx, heard), await recorded(pbx, pbx.folder / "desk.wav")
        assert likeness("demo-thanks", caller) > 0.9, "the caller heard the one called"
        assert likeness("vm-intro", desk) > 0.9, "and was heard"
        text = await ears.decode(Request((await pbx.heard(heard))[-6 * 16_000 :], language="English", final=True))
        assert "welcome back" in normal(text.text), "and was the bot's again"
        assert not await pbx.ari("GET", "bridges"), "nothing is left of it"
        assert (await books(server, "ari"))["bridge_calls"] == 0


async def test_the_two_talk_without_us_over_sip_where_nothing_here_needs_what_they_say(
    pbx: Asterisk, folder: Path
) -> None:
    """The last one: its server takes the place of the other in Asterisk's books."""
    port = free_port()
    trunk = ("--sip", "--sip-trunk", f"sip:bot@127.0.0.1:{pbx.sip_port}", "--sip-port", str(port))
    told = {"BRIDGE_SIP_TRUNK_PASSWORD": "s3cret"}
    bot = BOT.replace("returns=True", "returns=False")
    async with reception(pbx, folder, "refers", *trunk, "--no-transcribe-transfers", bot=bot, **told) as server:
        await pbx.until("pjsip show contacts", f"bot/sip:bot@127.0.0.1:{port}")
        heard = await pbx.originate("Local/200@test", "vm-intro", pause_s=12, number="300")
        await server.logged("takes the caller", timeout_s=40)
        await server.logged("ended: transferred to 300", timeout_s=10)
        async with asyncio.timeout(10):
            while (await books(server))["bridge_calls"]:  # noqa: ASYNC110  # nothing tells us of it
                await asyncio.sleep(0.1)
        assert "PJSIP/bot" not in await pbx.cli("core show channels"), "none of their channels leads to us"
        await pbx.idle(30)
        caller, desk = await recorded(pbx, heard), await recorded(pbx, pbx.folder / "desk.wav")
        assert likeness("demo-thanks", caller) > 0.9, "the caller heard the one called"
        assert likeness("vm-intro", desk) > 0.9, "and was heard"


async def room(pbx: Asterisk) -> list[str]:
    """Return the channels that are in a room, of which there is one at most."""
    told = await pbx.ari("GET", "bridges")
    assert isinstance(told, list)
    return next((list(bridge["channels"]) for bridge in told if bridge["id"].startswith("bridge-room-")), [])
