"""Applications written for hosted services call the bridge with the SDKs of those: real models, human recordings."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from integration.client_sdks import needs_node_sdks, needs_python_sdks, of_type, run
from integration.recordings import normal, prompt
from integration.server import Server, serve

from telephony.codec import silence
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "s3cret"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked() -> AsyncIterator[Server]:
    async with serve(env={"BRIDGE_API_TOKEN": KEY}) as server:
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
