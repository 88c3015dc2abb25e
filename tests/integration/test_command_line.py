"""`bridge call`, `bridge listen` and the example client against the real server."""

import asyncio
import itertools
import json
import os
import signal
import sys
import wave
from ctypes.util import find_library
from pathlib import Path

import pytest
from integration.recordings import FOLDER, normal, prompt
from integration.server import Server, serve

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]


async def run(*command: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), errors.decode()


async def test_listen_prints_partials_and_finals(server: Server) -> None:
    code, out, _ = await run("-m", "bridge", "listen", str(FOLDER / "conf-waitforleader.wav"), "--url", server.ws)
    assert code == 0
    assert any(line.startswith("partial") for line in out.splitlines())
    finals = [line.removeprefix("final").strip() for line in out.splitlines() if line.startswith("final")]
    assert normal(" ".join(finals)) == normal(prompt("conf-waitforleader").text)


async def test_listen_reads_raw_audio_and_prints_json(server: Server) -> None:
    raw = (prompt("conf-locked").wide * 32767).astype("<i2").tobytes()
    code, out, _ = await run("-m", "bridge", "listen", "-", "--json", "--fast", "--url", server.ws, stdin=raw)
    assert code == 0
    bodies = [json.loads(line) for line in out.splitlines()]
    finals = [body["text"] for body in bodies if body["type"] == "final"]
    assert normal(" ".join(finals)) == "this conference is locked"


async def test_listen_without_a_server_says_so() -> None:
    recording = str(FOLDER / "conf-locked.wav")
    code, _, errors = await run("-m", "bridge", "listen", recording, "--url", "ws://127.0.0.1:9/ws")
    assert code == 1
    assert "127.0.0.1:9" in errors
    assert "Traceback" not in errors


async def test_the_example_client_prints_the_transcript(server: Server, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "wide.wav"), "wb") as recording:
        recording.setparams((1, 2, 16_000, 0, "NONE", ""))
        recording.writeframes((prompt("conf-locked").wide * 32767).astype("<i2").tobytes())
    host, port = server.address.split(":")
    client = ROOT / "examples" / "websocket_client.py"
    code, out, errors = await run(
        str(client), "--host", host, "--port", port, "--audio-file", str(tmp_path / "wide.wav")
    )
    assert code == 0, errors
    assert "final   This conference is locked" in out


async def test_a_self_signed_server_is_reached_as_it_is_typed_first(tmp_path: Path) -> None:
    client, recording = ROOT / "examples" / "websocket_client.py", str(FOLDER / "conf-locked.wav")
    async with serve("--generate-self-signed-cert") as server:
        port = server.address.rpartition(":")[2]
        code, out, errors = await run(str(client), "--host", "localhost", "--port", port, "--audio-file", recording)
        assert code == 0, errors
        assert "final   This conference is locked" in out
        url = f"wss://localhost:{port}/ws"
        code, _, errors = await run("-m", "bridge", "listen", recording, "--url", url)
        assert code == 1 and "self-signed certificate" in errors and "--insecure any" in errors
        code, out, errors = await run("-m", "bridge", "listen", recording, "--url", url, "--insecure", "--fast")
        assert code == 0 and "conference is locked" in out.lower(), errors
        code, _, errors = await run("-m", "bridge", "call", recording, "--url", f"wss://localhost:{port}", "--insecure")
        assert code == 1 and f"give wss://localhost:{port}/twilio/stream" in errors


ALSA = """
pcm.recording {{ type file; slave.pcm "null"; file "/dev/null"; infile "{fifo}"; format "raw" }}
pcm.!default {{ type plug; slave {{ pcm "recording"; format S16_LE; rate 16000; channels 1 }} }}
"""


async def speak(fifo: int, audio: bytes) -> None:
    """Be a microphone: 100 ms of `audio` at a time, then silence for ever."""
    step = 3200
    for at in itertools.count(0, step):
        os.write(fifo, audio[at : at + step].ljust(step, b"\0"))
        await asyncio.sleep(0.1)


@pytest.mark.skipif(not find_library("portaudio"), reason="PortAudio is absent: apt install libportaudio2")
async def test_the_example_client_hears_the_microphone(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("sounddevice", reason="pip install sounddevice")
    os.mkfifo(tmp_path / "microphone")
    fifo = os.open(tmp_path / "microphone", os.O_RDWR)
    (tmp_path / "asound.conf").write_text(ALSA.format(fifo=tmp_path / "microphone"))
    host, port = server.address.split(":")
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(ROOT / "examples" / "websocket_client.py"), "--host", host, "--port", port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{tmp_path / 'asound.conf'}"},
    )
    assert client.stdout and client.stderr
    lines = [(await client.stdout.readline()).decode()]
    saying = asyncio.create_task(speak(fifo, (prompt("conf-locked").wide * 32767).astype("<i2").tobytes()))
    async with asyncio.timeout(90):
        while not lines[-1].startswith("final"):
            lines.append((await client.stdout.readline()).decode())
            assert lines[-1], f"the client ended: {lines}"
        client.send_signal(signal.SIGINT)
        assert await client.wait() == 0
    saying.cancel()
    assert b"Traceback" not in await client.stderr.read()
    os.close(fifo)
    assert lines[0] == "speak; Ctrl-C ends\n"
    assert normal(lines[-1].removeprefix("final")) == normal(prompt("conf-locked").text)


async def test_call_reports_and_saves_the_call(server: Server, tmp_path: Path) -> None:
    recording = str(FOLDER / "conf-waitforleader.wav")
    files = ("--wav", str(tmp_path / "call.wav"), "--json", str(tmp_path / "call.json"))
    code, out, errors = await run("-m", "bridge", "call", recording, "--url", server.twilio, *files)
    assert code in {0, 3}, errors  # 3: this machine is too busy for figures, and the command says so
    assert ("first audio heard" in out) == (code == 0)
    assert "speech-ends" in out
    figures = json.loads((tmp_path / "call.json").read_text())[0]
    assert figures["turns"][0]["heard_ms"] > 0
    assert figures["gaps"] == 0 or code == 3
    assert (tmp_path / "call.wav").stat().st_size > 100_000


@pytest.mark.parametrize(
    "fault", ["malformed", "abrupt", *(pytest.param(fault, marks=pytest.mark.slow) for fault in ("jitter", "gaps"))]
)
async def test_a_bad_line_is_survived(server: Server, tmp_path: Path, fault: str) -> None:
    recording, figures = str(FOLDER / "conf-waitforleader.wav"), tmp_path / "call.json"
    code, _, errors = await run(
        "-m", "bridge", "call", recording, "--url", server.twilio, "--fault", fault, "--json", str(figures)
    )
    assert code in {0, 3}, errors
    turn = json.loads(figures.read_text())[0]["turns"][0]
    assert (turn["heard_ms"] is None) == (fault == "abrupt")


async def test_a_caller_who_is_gone_without_a_word_is_noticed() -> None:
    async with serve("--media-timeout", "2") as server:
        recording = str(FOLDER / "conf-full.wav")
        code, out, errors = await run("-m", "bridge", "call", recording, "--url", server.twilio, "--fault", "no-stop")
    assert code in {0, 3}, errors
    assert "closed" in out


async def test_noise_suppression_leaves_a_clean_call_as_it_is() -> None:
    async with serve("--enable-noise-suppression", "--log-level", "DEBUG") as server:
        recording = str(FOLDER / "conf-waitforleader.wav")
        code, out, _ = await run("-m", "bridge", "listen", recording, "--url", server.ws)
        assert code == 0
        finals = [line.removeprefix("final").strip() for line in out.splitlines() if line.startswith("final")]
        assert normal(" ".join(finals)) == normal(prompt("conf-waitforleader").text)
    assert "DeepFilterNet latency: " in server.log
