"""Calls from a real Asterisk over chan_websocket to the whole bridge: plain text, JSON, and connected from our side."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from integration.asterisk import asterisk, needs_asterisk
from integration.clerk import BOT, Place
from integration.server import serve
from integration.sip_peers import free_port

from bridge.legs.websocket import WebSocketLeg
from bridge.speech.backends.whisper import WhisperAsr
from telephony.asterisk import AsteriskProtocol
from telephony.events import Clear, Command, Event, Mark, Play, Played

pytestmark = [needs_asterisk, pytest.mark.asyncio(loop_scope="module")]
TOKEN: Final = "s3cret"
PLAIN, JSON, INCOMING, REFUSED = "300", "301", "302", "303"
_JSON_TOO = pytest.param(JSON, marks=pytest.mark.slow)
every_way = pytest.mark.parametrize("way", [PLAIN, _JSON_TOO, INCOMING])
both_forms = pytest.mark.parametrize("way", [PLAIN, _JSON_TOO])

CLIENT: Final = """
[NAME]
type = websocket_client
uri = ws://127.0.0.1:PORT/asterisk/media
protocols = media
connection_type = per_call_config
username = asterisk
password = PASSWORD
tls_enabled = no
"""

DIALPLAN: Final = f"""
exten => {PLAIN},1,Dial(WebSocket/bridge/c(ulaw)nv(from=${{CALLERID(num)}},to=${{EXTEN}}),20,g)
 same => n,Set(GLOBAL(AFTER)=${{EXTEN}} ${{DIALSTATUS}})
exten => {JSON},1,Dial(WebSocket/bridge/c(slin16)f(json)v(from=${{CALLERID(num)}},to=${{EXTEN}}),20,g)
 same => n,Set(GLOBAL(AFTER)=${{EXTEN}} ${{DIALSTATUS}})
exten => {INCOMING},1,Dial(WebSocket/INCOMING/c(slin16),20,gb(bridge^s^1(${{CALLERID(num)}}^${{EXTEN}})))
 same => n,Set(GLOBAL(AFTER)=${{EXTEN}} ${{DIALSTATUS}})
exten => {REFUSED},1,Answer()
 same => n,Dial(WebSocket/stranger/c(ulaw),20,g)
 same => n,Set(GLOBAL(AFTER)=${{EXTEN}} ${{DIALSTATUS}})

[bridge]
exten => s,1,Set(CURLOPT(httpheader)=Authorization: Bearer {TOKEN})
 same => n,Set(ID=${{MEDIA_WEBSOCKET_CONNECTION_ID}})
 same => n,Set(DONE=${{CURL(http://127.0.0.1:PORT/asterisk/connect,id=${{ID}}&from=${{ARG1}}&to=${{ARG2}})}})
 same => n,Return()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder, port = tmp_path_factory.mktemp("clerk"), str(free_port())
    (folder / "clerk.py").write_text(BOT)
    right = CLIENT.replace("NAME", "bridge").replace("PASSWORD", TOKEN)
    wrong = CLIENT.replace("NAME", "stranger").replace("PASSWORD", "guess")
    files = {"websocket_client.conf": right + wrong, "extensions.conf": DIALPLAN}
    flags = ("--log-level", "DEBUG", "--bot", "clerk:Clerk", "--barge-in-words", "3", "--port", port)
    asr = await asyncio.to_thread(WhisperAsr.load)
    async with asterisk({name: text.replace("PORT", port) for name, text in files.items()}) as pbx:
        url = f"ws://127.0.0.1:{pbx.http_port}/media"
        async with serve(*flags, "--asterisk-url", url, env={"BRIDGE_API_TOKEN": TOKEN}, cwd=folder) as bridge:
            yield Place(pbx, bridge, asr)
    asr.close()


@pytest_asyncio.fixture(loop_scope="module")
async def here(place: Place) -> AsyncIterator[Place]:
    yield place
    await place.over()


@every_way
async def test_a_channel_that_plays_nothing_is_greeted_all_the_same(way: str, here: Place) -> None:
    heard = await here.pbx.originate(f"Local/{way}@test", pause_s=20)
    await here.said(f"from '100' to '{way}'")
    await asyncio.sleep(7)
    await here.over()
    assert "workshop" in await here.understood(heard)


@every_way
async def test_a_caller_is_answered_and_where_the_bot_hangs_up_the_dialplan_goes_on(way: str, here: Place) -> None:
    heard = await here.pbx.originate(f"Local/{way}@test", "vm-goodbye", pause_s=9)
    await here.said("caller said", "oodbye")
    await here.said("ended: the bot hung up")
    await here.pbx.until("dialplan show globals", f"AFTER={way} ANSWER")
    await here.pbx.idle()
    assert "see you soon" in await here.understood(heard)


@both_forms
async def test_a_caller_who_speaks_over_the_bot_silences_it_at_once(way: str, here: Place) -> None:
    """Asterisk holds seconds of the greeting by then: without a flush the caller would hear them."""
    heard = await here.pbx.originate(f"Local/{way}@test", "vm-intro", pause_s=2)
    await here.said("interrupted after")
    await here.said("caller said", "pound key")
    await here.over()
    assert "long as it takes" not in await here.understood(heard)


@both_forms
async def test_keys_are_heard_one_by_one_in_order(way: str, here: Place) -> None:
    await here.pbx.originate(f"Local/{way}@test", keys="159#", pause_s=2)
    for key in "159#":
        await here.said(f"key {key}")


@every_way
async def test_a_caller_who_hangs_up_ends_the_call_at_once(way: str, here: Place) -> None:
    await here.pbx.originate(f"Local/{way}@test", pause_s=20)
    await here.said("over asterisk")
    await here.pbx.cli("channel request hangup all")
    await here.said("call ended: caller hung up", timeout_s=3)


async def test_who_has_not_the_token_gets_no_call_and_the_dialplan_goes_on(here: Place) -> None:
    await here.pbx.originate(f"Local/{REFUSED}@test", pause_s=20)
    answer = await here.pbx.until("dialplan show globals", f"AFTER={REFUSED}")
    assert f"AFTER={REFUSED} ANSWER" not in answer
    assert "over asterisk" not in here.bridge.log


async def test_a_bridge_that_dies_leaves_the_dialplan_to_go_on_and_an_asterisk_that_dies_no_call(
    tmp_path: Path,
) -> None:
    port = str(free_port())
    flags = ("--greeting", "Hello.", "--port", port)
    files = {"websocket_client.conf": CLIENT.replace("NAME", "bridge"), "extensions.conf": DIALPLAN}
    async with asterisk({name: text.replace("PORT", port) for name, text in files.items()}) as pbx:
        async with serve(*flags, code=None, cwd=tmp_path) as bridge:
            await pbx.originate(f"Local/{PLAIN}@test", pause_s=20)
            await bridge.logged("over asterisk")
            bridge.process.kill()
            await pbx.until("dialplan show globals", f"AFTER={PLAIN}")
        async with serve(*flags, cwd=tmp_path) as bridge:
            await pbx.originate(f"Local/{PLAIN}@test", pause_s=20)
            await bridge.logged("over asterisk")
            pbx.process.kill()
            await bridge.logged("call ended:", timeout_s=5)


class Watched(AsteriskProtocol):
    """Notes what Asterisk says, and how much audio it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.sent = 0

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        if isinstance(message, str):
            self.told.append(message)
        return super().receive(message)

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        messages = super().send(command)
        self.sent += sum(len(message) for message in messages if isinstance(message, bytes))
        return messages


async def test_an_asterisk_with_a_full_queue_is_sent_no_more_and_a_clear_empties_it() -> None:
    """What is above a thousand frames it would drop without a word."""
    legs: asyncio.Queue[WebSocketLeg] = asyncio.Queue()
    over, protocol = asyncio.Event(), Watched()

    async def media(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("media",))
        await socket.prepare(request)
        legs.put_nowait(WebSocketLeg(socket, protocol, abort=lambda: None, idle_s=None, send_s=5))
        await over.wait()
        return socket

    app = web.Application()
    app.router.add_get("/asterisk/media", media)
    async with TestServer(app) as bridge:
        client = CLIENT.replace("NAME", "bridge").replace("PORT", str(bridge.port))
        async with asterisk({"websocket_client.conf": client, "extensions.conf": DIALPLAN}) as pbx, asyncio.timeout(60):
            await pbx.originate(f"Local/{JSON}@test", pause_s=30)
            leg = await legs.get()
            await leg.start(5)
            played = asyncio.create_task(_played(leg))
            for _ in range(17):
                await leg.send(Play(bytes(32_000)))
            while not any("XOFF" in line for line in protocol.told):
                await leg.send(Play(bytes(3200)))
                await asyncio.sleep(0.05)
            sent = protocol.sent
            assert 17 * 32_000 < sent < 1000 * 640
            await leg.send(Play(bytes(32_000)))
            await leg.send(Mark("never heard"))
            assert protocol.sent == sent
            await leg.send(Clear())
            assert await played == "never heard"
            await leg.send(Play(bytes(16_000)))
            await leg.send(Mark("heard"))
            assert await _played(leg) == "heard"
            assert any("XON" in line for line in protocol.told)
            over.set()


async def _played(leg: WebSocketLeg) -> str:
    async for event in leg:
        if isinstance(event, Played):
            return event.mark
    return ""
