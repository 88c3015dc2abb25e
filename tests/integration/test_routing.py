"""One server, two numbers: each has its bot and its greeting, over Twilio's wire and over the page's."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import sounding
from integration.hearing import hear
from integration.recordings import prompt
from integration.server import Server, serve

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTS = """
import logging

from bot import Bot

log = logging.getLogger("desk")


class Desk(Bot):
    desk = "plain"

    async def on_call(self, call):
        log.warning("%s desk: own greeting for %s", self.desk, call.call_id)
        yield f"This is the {self.desk} desk."

    async def reply(self, turn):
        log.warning("%s desk: answers %s", self.desk, turn.call.call_id)
        yield "Yes."


class Sales(Desk):
    desk = "sales"
"""
TABLES = """
[[route]]
name = "sales"
callee = "+49 30 *"
bot = "desks:Sales"

[[route]]
name = "page"
wire = "talk"
greeting = "Welcome to the page."

[[route]]
name = "delhi"
callee = "+91*"
greeting = "Welcome to our Delhi desk. \u0928\u092e\u0938\u094d\u0924\u0947\u0964 How can we help?"
voices = { Hindi = "sounding:EspeakHindi" }
lexicon = { English = { Delhi = "Berlin" } }
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("desks")
    (folder / "desks.py").write_text(BOTS)
    (folder / "bridge.toml").write_text(f'bot = "desks:Desk"\n{TABLES}')
    env = {"PYTHONPATH": str(Path(sounding.__file__).parent)}
    async with serve("--config", "bridge.toml", "--log-level", "DEBUG", cwd=folder, env=env) as server:
        yield server


async def test_two_numbers_reach_two_bots_at_the_same_time(server: Server) -> None:
    async def ring(number: str, desk: str, sid: str) -> None:
        async with dial(server.twilio, call_sid=sid, parameters={"To": number}) as phone:
            await phone.until_heard(after_ms=0)
            await phone.until_silent()
            await phone.say(prompt("vm-intro").mulaw[:24000])
            await server.logged(f"{desk} desk: answers {sid}")

    one, other = "CA" + "1" * 32, "CA" + "2" * 32
    async with asyncio.timeout(30):
        await asyncio.gather(ring("+4930555", "sales", one), ring("+4989555", "plain", other))
    await server.logged("to +4930555 over twilio, route 1 (sales)")
    await server.logged(f"sales desk: own greeting for {one}")
    await server.logged(f"plain desk: own greeting for {other}")


async def test_the_page_has_a_route_of_its_own(server: Server) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.http}/talk") as socket,
        asyncio.timeout(15),
    ):
        await socket.send_json({"type": "config"})
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and "Welcome to the page." in json.loads(message.data).values():
                break
    await server.logged("over talk, route 2 (page)")


async def counted(server: Server, name: str, voice: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{server.http}/metrics") as answer:
        text = await answer.text()
    rows = re.findall(rf"^{name}{{([^}}]*)}} ([\d.]+)$", text, re.MULTILINE)
    return sum(float(value) for labels, value in rows if f'voice="{voice}"' in labels)


@pytest.mark.skipif(not sounding.ESPEAK, reason="espeak-ng is not installed")
async def test_a_greeting_in_two_languages_is_made_before_the_call_and_spoken_by_two_voices(
    server: Server, ears: WhisperAsr
) -> None:
    made = "bridge_tts_first_audio_seconds_count"
    await server.logged("sentences of prompts were made ahead")
    before = await counted(server, made, "sounding:EspeakHindi")
    async with dial(server.twilio, call_sid="CA" + "3" * 32, parameters={"To": "+911155"}) as phone:
        heard_ms = await phone.until_heard(after_ms=0)
        words = await hear(phone, ears, from_ms=heard_ms, then_within_s=1.0)
    assert "welcome to our berlin desk" in words and words.endswith("how can we help")
    assert await counted(server, made, "sounding:EspeakHindi") == before
    assert await counted(server, "bridge_tts_cache_total", "sounding:EspeakHindi") > before
    assert "sounding:EspeakHindi: Hindi" in server.log and "voices        hibari: English" in server.log
