"""Clients of the plain WebSocket protocol: the real server, the real models, human recordings."""

import asyncio
import signal
import sys
from contextlib import suppress

import aiohttp
import numpy as np
import pytest
from integration.plain_client import connect
from integration.recordings import normal, prompt, prompts, word_error_rate
from integration.server import Server, serve

from telephony.codec import encode
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENCE = np.zeros(16_000, np.float32)


async def test_the_conversation_of_the_original_document(server: Server) -> None:
    said = prompt("conf-waitforleader")
    async with connect(server) as client:
        await client.send(
            type="config", context="", language=None, unfixed_chunk_num=4, unfixed_token_num=5, chunk_size_sec=1.0
        )
        await client.stream(np.concatenate((said.wide, SILENCE)))
        messages = [await client.receive()]
        while messages[-1]["type"] != "final":
            messages.append(await client.receive())
    partials, final = messages[:-1], messages[-1]
    assert all(set(partial) == {"type", "language", "text", "timestamp"} for partial in partials)
    assert final == {
        "type": "final",
        "language": "English",
        "text": final["text"],
        "timestamp": pytest.approx(final["timestamp"]),
        "is_speech_final": True,
    }
    assert normal(final["text"]) == normal(said.text)
    assert final["timestamp"] > 1.7e9


async def test_partials_come_while_one_speaks(server: Server) -> None:
    said = prompt("agent-alreadyon")
    async with connect(server, "/") as client:
        for i in range(0, len(said.wide), 1600):
            await client.stream(said.wide[i : i + 1600])
            await asyncio.sleep(0.1)
        while not normal((await client.receive("partial"))["text"]).startswith("that agent"):
            pass  # of the first third of a second of speech anything may be heard
        await client.send(type="finalize")
        assert normal(await client.final()).endswith("pound key")


async def test_forty_prompts_are_understood(server: Server) -> None:
    said = prompts(40)
    heard: list[str] = []
    async with connect(server) as client:
        await client.send(type="config", partials=False)
        for line in said:
            await client.stream(line.wide)
            await client.stream(SILENCE[:4800])
            await client.send(type="finalize")
            await asyncio.sleep(0)
            parts = [await client.final()]
            while not parts[-1] or len(" ".join(parts).split()) < len(line.text.split()) // 2:
                await client.send(type="finalize")
                parts.append(await client.final())
                if not parts[-1]:
                    break
            heard.append(" ".join(parts))
    assert word_error_rate([line.text for line in said], heard) <= 0.05


@pytest.mark.parametrize(
    ("encoding", "name", "rate"),
    [(Encoding.L16, "int16", 8000), (Encoding.MULAW, "mulaw", 8000), (Encoding.L16, "int16", 44_100)],
)
async def test_other_encodings_and_rates(server: Server, encoding: Encoding, name: str, rate: int) -> None:
    from bridge.speech.resample import resample_whole

    said = prompt("conf-locked")
    async with connect(server) as client:
        await client.send(type="config", encoding=name, sample_rate=rate)
        await client.stream(resample_whole(said.audio, 8000, rate), encoding=encoding)
        await client.send(type="finalize")
        assert normal(await client.final()) == "this conference is locked"


async def test_a_config_with_a_wrong_field_and_messages_that_cut_samples_cost_no_word(server: Server) -> None:
    said = prompt("conf-locked")
    audio = encode(np.concatenate((SILENCE, said.audio)), Encoding.L16)  # at 8 kHz, so two seconds of silence
    async with connect(server) as client:
        await client.send(type="config", encoding="int16", sample_rate=8000, words=True, chunk_size_sec="often")
        for start in range(0, len(audio), 1601):
            await client.socket.send_bytes(audio[start : start + 1601])
        await client.send(type="finalize")
        errors = [(await client.receive("error"))["message"] for _ in range(2)]
        final = await client.receive("final")
    assert errors[0].startswith("field chunk_size_sec: ") and errors[1].startswith("audio: got 1601 bytes")
    assert normal(final["text"]) == "this conference is locked"
    assert " ".join(word["word"] for word in final["words"]) == final["text"]
    assert 1700 < final["words"][0]["start_ms"] < final["words"][-1]["start_ms"] < 2000 + len(said.audio) // 8


async def test_silence_sends_nothing_and_finalize_an_empty_final(server: Server) -> None:
    async with connect(server) as client:
        await client.stream(np.tile(SILENCE, 5))
        await client.send(type="finalize")
        final = await client.receive()
        assert (final["type"], final["text"], final["is_speech_final"]) == ("final", "", True)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("{not json", "JSON"),
        ("[1]", "object"),
        ('{"type": "dance"}', "type"),
        ('{"type": "config", "chunk_size_sec": "1.0"}', "chunk_size_sec"),
        ('{"type": "config", "chunk_size_sec": -1}', "chunk_size_sec"),
        ('{"type": "config", "unfixed_chunk_num": true}', "unfixed_chunk_num"),
        ('{"type": "config", "unfixed_token_num": 1e9}', "unfixed_token_num"),
        ('{"type": "config", "language": "Hindi"}', "multilingual"),
        ('{"type": "config", "language": 5}', "language"),
        ('{"type": "config", "langauge": "English"}', "langauge"),
        ('{"type": "config", "encoding": "mp3"}', "encoding"),
        ('{"type": "config", "sample_rate": 0}', "sample_rate"),
        (b"\x00\x00\x00", "4"),
        (np.full(160, np.nan, "<f4").tobytes(), "finite"),
        (np.full(160, np.inf, "<f4").tobytes(), "finite"),
        (np.full(160, 12345.0, "<f4").tobytes(), "12345"),
    ],
)
async def test_bad_input_is_named_and_the_session_goes_on(server: Server, message: str | bytes, named: str) -> None:
    async with connect(server) as client:
        await (client.socket.send_str(message) if isinstance(message, str) else client.socket.send_bytes(message))
        error = await client.receive()
        assert error["type"] == "error"
        assert named in error["message"]
        await client.stream(prompt("conf-locked").wide)
        await client.send(type="finalize")
        assert normal(await client.final()) == "this conference is locked"


async def test_what_was_final_stays_final_when_bad_input_follows(server: Server) -> None:
    async with connect(server) as client:
        await client.stream(np.concatenate((prompt("conf-locked").wide, SILENCE)))
        assert normal(await client.final()) == "this conference is locked"
        await client.socket.send_str("garbage")
        assert (await client.receive())["type"] == "error"
        await client.send(type="config")
        assert "config" in (await client.receive())["message"]
        await client.send(type="finalize")
        assert await client.final() == ""


async def test_a_message_over_the_limit_closes_only_its_session(server: Server) -> None:
    async with connect(server) as other:
        async with connect(server) as client:
            await client.socket.send_bytes(bytes(2 * 1024 * 1024))
            assert "1048576" in (await client.receive("error"))["message"]
            with suppress(ConnectionError):  # the server hangs up before all of it is sent
                await client.socket.send_bytes(bytes(5 * 1024 * 1024))
            async with asyncio.timeout(10):
                while not client.socket.closed:
                    await client.socket.receive()
        await other.stream(prompt("conf-locked").wide)
        await other.send(type="finalize")
        assert normal(await other.final()) == "this conference is locked"


async def test_sigterm_gives_pending_finals_before_the_socket_closes() -> None:
    async with serve("--drain-timeout", "0") as server, connect(server) as client:
        await client.stream(prompt("conf-locked").wide)
        await asyncio.sleep(0.5)
        server.stop(signal.SIGTERM)
        assert normal(await client.final()) == "this conference is locked"
        async with asyncio.timeout(5):
            closing = await client.socket.receive()
        assert closing.data == 1001
        assert "shutting down" in (closing.extra or "")


async def test_pages_of_other_sites_may_not_listen_in(server: Server) -> None:
    for headers, allowed in (({"Origin": "https://evil.example"}, False), ({"Origin": server.http}, True)):
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.http}/ws", headers={**headers, **upgrade, **key}) as response,
        ):
            assert response.status == (101 if allowed else 403)


async def test_the_api_token_is_asked_for_when_there_is_one() -> None:
    async with serve(env={"BRIDGE_API_TOKEN": "open-sesame"}) as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connect(server):
                pass
        assert refused.value.status == 401
        for options in (
            {"headers": {"Authorization": "Bearer open-sesame"}},
            {"protocols": ["bearer.open-sesame"]},
        ):
            async with connect(server, **options):
                pass
        async with connect(server, "/ws?token=open-sesame"):
            pass


STUBS = """
import numpy as np
from bridge.speech.api import AsrCapabilities, Hypothesis

class CustomVAD:
    def __init__(self, threshold=0.5, sample_rate=16000):
        self.threshold, self.sample_rate = threshold, sample_rate
    def is_speech(self, audio):
        return 1.0 if float(np.abs(audio).max()) > 0.05 else 0.0

class HindiAsr:
    name = "stub"
    capabilities = AsrCapabilities()
    async def healthy(self): return True
    async def decode(self, request):
        return Hypothesis(["नमस्ते, ", "Spinny car ", "कहाँ से ले सकता हूँ?"], request.language or "Hindi")
    def close(self): pass
"""


async def test_custom_vad_and_recogniser_plug_in_and_devanagari_arrives_unharmed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("stubs")
    (folder / "stubs.py").write_text(STUBS, encoding="utf-8")
    async with (
        serve("--asr", "stubs:HindiAsr", "--vad", "stubs:CustomVAD", cwd=folder) as server,
        connect(server) as client,
    ):
        await client.send(type="config", language="Hindi", context="कार, Spinny")
        await client.stream(np.concatenate((prompt("conf-locked").wide, SILENCE)))
        assert await client.final() == "नमस्ते, Spinny car कहाँ से ले सकता हूँ?"


async def test_a_server_open_to_the_network_does_not_start() -> None:
    async with asyncio.timeout(60):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *"-m bridge serve --host 0.0.0.0 --port 0".split(), stdout=-1, stderr=-1
        )
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"--insecure" in errors


async def test_a_self_signed_certificate_serves_tls() -> None:
    async with serve("--generate-self-signed-cert") as server, aiohttp.ClientSession() as session:
        async with session.get(f"https://{server.address}/healthz", ssl=False) as response:
            assert (await response.json())["status"] == "ok"
        async with session.ws_connect(f"wss://{server.address}/ws", ssl=False) as socket:
            assert (await socket.receive_json())["type"] == "session_created"
