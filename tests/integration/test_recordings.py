"""Recordings of real calls over the Twilio wire."""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import sys
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from integration.hearing import hear_out, too_busy, transcribe
from integration.recordings import normal, prompt, word_error_rate
from integration.s3 import available, s3
from integration.server import Server, serve
from integration.sip_peers import fits

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.api import Samples
from bridge.speech.backends.whisper import WhisperAsr
from telephony.codec import decode, encode
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="session")

Side = npt.NDArray[np.int16]


def options(folder: Path) -> dict[str, str]:
    return {"BRIDGE_RECORDS": f"sqlite:///{folder / 'calls.db'}", "BRIDGE_STATE_DIR": str(folder / "state")}


def sides(path: Path) -> tuple[Side, Side]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def floats(side: Side) -> Samples:
    return (side / np.float32(32768)).astype(np.float32)


def mulaw(side: Side) -> bytes:
    return encode(floats(side), Encoding.MULAW)


def loud_ms(samples: Samples) -> int:
    frames = np.abs(samples[: len(samples) // 160 * 160].reshape(-1, 160)).max(axis=1)
    return int((frames > 0.02).sum()) * 20


async def recorded(folder: Path) -> Path:
    """Return the one recording in `folder`."""
    [path] = await asyncio.to_thread(lambda: list(folder.glob("*/*.wav")))
    return path


async def test_a_call_with_a_barge_in_is_recorded_as_both_sides_heard_it(tmp_path: Path, ears: WhisperAsr) -> None:
    said, over = prompt("conf-waitforleader"), prompt("conf-full")
    folder = tmp_path / "recordings"
    async with serve("--record-calls", str(folder), env=options(tmp_path)) as server:
        async with dial(server.twilio) as phone:
            await hear_out(phone, after_ms=0)
            ended_ms = await phone.say(said.mulaw)
            await phone.until_heard(after_ms=ended_ms)
            await asyncio.sleep(0.8)  # the bot is in the middle of its answer
            ended_ms = await phone.say(over.mulaw)
            await hear_out(phone, after_ms=ended_ms)
        await server.logged("call ended")
        path = await recorded(folder)
        entries = await _entries(tmp_path / "calls.db")
    left, right = await asyncio.to_thread(sides, path)
    heard = decode(bytes(phone.record.bot), Encoding.MULAW)
    assert path.stat().st_mode & 0o777 == 0o600
    assert entries["path"] == str(path)
    assert entries["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert word_error_rate([f"{said.text} {over.text}"], [await transcribe(ears, mulaw(left))]) < 0.2
    played = (heard * 32767).astype("<i2")
    for one, other in (right, played), (played, right):  # nothing is missing, and nothing more is there
        assert np.mean(np.array(fits(one, other)) > 0.9) > 0.9
    assert abs(loud_ms(floats(right)) - loud_ms(heard)) <= 300 or too_busy(phone.record)
    assert abs(len(left) / 8 - len(phone.record.caller) / 8) < 1000


async def test_a_recording_can_be_played_after_the_server_was_killed(tmp_path: Path, ears: WhisperAsr) -> None:
    said = prompt("conf-waitforleader")
    folder = tmp_path / "recordings"
    async with (
        serve("--record-calls", str(folder), env=options(tmp_path), code=None) as server,
        dial(server.twilio) as phone,
    ):
        await hear_out(phone, after_ms=0)
        await phone.say(said.mulaw)
        await asyncio.sleep(1.5)
        lasted_ms = phone.now_ms
        server.stop(signal.SIGKILL)
        await server.process.wait()
    left, _ = await asyncio.to_thread(sides, await recorded(folder))
    assert len(left) / 8 > lasted_ms - 2500
    assert normal(await transcribe(ears, mulaw(left))) == normal(said.text)


async def test_the_announcement_is_heard_and_a_caller_who_does_not_agree_is_not_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    flags = ("--record-calls", str(folder), "--record-consent", "key:1", "--record-consent-text", "Press one to agree.")
    async with serve(*flags, env=options(tmp_path)) as server:
        async with dial(server.twilio) as phone:
            await hear_out(phone, after_ms=0)
        await server.logged("call ended")
        assert not [name for _, _, files in os.walk(folder) for name in files]
        assert (await _entries(tmp_path / "calls.db"))["failure"] == "the caller did not press 1"
        async with dial(server.twilio) as phone:
            await hear_out(phone, after_ms=0)
            await phone.press("1")
            await phone.say(prompt("conf-full").mulaw)
        await server.logged("call ended")
        await _told(server, 2)
    left, right = await asyncio.to_thread(sides, await recorded(folder))
    assert loud_ms(floats(left)) > 500
    assert not np.abs(right[: 8 * 1000]).any()


@pytest.mark.skipif(not available(), reason="moto's server is not installed: make tools-s3")
async def test_a_recording_reaches_a_bucket_that_was_down_after_the_server_was_killed_too(tmp_path: Path) -> None:
    place = ("--record-calls", "s3://calls/eu")
    with s3() as bucket:
        env = {**options(tmp_path), **bucket.environment}
        async with serve(*place, env=env, code=None) as server:
            async with dial(server.twilio) as phone:
                await hear_out(phone, after_ms=0)
            told = await _entries(tmp_path / "calls.db")
            await server.logged("cannot be uploaded", timeout_s=60)
            server.stop(signal.SIGKILL)
            await server.process.wait()
        await asyncio.to_thread(bucket.start)
        async with serve(*place, env=env):
            key = await bucket.until_there()
        body = await asyncio.to_thread(bucket.body, key)
        assert told["url"] == f"s3://calls/{key}"
        assert told["sha256"] == hashlib.sha256(body).hexdigest()
        assert not [name for _, _, files in os.walk(tmp_path / "state" / "recordings") for name in files]
        deleting = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "records", "delete", Path(key).stem), env={**os.environ, **env}
        )
        assert await deleting.wait() == 0
        assert await asyncio.to_thread(bucket.keys) == []


async def _told(server: Server, calls: int) -> None:
    async with asyncio.timeout(10):
        while sum("call ended" in line for line in server.output) < calls:
            server.more.clear()
            await server.more.wait()


async def _entries(path: Path) -> dict[str, object]:
    """Return what the newest entry of a recording tells, once it is there."""

    def read() -> list[str]:
        with sqlite3.connect(path) as database:
            wanted = "SELECT data FROM entries WHERE kind = 'recording' ORDER BY at DESC"
            return [row[0] for row in database.execute(wanted)]

    async with asyncio.timeout(15):
        while not (found := await asyncio.to_thread(read)):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.1)
    told = json.loads(found[0])
    assert isinstance(told, dict)
    return told
