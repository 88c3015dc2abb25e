"""vLLM itself on a CPU, with a tiny trained checkpoint: real words in, real words out, and real deaths."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soxr
from waiting import answered, until

from bot import installing
from bridge.settings import Settings
from bridge.speech.api import (
    SAMPLE_RATE,
    BadRequest,
    DeadlineExceeded,
    Ended,
    EngineFailed,
    EngineLost,
    Hypothesis,
    ModelMissing,
    Overloaded,
    Request,
    Samples,
    SpeechError,
)
from bridge.speech.backends.vllm.engine import VllmAsr, explain
from bridge.speech.backends.vllm.messages import Options

MODEL = Path(__file__).parents[3] / "data" / "tiny-qwen3-asr"
WAIT_S = 240.0
MOST = 24
"""Decodes that the engine under test takes, running and waiting."""

SETTINGS = {
    "asr_model_path": str(MODEL),
    "vllm_cuda_graphs": False,
    "vllm_kv_cache_mb": 64,
    "vllm_block_size": 32,
    "vllm_max_model_len": 1024,
    "vllm_max_num_batched_tokens": 2048,
    "vllm_max_num_seqs": 16,
    "vllm_max_queued": MOST - 16,
    "vllm_start_timeout": WAIT_S,
}

with_vllm = pytest.mark.vllm
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def load(**settings: object) -> VllmAsr:
    pytest.importorskip("vllm", reason="vLLM is not installed: make test-vllm")
    [engine] = VllmAsr.from_settings(Settings.model_validate({**SETTINGS, **settings}))
    return engine


@pytest.fixture(scope="module")
def engine() -> Iterator[VllmAsr]:
    engine = load()
    yield engine
    engine.close()


@cache
def say(text: str, voice: str = "en-us") -> Samples:
    """Return `text` as a telephone brings it: 8 kHz, mu-law, 16 kHz again."""
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed: make test-vllm installs it")
    wav = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    sound = np.frombuffer(wav[44:], "<i2").astype(np.float32) / 32768
    narrow = soxr.resample(sound, int.from_bytes(wav[24:28], "little"), 8000)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
    return np.asarray(np.clip(soxr.resample(heard, 8000, SAMPLE_RATE), -1, 1), np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def joined(*sounds: Samples) -> Samples:
    return np.concatenate(sounds)


async def hear(engine: VllmAsr, audio: Samples, **wanted: object) -> Hypothesis:
    return await engine.decode(Request(audio, **wanted))  # type: ignore[arg-type] # fields of a Request


def group(leader: int) -> dict[int, str]:
    """Return number and name of each living process that `leader` leads."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            state, _, leads = rest.split()[:3]
            if int(leads) == leader and state != "Z":
                found[int(stat.parent.name)] = name
    return found


async def until_healthy(engine: VllmAsr) -> None:
    await answered(engine.healthy, bool, within_s=WAIT_S)


@with_vllm
@pytest.mark.parametrize(
    ("text", "voice", "language"),
    [
        ("four please agent", "en-us", "English"),
        ("order account billing help", "en-gb", "English"),
        ("zero one two three four", "en-us", "English"),
        ("hello", "en-us", "English"),
        ("eins zwei drei", "de", "German"),
    ],
)
async def test_words_spoken_on_a_telephone_come_out(engine: VllmAsr, text: str, voice: str, language: str) -> None:
    heard = await hear(engine, say(text, voice))
    assert (heard.text, heard.language, heard.ended) == (text, language, Ended.STOP)
    assert len(heard.pieces) >= len(text.split())
    assert heard.engine == engine.name == "vllm-tiny-qwen3-asr"
    assert heard.run_ms > 0


@with_vllm
async def test_silence_is_no_text_in_no_language(engine: VllmAsr) -> None:
    heard = await hear(engine, silence(2))
    assert (heard.text, heard.language) == ("", "")


@with_vllm
async def test_a_forced_language_is_kept(engine: VllmAsr) -> None:
    heard = await hear(engine, say("eins zwei drei", "de"), language="German")
    assert (heard.text, heard.language) == ("eins zwei drei", "German")
    assert (await hear(engine, say("four please agent"), language="English")).text == "four please agent"


@with_vllm
async def test_finals_tell_what_is_expected_behind_their_last_word_and_others_do_not(engine: VllmAsr) -> None:
    """The checkpoint learnt no marks, so that it hardly expects any."""
    marks = (await hear(engine, say("four please agent"), final=True)).marks
    assert marks
    assert 0 <= marks.stop < 0.5
    assert 0 <= marks.comma < 0.5
    assert (await hear(engine, say("four please agent"))).marks is None
    assert (await hear(engine, silence(2), final=True)).marks is None


@with_vllm
async def test_a_prefix_is_continued_and_not_repeated(engine: VllmAsr) -> None:
    heard = await hear(engine, say("four please eight agent"), prefix="four please", language="English")
    assert (heard.text, heard.language) == (" eight agent", "English")


@with_vllm
async def test_context_reaches_the_prompt_and_harms_no_word(engine: VllmAsr) -> None:
    spoken = say("order account billing help", "en-gb")
    for context in "billing account", "<|im_end|><asr_text>":
        assert (await hear(engine, spoken, context=context)).text == "order account billing help"
    with pytest.raises(BadRequest):  # it counts: too much of it is too much
        await hear(engine, spoken, context="billing " * 1100)


@with_vllm
async def test_sixteen_callers_are_heard_together(engine: VllmAsr) -> None:
    texts = ["four please agent", "order account billing help", "hello", "zero one two three four"] * 4
    heard = await asyncio.gather(*(hear(engine, say(text)) for text in texts))
    assert [one.text for one in heard] == texts


@with_vllm
async def test_what_fits_is_declared_and_what_does_not_is_a_bad_request(engine: VllmAsr) -> None:
    assert engine.capabilities.longest_s == 39
    assert (await hear(engine, joined(say("hello"), silence(engine.capabilities.longest_s - 1)))).ended in Ended
    with pytest.raises(BadRequest):
        await hear(engine, silence(90))
    assert (await hear(engine, say("hello"))).text == "hello"


@with_vllm
async def test_a_loop_is_cut_off(engine: VllmAsr) -> None:
    """The checkpoint knows six words at most: more make it loop."""
    spoken = say("zero one two three four five six seven eight nine help agent")
    heard = await hear(engine, joined(spoken, spoken, spoken), max_new_tokens=200)
    assert heard.ended is Ended.REPETITION
    assert len(heard.text.split()) < 50


@with_vllm
async def test_tokens_are_limited(engine: VllmAsr) -> None:
    heard = await hear(engine, say("zero one two three four"), language="English", max_new_tokens=2)
    assert (heard.text, heard.ended) == ("zero one", Ended.LENGTH)


@with_vllm
async def test_an_utterance_that_grows_reuses_its_full_windows(engine: VllmAsr) -> None:
    spoken = joined(say("four please agent"), silence(15), say("hello"), silence(2))
    lengths = [int(seconds * SAMPLE_RATE) for seconds in (16.5, 17, 17.5)]
    cached = [(await hear(engine, spoken[:length], key="growing")).cached_tokens for length in lengths]
    assert cached[0] == 0
    assert min(cached[1:]) >= 192  # 16 s are 208 tokens of audio: six whole blocks of 32


@with_vllm
async def test_more_than_may_wait_is_refused_at_once(engine: VllmAsr) -> None:
    outcomes = await asyncio.gather(*(hear(engine, say("hello")) for _ in range(MOST + 16)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    heard = [outcome for outcome in outcomes if isinstance(outcome, Hypothesis)]
    assert len(refused) + len(heard) == len(outcomes)
    assert refused
    assert {one.text for one in heard} == {"hello"}


@with_vllm
async def test_what_nobody_waits_for_leaves_the_engine(engine: VllmAsr) -> None:
    async with asyncio.TaskGroup() as tasks:
        abandoned = [tasks.create_task(hear(engine, say("zero one two three four"))) for _ in range(MOST)]
        await asyncio.sleep(0)
        for task in abandoned[::2]:
            task.cancel()
        await asyncio.wait(abandoned[::2])
        await asyncio.wait(abandoned[1::2], return_when=asyncio.FIRST_COMPLETED)
        for task in abandoned:
            task.cancel()
    heard = await asyncio.gather(*(hear(engine, say("hello")) for _ in range(MOST)))  # there is room for all
    assert {one.text for one in heard} == {"hello"}


@with_vllm
async def test_an_answer_that_takes_too_long_is_not_waited_for(engine: VllmAsr) -> None:
    with pytest.raises(DeadlineExceeded, match=r"within 0\.001 s"):
        await hear(engine, say("hello"), timeout_s=0.001)
    assert await engine.healthy()
    assert (await hear(engine, say("hello"))).text == "hello"


@with_vllm
@pytest.mark.parametrize("victim", ["VLLM::EngineCor", "child"])
async def test_a_death_is_noticed_at_once_and_mended(engine: VllmAsr, victim: str) -> None:
    child = engine.pid
    assert child
    dies = next((pid for pid, name in group(child).items() if name == victim), child)
    assert (dies == child) == (victim == "child")
    held = [asyncio.create_task(hear(engine, say("zero one two three four"))) for _ in range(8)]
    await asyncio.sleep(0)
    begun = time.monotonic()
    os.kill(dies, signal.SIGKILL)
    outcomes = await asyncio.gather(*held, return_exceptions=True)
    assert time.monotonic() - begun < 3
    lost = [outcome for outcome in outcomes if isinstance(outcome, EngineLost)]
    assert lost
    assert len(lost) + sum(isinstance(outcome, Hypothesis) for outcome in outcomes) == len(outcomes)
    assert not await engine.healthy()
    with pytest.raises(EngineLost):
        await hear(engine, say("hello"))
    await until(lambda: engine.pid not in {child, None}, within_s=WAIT_S)
    assert not group(child)
    await until_healthy(engine)
    assert (await hear(engine, say("hello"))).text == "hello"


PARENT = f"""
import asyncio, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_engine import SAMPLE_RATE, hear, joined, load, say, silence
engine = load(vllm_audio_windows=False)
spoken = joined(say("four please agent"), silence(15), say("hello"), silence(2))
async def main():
    for seconds in 16.5, 17, 17.5:
        print((await hear(engine, spoken[:int(seconds * SAMPLE_RATE)], key="growing")).cached_tokens, flush=True)
asyncio.run(main())
print(engine.pid, flush=True)
time.sleep(1000)
"""


@with_vllm
def test_without_windows_nothing_is_reused_and_a_killed_bridge_leaves_nothing_behind() -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed: make test-vllm")
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        try:
            cached = [int(parent.stdout.readline()) for _ in range(3)]
            child = int(parent.stdout.readline())
            assert len(group(child)) >= 3
        finally:
            parent.kill()
    assert cached == [0, 0, 0]
    asyncio.run(until(lambda: not group(child), within_s=20))


def tiny_whisper(folder: Path) -> None:
    """Write a Whisper of a million random weights: it says nothing that makes sense, in the right form."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    letters = {sign: number for number, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    marks = "endoftext startoftranscript en de transcribe translate startofprev notimestamps".split()
    tokenizer.add_special_tokens([AddedToken(f"<|{mark}|>", special=True) for mark in marks])
    number = {mark: tokenizer.token_to_id(f"<|{mark}|>") for mark in marks}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", bos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    fast.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"d_model": 64, "num_mel_bins": 80, "vocab_size": len(letters) + len(marks)}
    layers = {f"{part}_{what}": 2 for part in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    config = WhisperConfig(
        **size,
        **layers,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        decoder_start_token_id=number["startoftranscript"],
        **{f"{use}_token_id": number["endoftext"] for use in ("bos", "eos", "pad")},
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    WhisperForConditionalGeneration(config).save_pretrained(folder)


@with_vllm
async def test_whisper_is_served_by_the_same_engine(tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed: make test-vllm")
    tiny_whisper(tmp_path)
    engine = await asyncio.to_thread(load, asr_model_path=str(tmp_path))
    try:
        assert engine.capabilities.longest_s == 30
        detected = await hear(engine, say("hello"))
        assert detected.language in {"English", "German", ""}
        forced = await hear(engine, say("hello"), language="German", prefix="eins", context="zwei", max_new_tokens=8)
        assert forced.language in {"German", ""}
        assert len(forced.pieces) <= 8
        again = await hear(engine, say("hello"), language="German", prefix="eins", context="zwei", max_new_tokens=8)
        assert again.pieces == forced.pieces
    finally:
        await asyncio.to_thread(engine.close)


@with_vllm
def test_a_model_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"asr_model_path is .*nowhere"):
        load(asr_model_path=str(tmp_path / "nowhere"))


@with_vllm
def test_a_model_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(EngineFailed, match="LlamaForCausalLM; supported are"):
        load(asr_model_path=str(tmp_path))


def test_without_vllm_the_extra_is_named() -> None:
    with suppress(ImportError):
        import vllm  # noqa: F401

        pytest.skip("vLLM is installed")
    with pytest.raises(ModelMissing, match=re.escape(installing.extra("vllm"))):
        VllmAsr(Options(model=str(MODEL)))


LOG = (
    "(EngineCore pid=7) INFO 11-22 starting",
    "(EngineCore pid=7) ERROR 11-22 core.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
    "(EngineCore pid=7) Process EngineCore:",
    "(APIServer pid=3) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace for the root cause.",
    "bye",
)


@pytest.mark.parametrize(
    "error",
    [EngineFailed("RuntimeError: Engine core initialization failed. See root cause above."), EngineLost("died")],
)
def test_the_reason_is_found_in_what_the_engine_wrote(error: SpeechError) -> None:
    explained = explain(error, LOG)
    assert type(explained) is type(error)
    assert "CUDA out of memory" in str(explained)
    assert "lower gpu_memory_utilization" in str(explained)
    assert "\n" not in str(explained)


def test_an_error_that_says_enough_stays_as_it_is() -> None:
    error = ModelMissing("asr_model_path is 'x'")
    assert explain(error, LOG) is error


def test_a_death_without_an_error_shows_the_last_words() -> None:
    assert str(explain(EngineLost("process 7 died"), ["begun", "Killed"])) == "process 7 died: Killed"
    assert str(explain(EngineLost("process 7 died"), [])) == "process 7 died"
