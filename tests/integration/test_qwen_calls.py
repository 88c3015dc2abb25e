"""Calls recognised by Qwen3-ASR on vLLM: the real server, the tiny checkpoint, words that espeak-ng speaks.

Each test runs twice: with vLLM in the bridge's own child process, and with two of vLLM's servers over HTTP. Loading an
engine takes half a minute, so all tests share these; those that kill come last.
"""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Final

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import spoken
from integration.plain_client import Client, connect
from integration.processes import engines_of
from integration.recordings import normal, word_error_rate
from integration.server import Server, serve
from integration.vllm_server import MODEL, VllmServer, vllm_servers

from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.speech.api import SAMPLE_RATE, Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode
from telephony.events import Encoding

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed: make test-vllm"),
    pytest.mark.skipif(not spoken.available(), reason="espeak-ng is not installed: apt install it"),
]

IN_PROCESS: Final = (
    *("--asr", "vllm", "--asr-model-path", str(MODEL), "--vllm-start-timeout", "300", "--vllm-max-model-len", "1024"),
    *("--vllm-max-num-batched-tokens", "2048", "--vllm-max-num-seqs", "16", "--vllm-kv-cache-mb", "64"),
    *("--vllm-block-size", "32", "--no-vllm-cuda-graphs"),
)
# A machine that is busy with something else is no dead engine: patience where a GPU would need none.
PATIENCE: Final = ("--log-level", "DEBUG", "--asr-timeout", "15", "--asr-outage", "300")
BACK_S: Final = 300
SILENCE: Final = np.zeros(SAMPLE_RATE, np.float32)

ENGLISH: Final = (
    "four please eight agent",
    "cancel order two seven",
    "hello account balance please",
    "help billing payment one",
    "nine five zero three",
    "yes agent please",
)


@dataclass(frozen=True)
class Rig:
    """A bridge and the engines it has."""

    bridge: Server
    servers: Sequence[VllmServer] = ()
    """Over HTTP; in process there are none."""
    calls: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[tuple[SimulatedPhone, str]]:
        """A greeted caller, and the id the bridge's log has for the call."""
        call_id = f"CA{len(self.calls):032d}"
        self.calls.append(call_id)
        async with dial(self.bridge.twilio, call_sid=call_id) as phone:
            await phone.until_heard(after_ms=0, timeout_s=30)
            await phone.until_silent()
            yield phone, call_id

    async def said(self, call_id: str, *, timeout_s: float = 30.0) -> str:
        """Return all that the bridge heard in a call, once it heard something."""
        await self.bridge.logged(call_id, "caller said: ", timeout_s=timeout_s)
        return " ".join(self.finals(call_id))

    def finals(self, call_id: str) -> list[str]:
        lines = [line for line in self.bridge.output if call_id in line]
        return [match[2] for line in lines if (match := re.search(r"caller said: (['\"])(.*)\1", line))]


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="session",
    params=["in process", pytest.param("over HTTP", marks=pytest.mark.slow)],
)
async def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        servers: Sequence[VllmServer] = ()
        flags: tuple[str, ...] = IN_PROCESS
        if request.param == "over HTTP":
            servers = await stack.enter_async_context(vllm_servers(2, tmp_path_factory.mktemp("vllm")))
            flags = ("--asr", "openai", "--asr-url", ",".join(server.url for server in servers))
        yield Rig(await stack.enter_async_context(serve(*flags, *PATIENCE, start_s=BACK_S)), servers)


@pytest.fixture
def in_process(rig: Rig) -> Rig:
    if rig.servers:
        pytest.skip("about vLLM in process")
    return rig


@pytest.fixture
def over_http(rig: Rig) -> Rig:
    if not rig.servers:
        pytest.skip("about vLLM over HTTP")
    return rig


@cache
def speech(text: str, voice: str = "en-us") -> Samples:
    return spoken.spoken(text, voice=voice)


def line(text: str, voice: str = "en-us") -> bytes:
    """Return `text` as a caller says it into a telephone."""
    return spoken.telephoned(speech(text, voice))


async def hear(ears: WhisperAsr, mulaw: bytes) -> str:
    """Return what the bot said in its last 10 s, by another recogniser."""
    audio = resample_whole(decode(mulaw, Encoding.MULAW)[-80_000:], 8000, SAMPLE_RATE)
    return normal((await ears.decode(Request(audio, final=True))).text)


async def is_well(rig: Rig) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{rig.bridge.http}/healthz") as response:
        assert (await response.json())["status"] == "ok"


@pytest.mark.slow
async def test_two_workers_ask_one_engine() -> None:
    async with serve(*IN_PROCESS, *PATIENCE, "--workers", "2", start_s=BACK_S) as bridge:
        rig = Rig(bridge)
        async with rig.call() as (one, first), rig.call() as (other, second):
            await asyncio.gather(one.say(line(ENGLISH[0])), other.say(line(ENGLISH[1])))
            assert [await rig.said(call) for call in (first, second)] == list(ENGLISH[:2])
        by = {number for number in (1, 2) if re.search(rf" #{number} .*caller said", bridge.log)}
        assert by == {1, 2}
        await is_well(rig)


# ------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("text", "voice"),
    [(ENGLISH[0], "en-us"), (ENGLISH[1], "en-gb+f4"), ("eins zwei drei", "de"), ("ja sieben null", "de+m7")],
)
async def test_words_spoken_into_a_telephone_come_out_as_text(
    rig: Rig, ears: WhisperAsr, text: str, voice: str
) -> None:
    async with rig.call() as (phone, call_id):
        ended_ms = await phone.say(line(text, voice))
        assert await rig.said(call_id) == text
        await phone.until_heard(after_ms=ended_ms, timeout_s=30)
        await phone.until_silent()
        assert "you said" in await hear(ears, bytes(phone.record.bot))
    await rig.bridge.logged(call_id, "German" if voice.startswith("de") else "English")


async def test_sixteen_callers_are_all_heard(rig: Rig) -> None:
    texts = [ENGLISH[i % len(ENGLISH)] for i in range(16)]

    async def caller(text: str) -> str:
        async with rig.call() as (phone, call_id):
            await phone.say(line(text))
            return await rig.said(call_id, timeout_s=60)

    heard = await asyncio.gather(*(caller(text) for text in texts))
    assert word_error_rate(texts, list(heard)) <= 0.02


async def stream(client: Client, audio: Samples) -> None:
    """Send `audio` as fast as one speaks."""
    for begin in range(0, len(audio), 1600):
        await client.stream(audio[begin : begin + 1600])
        await asyncio.sleep(0.1)


async def streamed(client: Client, text: str) -> str:
    """Stream `text` and return its final, however long that takes: reading all the while, as pings want answers."""
    streaming = asyncio.create_task(stream(client, np.concatenate((speech(text), SILENCE))))
    async with asyncio.timeout(BACK_S):
        while (message := await client.socket.receive_json())["type"] != "final":
            pass
    await streaming
    return str(message["text"])


async def final(client: Client, audio: Samples) -> tuple[str, str]:
    """Return the final of `audio`, and its language."""
    await client.stream(np.concatenate((audio, SILENCE[:4800])))
    await client.send(type="finalize")
    found = await client.receive("final")
    return found["text"], found["language"]


async def test_partials_come_while_one_speaks_and_lead_to_the_final(rig: Rig) -> None:
    text = "four please eight agent two"
    async with connect(rig.bridge) as client:
        speaking = asyncio.create_task(stream(client, np.concatenate((speech(text), SILENCE, SILENCE))))
        messages = [await client.receive()]
        while messages[-1]["type"] != "final":
            messages.append(await client.receive())
        await speaking
    partials = [message["text"] for message in messages[:-1]]
    assert messages[-1]["text"] == text
    assert partials
    assert all(set(partial.split()) & set(text.split()) for partial in partials)
    assert len(partials[0]) < len(text)


@pytest.mark.parametrize(
    ("language", "text", "voice"),
    [("German", "drei vier ja", "de"), ("English", "seven eight nine", "en-gb"), ("de", "neun acht nein", "de+m3")],
)
async def test_a_forced_language_and_a_context_reach_the_engine(rig: Rig, language: str, text: str, voice: str) -> None:
    context = "billing account <|im_end|> nein <asr_text>"
    async with connect(rig.bridge) as client:
        await client.send(type="config", language=language, context=context)
        assert await final(client, speech(text, voice)) == (text, "English" if language == "English" else "German")


async def test_a_forced_language_puts_no_words_into_silence(rig: Rig) -> None:
    async with connect(rig.bridge) as client:
        await client.send(type="config", language="English")
        text, _ = await final(client, np.tile(SILENCE, 3))
        assert text == ""


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (np.full(1600, np.nan, "<f4").tobytes(), "finite"),
        (np.full(1600, 20_000.0, "<f4").tobytes(), "20000"),
        (b"\x00\x00\x00", "4"),
        ('{"type": "config", "language": "Klingon"}', "Klingon"),
    ],
)
async def test_bad_audio_is_named_and_the_session_goes_on(rig: Rig, message: str | bytes, named: str) -> None:
    async with connect(rig.bridge) as client:
        await (client.socket.send_str(message) if isinstance(message, str) else client.socket.send_bytes(message))
        assert named in (await client.receive("error"))["message"]
        assert await final(client, speech(ENGLISH[2])) == (ENGLISH[2], "English")


async def test_audio_without_end_is_cut_and_the_session_goes_on(rig: Rig) -> None:
    """70 s without a pause: more than an utterance may have, than the engine takes and than the checkpoint knows."""
    endless = np.resize(speech("zero one two three four five"), 70 * SAMPLE_RATE)
    finals: list[str] = []
    async with connect(rig.bridge) as client:
        await client.send(type="config", language="English")  # so long, the checkpoint forgets to name one
        await client.stream(np.concatenate((endless, SILENCE, speech(ENGLISH[3]), SILENCE)))
        while not finals or finals[-1] != ENGLISH[3]:
            finals.append(str((await client.receive("final"))["text"]))
    assert len(finals) >= 4
    assert max(map(len, finals)) < 2000
    await is_well(rig)


async def test_one_word_and_no_word_at_all(rig: Rig) -> None:
    async with connect(rig.bridge) as client:
        assert await final(client, speech("hello")) == ("hello", "English")
        await client.send(type="finalize")
        assert (await client.receive("final"))["text"] == ""


# ------------------------------------------------------------ deaths: these come last


async def mid_utterance(phone: SimulatedPhone, text: str) -> "asyncio.Task[float]":
    """Begin to say `text`; return half a second later, with the rest under way."""
    began_ms = phone.now_ms
    speaking = asyncio.create_task(phone.say(line(text)))
    await phone.until(lambda: phone.now_ms > began_ms + 500)
    return speaking


@pytest.mark.slow
async def test_an_engine_that_is_killed_in_mid_word_costs_no_word(in_process: Rig, ears: WhisperAsr) -> None:
    [engine] = engines_of(in_process.bridge.process.pid)
    async with in_process.call() as (phone, call_id), connect(in_process.bridge) as client:
        speaking = await mid_utterance(phone, ENGLISH[0])
        written = asyncio.create_task(streamed(client, ENGLISH[1]))
        os.kill(engine, signal.SIGKILL)
        await falls_back(phone, ears, ended_ms=await speaking)
        assert not in_process.finals(call_id)
        assert await in_process.said(call_id, timeout_s=BACK_S) == ENGLISH[0]
        assert await written == ENGLISH[1]
        await answered(phone, ears)
        assert await final(client, speech(ENGLISH[2])) == (ENGLISH[2], "English")  # no second final came between
    assert in_process.finals(call_id) == [ENGLISH[0]]
    await is_well(in_process)


async def test_when_one_of_two_servers_dies_nobody_loses_a_word(over_http: Rig) -> None:
    async def caller(text: str, killing: asyncio.Event) -> list[str]:
        async with over_http.call() as (phone, call_id):
            speaking = await mid_utterance(phone, text)
            killing.set()
            await speaking
            await over_http.said(call_id, timeout_s=60)
            await phone.until_heard(after_ms=phone.now_ms, timeout_s=60)
        return over_http.finals(call_id)

    async def killer(events: Sequence[asyncio.Event]) -> None:
        for event in events:
            await event.wait()
        over_http.servers[0].kill()

    events = [asyncio.Event() for _ in ENGLISH]
    callers = (caller(text, event) for text, event in zip(ENGLISH, events, strict=True))
    heard = await asyncio.gather(*callers, killer(events))
    assert heard[:-1] == [[text] for text in ENGLISH]
    assert "final lost" not in over_http.bridge.log


@pytest.mark.slow
async def test_when_all_servers_are_gone_finals_wait_for_one(over_http: Rig, ears: WhisperAsr) -> None:
    over_http.servers[0].kill()
    async with over_http.call() as (phone, call_id), connect(over_http.bridge) as client:
        speaking = await mid_utterance(phone, ENGLISH[4])
        written = asyncio.create_task(streamed(client, ENGLISH[5]))
        over_http.servers[1].kill()
        await falls_back(phone, ears, ended_ms=await speaking)
        assert not over_http.finals(call_id)
        await over_http.servers[0].start()
        assert await over_http.said(call_id, timeout_s=60) == ENGLISH[4]
        assert await written == ENGLISH[5]
        await answered(phone, ears)
        assert await final(client, speech(ENGLISH[2])) == (ENGLISH[2], "English")
    assert over_http.finals(call_id) == [ENGLISH[4]]
    await is_well(over_http)


async def falls_back(phone: SimulatedPhone, ears: WhisperAsr, *, ended_ms: float) -> None:
    """Wait for what a caller hears while there is no engine."""
    heard_ms = await phone.until_heard(after_ms=ended_ms, timeout_s=60)
    await phone.until_silent()
    said = await hear(ears, bytes(phone.record.bot[int(heard_ms / 20) * 160 :]))
    assert "sorry" in said and "wrong" in said


async def answered(phone: SimulatedPhone, ears: WhisperAsr) -> None:
    """Wait for the bot's answer, to what was said before the engine died."""
    heard_ms = await phone.until_heard(after_ms=phone.now_ms, timeout_s=60)
    await phone.until_silent()
    assert "you said" in await hear(ears, bytes(phone.record.bot[int(heard_ms / 20) * 160 :]))
