"""A whole call over each carrier's stream, as `bridge call --wire NAME` makes it: the real server, the real models."""

import asyncio

import pytest
from integration.hearing import hear_out, too_busy, transcribe
from integration.recordings import normal, prompt
from integration.server import Server

from bridge.commands.phone.carrier_lines import CALLED_AS
from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_over_every_carrier_the_bot_greets_hears_and_answers(server: Server, ears: WhisperAsr) -> None:
    said = prompt("conf-waitforleader")
    at_once = asyncio.Semaphore(3)  # what is asked here is in time; all ten begin to speak in the same moment

    async def call(number: int, wire: str) -> tuple[bytes, bytes]:
        url = f"ws://{server.address}{CALLED_AS[wire].path}"
        about = {"From": "+4915", "To": "+4930"}
        sid = f"CA{900 + number:032d}"
        async with at_once, dial(url, wire=wire, call_sid=sid, parameters=about) as phone:
            _, greeting = await hear_out(phone, after_ms=0)
            ended_ms = await phone.say(said.mulaw)
            heard_ms, answer = await hear_out(phone, after_ms=ended_ms)
            await phone.press("5")
            assert heard_ms - ended_ms < 3000 or too_busy(phone.record)
            assert phone.record.count("mark") > 1 or wire in {"genesys", "audiocodes", "azure"}
            assert not phone.record.count("gap") or too_busy(phone.record)
        return greeting, answer

    wires = [wire for wire in CALLED_AS if wire != "twilio"]
    heard = await asyncio.gather(*(call(number, wire) for number, wire in enumerate(wires)))
    for number, (greeting, answer) in enumerate(heard):
        assert "repeat" in normal(await transcribe(ears, greeting)), wires[number]
        assert normal(await transcribe(ears, answer)) == normal(f"You said {said.text}"), wires[number]
        await server.logged(f"CA{900 + number:032d}", f"over {wires[number]}")
        await server.logged(f"CA{900 + number:032d}", "call ended")
