"""`vllm serve` itself, on a CPU with the tiny checkpoint and our chat template, asked over HTTP."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from spoken import available, spoken, telephoned

from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, BadRequest, Ended, EngineLost, Request, Samples
from bridge.speech.backends import qwen3
from bridge.speech.backends.openai import OpenAiAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode
from telephony.events import Encoding

ROOT = Path(__file__).parents[4]
MODEL = ROOT / "tests" / "data" / "tiny-qwen3-asr"
TEMPLATE = ROOT / "config" / "qwen3_asr_chat_template.jinja"
OPTIONS = [
    *("--max-model-len", "1024", "--max-num-seqs", "16", "--max-num-queued-reqs", "64"),
    *("--scheduling-policy", "priority", "--limit-mm-per-prompt", '{"audio": 8}', "--enable-prompt-tokens-details"),
    *("--enforce-eager", "--block-size", "32", "--kv-cache-memory-bytes", str(64 << 20)),
]
START_S = 400.0
"""51 s on two idle cores, 223 s on two very busy ones."""

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(480)]


@dataclass(frozen=True)
class Serving:
    url: str
    process: "subprocess.Popen[bytes]"

    def metric(self, name: str) -> float:
        """Return a counter or gauge of the server's."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        (value,) = re.findall(rf"^{re.escape(name)}\{{.*\}} (\S+)$", text, re.MULTILINE)
        return float(value)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # its engine is a process of its own
        self.process.wait()


def command(port: int) -> list[str]:
    # `vllm serve` asks for a distribution named vllm; the CPU build has another name. This is what it would run.
    server = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    where = ["--model", str(MODEL), "--served-model-name", "tiny", "--host", "127.0.0.1", "--port", str(port)]
    return [*server, *where, "--chat-template", str(TEMPLATE), *OPTIONS]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    pytest.importorskip("vllm", reason="vLLM is not installed: make test-vllm installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    log = tmp_path_factory.mktemp("vllm") / "log"
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command(port), stdout=out, stderr=out, env=environ, start_new_session=True)
    server = Serving(f"http://127.0.0.1:{port}", process)
    try:
        until_s = time.monotonic() + START_S
        while not _is_up(server.url):
            if process.poll() is not None or time.monotonic() > until_s:
                pytest.fail(f"vLLM did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.5)
        yield server
    finally:
        server.kill() if process.poll() is None else None


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def load(serving: Serving, **options: str) -> OpenAiAsr:
    (engine,) = OpenAiAsr.from_settings(Settings.model_validate({"asr_url": (serving.url,), **options}))
    return engine


@pytest.fixture
async def asr(serving: Serving) -> AsyncIterator[OpenAiAsr]:
    engine = await asyncio.to_thread(load, serving)
    yield engine
    engine.close()


@cache
def said(text: str, voice: str = "en-us") -> Samples:
    """Return `text` as a telephone brings it: 8 kHz, mu-law, 16 kHz again."""
    if not available():
        pytest.skip("espeak-ng is not installed: make test-vllm installs it")
    return resample_whole(decode(telephoned(spoken(text, voice=voice)), Encoding.MULAW), 8000, SAMPLE_RATE)


def looping(seconds: float) -> Samples:
    """Return more words than the checkpoint was trained on: it goes on and on."""
    return np.resize(said("four please eight agent"), round(seconds * SAMPLE_RATE))


async def test_words_over_the_telephone_come_out_as_text(asr: OpenAiAsr) -> None:
    assert "tiny by chat" in asr.device
    heard = await asr.decode(Request(said("four please eight agent")))
    assert (heard.text, heard.language, heard.ended) == ("four please eight agent", "English", Ended.STOP)
    assert tuple(heard.pieces) == ("four", " please", " eight", " agent")  # the model's own tokens


async def test_a_final_tells_what_is_expected_behind_its_last_word(asr: OpenAiAsr) -> None:
    heard = await asr.decode(Request(said("four please eight agent"), final=True))
    assert heard.text == "four please eight agent"
    assert heard.marks
    assert 0 <= heard.marks.stop < 0.5, "the checkpoint learnt no marks"


async def test_both_languages_are_heard_detected_or_forced(asr: OpenAiAsr) -> None:
    audio = said("eins zwei drei", voice="de")
    for language in None, "German":
        heard = await asr.decode(Request(audio, language=language))
        assert (heard.text, heard.language) == ("eins zwei drei", "German")


async def test_a_prefix_is_continued(asr: OpenAiAsr) -> None:
    audio = said("four please eight agent")
    heard = await asr.decode(Request(audio, prefix="four please", language="English"))
    assert (heard.text, heard.language) == (" eight agent", "English")
    whole = await asr.decode(Request(audio, prefix="four please eight agent", language="English"))
    assert (whole.text, whole.language) == ("", "English")


async def test_a_context_is_taken(asr: OpenAiAsr) -> None:
    heard = await asr.decode(Request(said("seven yes"), context="four agent"))
    assert heard.text == "seven yes"
    # What the checkpoint makes of words that it has no tokens for is its own affair; the server has to take them.
    await asr.decode(Request(said("seven yes"), context="<|im_end|>\n{{ names }}: Zürich, 北京\n\ud800"))


async def test_silence_is_nothing(asr: OpenAiAsr) -> None:
    heard = await asr.decode(Request(np.zeros(SAMPLE_RATE, np.float32)))
    assert (heard.text, heard.language) == ("", "")


async def test_sixteen_callers_at_once_hear_their_own_words(asr: OpenAiAsr) -> None:
    texts = ["four please eight agent", "seven yes", "no two", "one nine three"]
    for text in texts:
        said(text)
    heard = await asyncio.gather(*(asr.decode(Request(said(texts[n % 4]), key=f"call-{n}")) for n in range(16)))
    assert [each.text for each in heard] == [texts[n % 4] for n in range(16)]


async def test_an_utterance_that_grows_is_computed_from_its_last_full_window(asr: OpenAiAsr) -> None:
    audio = looping(26)
    cached = [
        (await asr.decode(Request(audio[: s * SAMPLE_RATE], key="grows", max_new_tokens=4))).cached_tokens
        for s in (7, 9, 17, 19, 25, 26)
    ]
    assert cached[0] < 104 and min(cached[3:]) >= 96  # 8 s are 104 tokens, in blocks of 32
    assert cached[5] >= 192


async def test_windows_that_the_server_has_not_are_sent_again(asr: OpenAiAsr) -> None:
    audio = np.concatenate([np.zeros(7 * SAMPLE_RATE, np.float32), said("seven yes"), np.zeros(8000, np.float32)])
    assert asr._dialect
    first = asr._dialect.say(Request(audio, key="unheard"))
    asr._dialect.accepted(first)  # as if the server had restarted since
    assert asr._dialect.say(Request(audio, key="unheard")).omitted
    lost = await asr.decode(Request(audio, key="unheard"))
    kept = await asr.decode(Request(audio, key="unheard"))
    assert lost.text == kept.text
    assert asr._dialect.say(Request(audio, key="unheard")).omitted  # it still is told once only


async def test_windows_change_nothing_that_is_heard(asr: OpenAiAsr) -> None:
    audio = np.concatenate([np.zeros(6 * SAMPLE_RATE, np.float32), said("four please eight agent")])
    windows = await asr.decode(Request(audio, key="w", language="English"))
    assert asr._profile and asr._profile.windows
    whole = await asr.decode(Request(audio, language="English"))
    assert windows.text == whole.text


async def test_too_long_audio_is_a_bad_request_and_harms_nobody(asr: OpenAiAsr) -> None:
    with pytest.raises(BadRequest, match="400"):
        await asr.decode(Request(looping(90)))
    assert await asr.healthy()
    assert (await asr.decode(Request(said("seven yes")))).text == "seven yes"


async def test_running_out_of_tokens_and_loops_are_told(asr: OpenAiAsr) -> None:
    short = await asr.decode(Request(said("four please eight agent"), language="English", max_new_tokens=2))
    assert (short.text, short.ended) == ("four please", Ended.LENGTH)
    loop = await asr.decode(Request(looping(28), language="English", max_new_tokens=400))
    assert loop.ended is Ended.REPETITION
    assert len(loop.pieces) < 100


async def test_transcriptions_of_the_same_server(serving: Serving) -> None:
    asr = await asyncio.to_thread(load, serving, asr_api="transcriptions")
    # With a context only: without one vLLM leaves the system turn out, which the checkpoint has never seen.
    heard = await asr.decode(Request(said("eins zwei drei", voice="de"), language="German", context="hotel"))
    assert (heard.text, heard.language) == ("eins zwei drei", "German")
    untold = await asr.decode(Request(said("seven yes"), context="hotel"))
    assert (untold.text, untold.language) == ("seven yes", "English")
    asr.close()


async def test_a_cancelled_decode_leaves_the_engine(asr: OpenAiAsr, serving: Serving) -> None:
    before = await generated(serving)
    await endless(asr)
    whole = await generated(serving) - before
    assert whole > 200
    decodes = [asyncio.create_task(endless(asr)) for _ in range(4)]
    await reaches(serving, 4)
    for task in decodes:
        task.cancel()
    await reaches(serving, 0)
    assert await generated(serving) - before - whole < 2 * whole  # and not four times as many
    assert all(task.cancelled() for task in decodes)


async def test_a_server_that_is_killed_is_lost_at_once(asr: OpenAiAsr, serving: Serving) -> None:
    """The last that asks this server."""
    decode = asyncio.create_task(endless(asr))
    await reaches(serving, 1)
    killed_s = time.monotonic()
    serving.kill()
    with pytest.raises(EngineLost, match=r"127\.0\.0\.1"):
        await decode
    assert time.monotonic() - killed_s < 2
    assert not await asr.healthy()
    with pytest.raises(EngineLost):
        await asr.decode(Request(looping(1)))


async def endless(asr: OpenAiAsr) -> None:
    """Have so much decoded that it takes seconds."""
    assert asr._dialect
    asr._dialect._extras -= {"repetition_detection"}
    await asr.decode(Request(looping(20), language="English", max_new_tokens=700))


async def generated(serving: Serving) -> float:
    return await asyncio.to_thread(serving.metric, "vllm:generation_tokens_total")


async def reaches(serving: Serving, running: int) -> None:
    """Wait until the engine has so many decodes in hand."""
    async with asyncio.timeout(20):
        # Another process does it, and has no event of ours.
        while await asyncio.to_thread(serving.metric, "vllm:num_requests_running") != running:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# ------------------------------------------------------------ the template, without a server


@pytest.mark.parametrize("context", ["", "Zürich, <b>北京</b>", "  two\n\nlines  "])
@pytest.mark.parametrize(("language", "prefix"), [(None, ""), ("English", ""), ("German", "ja bitte")])
@pytest.mark.parametrize("windows", [1, 3])
def test_the_template_writes_the_prompt_of_the_model(
    context: str, language: str | None, prefix: str, windows: int
) -> None:
    sandbox = pytest.importorskip("jinja2.sandbox", reason="jinja2 comes with vLLM")
    # As Hugging Face's tokenizers render.
    environment = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    opening = qwen3.opening(language, prefix)
    messages: list[dict[str, object]] = [
        {"role": "system", "content": [{"type": "text", "text": context}]},
        {"role": "user", "content": [{"type": "audio"}] * windows},
    ]
    if opening:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": opening}]})
    rendered = environment.from_string(TEMPLATE.read_text()).render(
        messages=messages, add_generation_prompt=not opening
    )
    expected = qwen3.prompt(windows=windows, context=context, language=language, prefix=prefix)
    assert rendered == expected + ("<|im_end|>\n" if opening else "")  # which continue_final_message cuts off
