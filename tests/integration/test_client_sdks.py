"""Applications written for hosted services call the bridge with the SDKs of those: real models, human recordings."""

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from integration.client_sdks import (
    application,
    needs_node_sdks,
    needs_python_sdks,
    needs_twilio_application,
    needs_wyoming,
    of_type,
    run,
)
from integration.hearing import ask, hear, transcribe
from integration.recordings import normal, prompt
from integration.server import Server, serve
from integration.sip_peers import free_port

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.api import Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode, encode, silence
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "s3cret"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked() -> AsyncIterator[Server]:
    async with serve(env={"BRIDGE_API_TOKEN": KEY}) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured() -> AsyncIterator[Server]:
    """OpenAI's SDK for JavaScript speaks TLS alone."""
    async with serve("--generate-self-signed-cert", env={"BRIDGE_API_TOKEN": KEY}) as server:
        yield server


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence over the telephone, and two seconds of silence."""
    path = tmp_path_factory.mktemp("recording") / "leader.ul"
    path.write_bytes(prompt("conf-waitforleader").mulaw + silence(Encoding.MULAW, 16_000))
    return path


@needs_python_sdks
async def test_deepgrams_sdk_for_python_is_told_what_was_said(locked: Server, recording: Path) -> None:
    told = await run("deepgram_client.py", locked.address, KEY, str(recording))
    results = of_type(told, "Results")
    [final] = [one for one in results if one["is_final"] and one["channel"]["alternatives"][0]["transcript"]]
    heard = final["channel"]["alternatives"][0]
    assert normal(heard["transcript"]) == normal(prompt("conf-waitforleader").text)
    assert final["speech_final"]
    assert [word["word"] for word in heard["words"]][-2:] == ["leader", "arrives"]
    assert all(word["start"] < word["end"] <= 3.0 for word in heard["words"])
    assert any(not one["is_final"] for one in results), "no interim result"
    kinds = [message["type"] for message in told]
    assert kinds[0] == "SpeechStarted" and kinds[-2:] == ["Metadata", "closed"]
    assert kinds.count("UtteranceEnd") == 1 and kinds.index("UtteranceEnd") > told.index(final)
    assert results[-1]["from_finalize"]


@needs_python_sdks
async def test_deepgrams_sdk_without_the_key_stays_outside(locked: Server, recording: Path) -> None:
    assert await run("deepgram_client.py", locked.address, "wrong", str(recording)) == [
        {"type": "refused", "status": 401}
    ]


@needs_node_sdks
async def test_deepgrams_sdk_for_javascript_is_told_what_was_said(locked: Server, recording: Path) -> None:
    told = await run("deepgram_client.mjs", locked.address, KEY, str(recording))
    finals = [one["channel"]["alternatives"][0]["transcript"] for one in of_type(told, "Results") if one["is_final"]]
    assert normal(" ".join(finals)) == normal(prompt("conf-waitforleader").text)
    assert told[-1] == {"type": "closed", "code": 1000}


@needs_python_sdks
async def test_openais_sdk_for_python_speaks_with_the_bot(
    locked: Server, recording: Path, tmp_path: Path, ears: WhisperAsr
) -> None:
    answer = tmp_path / "answer.ul"
    told = await run("realtime_client.py", locked.address, KEY, str(recording), str(answer))
    kinds = [message["type"] for message in told]
    assert kinds[:3] == ["session.created", "error", "session.updated"]
    assert told[1]["error"]["param"] == "session.tools"
    [started] = of_type(told, "input_audio_buffer.speech_started")
    [stopped] = of_type(told, "input_audio_buffer.speech_stopped")
    assert 3900 < started["audio_start_ms"] < 4600 and 1900 < stopped["audio_end_ms"] - started["audio_start_ms"] < 3000
    [understood] = of_type(told, "conversation.item.input_audio_transcription.completed")
    sentence = prompt("conf-waitforleader").text
    assert normal(understood["transcript"]) == normal(sentence)
    deltas = of_type(told, "conversation.item.input_audio_transcription.delta")
    assert understood["transcript"].startswith("".join(delta["delta"] for delta in deltas))
    greeting, reply = [done["response"] for done in of_type(told, "response.done")]
    assert [greeting["status"], reply["status"]] == ["completed", "completed"]
    [item] = reply["output"]
    said = item["content"][0]["transcript"]
    assert normal(said).endswith(normal(sentence))
    audio = decode(answer.read_bytes(), Encoding.MULAW)
    assert 3.0 < len(audio) / 8000 < 12.0 and 0.02 < float(np.sqrt((audio**2).mean())) < 0.4
    heard = normal(await transcribe(ears, answer.read_bytes()))
    assert "leader arrives" in heard, heard


@needs_node_sdks
async def test_openais_sdk_for_javascript_pushes_to_talk_and_reads_what_was_said(
    secured: Server, recording: Path
) -> None:
    told = await run("realtime_client.mjs", secured.address, KEY, str(recording))
    assert told[0]["type"] == "session.created" and told[0]["session"]["type"] == "transcription"
    [understood] = of_type(told, "conversation.item.input_audio_transcription.completed")
    assert normal(understood["transcript"]) == normal(prompt("conf-waitforleader").text)
    assert not of_type(told, "input_audio_buffer.speech_started") and not of_type(told, "failed")


@needs_node_sdks
async def test_openais_sdk_for_javascript_writes_and_asks_for_a_reply(secured: Server, recording: Path) -> None:
    told = await run("realtime_client.mjs", secured.address, KEY, str(recording), "talk")
    done = [message["response"] for message in of_type(told, "response.done")]
    assert "good morning" in normal(done[-1]["output"][0]["content"][0]["transcript"])
    played = sum(message["delta"] for message in of_type(told, "response.output_audio.delta"))
    assert 8000 < played < 80_000 and not of_type(told, "failed")


@needs_wyoming
async def test_home_assistants_package_has_a_file_written_down_and_a_text_said(
    tmp_path: Path, ears: WhisperAsr
) -> None:
    said, wav, answer = prompt("conf-waitforleader"), tmp_path / "said.wav", tmp_path / "answer.pcm"
    save_wav(wav, said.audio, 8000)
    port = free_port()
    async with serve("--wyoming-port", str(port)) as server:
        told = await run("wyoming_client.py", "127.0.0.1", str(port), str(wav), str(answer))
        await server.logged("over wyoming")
    assert [each["type"] for each in told] == [
        *("info", "transcript-start", "transcript-chunk", "transcript", "said", "refused"),
    ]
    assert told[0]["languages"] == ["en"] and told[0]["voices"]
    assert normal(told[3]["text"]) == normal(said.text) == normal(told[2]["text"])
    assert told[4]["rate"] == 24_000 and "tlh" in told[5]["text"]
    audio = resample_whole(decode(answer.read_bytes(), Encoding.L16), 24_000, 16_000)
    hypothesis = await ears.decode(Request(audio, final=True))
    assert "museum opens" in normal(hypothesis.text)


@needs_python_sdks
async def test_openais_sdk_posts_a_file_and_a_text(locked: Server, tmp_path: Path, ears: WhisperAsr) -> None:
    said, wav, answer = prompt("conf-waitforleader"), tmp_path / "said.wav", tmp_path / "answer.pcm"
    save_wav(wav, said.audio, 8000)
    told = await run("audio_client.py", locked.address, KEY, str(wav), str(answer))
    assert [message["type"] for message in told] == [
        "json",
        "verbose",
        "transcript.text.delta",
        "transcript.text.done",
        "refused",
    ]
    assert {normal(told[index]["text"]) for index in (0, 1, 3)} == {normal(said.text)}
    assert told[1]["duration"] == pytest.approx(said.seconds, abs=0.01)
    assert normal(" ".join(told[1]["words"])) == normal(said.text)
    assert told[4]["status"] == 400 and "speed" in told[4]["message"]
    audio = resample_whole(decode(answer.read_bytes(), Encoding.L16), 24_000, 16_000)
    heard = normal((await ears.decode(Request(audio, final=True))).text)
    assert "museum opens at nine" in heard and "early" in heard


async def test_curl_posts_what_the_documents_say(locked: Server, tmp_path: Path) -> None:
    wav, said = tmp_path / "said.wav", prompt("conf-waitforleader")
    save_wav(wav, said.audio, 8000)
    key, url = f"Authorization: Bearer {KEY}", f"http://{locked.address}/v1/audio"
    form = ("-F", f"file=@{wav}", "-F", "model=whisper-1", "-F", "response_format=vtt")
    vtt = await curl("-H", key, *form, f"{url}/transcriptions")
    assert vtt.startswith(b"WEBVTT\n\n00:00:00.") and normal(said.text) in normal(vtt.decode().splitlines()[3])
    body = '{"model": "tts-1", "voice": "alloy", "input": "Good morning.", "response_format": "wav"}'
    spoken = await curl("-H", key, "-H", "Content-Type: application/json", "-d", body, f"{url}/speech")
    assert spoken[:4] == b"RIFF" and 24_000 < len(spoken) < 150_000
    refused = json.loads(await curl("-F", f"file=@{wav}", f"{url}/transcriptions"))
    assert refused["error"]["code"] == "invalid_api_key"


def save_wav(path: Path, audio: Samples, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(encode(audio, Encoding.L16))


async def curl(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec("curl", "-sS", *arguments, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


@pytest.mark.slow
@needs_twilio_application
async def test_a_public_application_connects_a_telephone_call_with_the_bot(locked: Server, ears: WhisperAsr) -> None:
    async with (
        application("twilio_realtime.py", locked.address, KEY) as home,
        dial(f"ws://{home}/media-stream") as phone,
    ):
        heard_ms = await phone.until_heard(after_ms=0)
        greeting = await hear(phone, ears, from_ms=heard_ms, then_within_s=1.0)
        assert "say something and i will repeat it" in greeting and "say hello to the user" in greeting
        heard_ms = await ask(phone, within_s=10)
        answer = await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
        assert answer.startswith("you said") and "conference is full" in answer, answer
        await phone.say(prompt("conf-waitforleader").mulaw)
        await phone.until_heard(after_ms=phone.now_ms)
        await phone.say(prompt("agent-alreadyon").mulaw)  # over the bot, which gives way
        heard_ms = await phone.until_heard(after_ms=phone.now_ms)
        answer = await hear(phone, ears, from_ms=heard_ms, then_within_s=0.8)
        assert "already" in answer, answer
