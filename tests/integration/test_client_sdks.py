"""Applications written for hosted services call the bridge with the SDKs of those: real models, human recordings."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from integration.client_sdks import needs_node_sdks, needs_python_sdks, of_type, run
from integration.hearing import transcribe
from integration.recordings import normal, prompt
from integration.server import Server, serve

from bridge.speech.backends.whisper import WhisperAsr
from telephony.codec import decode, silence
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
