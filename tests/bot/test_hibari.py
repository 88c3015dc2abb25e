import asyncio
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from bot import installing
from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bot.tts.hibari import SAMPLE_RATE, HibariTts
from bridge.speaking.wire_encoder import WireEncoder
from telephony.codec import decode
from telephony.events import AudioFormat, Encoding

SENTENCES = [
    "Hello.",
    "Yes.",
    "We are open from nine to five.",
    "Thank you for calling the corner shop, how can I help you today?",
    "Your order number 4 5 1 2 has been shipped and will arrive on Tuesday.",
]
every_sentence = pytest.mark.parametrize("text", SENTENCES)


@pytest.fixture(scope="module")
def tts() -> Iterator[HibariTts]:
    made = HibariTts.load()
    yield made
    made.close()


async def say(tts: HibariTts, text: str) -> list[Samples]:
    return [samples async for samples in tts.speak(text)]


def db(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


@every_sentence
async def test_a_sentence_comes_as_one_array_at_telephone_level(tts: HibariTts, text: str) -> None:
    (samples,) = await say(tts, text)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert abs(db(active_rms(samples)) - ACTIVE_DBFS) < 2
    assert np.abs(samples).max() < 1


@every_sentence
async def test_speech_begins_after_20_ms_and_ends_in_120_ms_of_silence(tts: HibariTts, text: str) -> None:
    (samples,) = await say(tts, text)
    ms = SAMPLE_RATE // 1000
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    assert np.abs(samples[: 15 * ms]).max() < 0.02
    assert loud[0] < 60 * ms  # a soft consonant rises slowly
    assert np.abs(samples[-115 * ms :]).max() < 0.02
    assert len(samples) - loud[-1] < 300 * ms  # so does a vowel fall


@every_sentence
async def test_the_same_text_sounds_the_same(tts: HibariTts, text: str) -> None:
    np.testing.assert_array_equal(await say(tts, text), await say(tts, text))


async def test_sentences_come_one_by_one_in_order(tts: HibariTts) -> None:
    together = await say(tts, "Yes. Thank you for calling the corner shop.")
    assert len(together) == 2
    assert len(together[0]) < len(together[1])


@pytest.mark.parametrize("text", ["", " \n", "...", "?!", "😀👍🏽", "-", "***", "\x00\x07", "“”", "\u200b"])
async def test_what_cannot_be_read_aloud_yields_nothing(
    tts: HibariTts, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await say(tts, text) == []
    assert caplog.records == []


async def test_an_unknown_script_is_warned_of_once_and_the_rest_is_spoken(caplog: pytest.LogCaptureFixture) -> None:
    tts = HibariTts.load()
    with caplog.at_level(logging.WARNING):
        assert await say(tts, "नमस्ते। आप कैसे हैं?") == []
        assert await say(tts, "你好。") == []
        assert len(await say(tts, "नमस्ते। Hello.")) == 1
    assert len(caplog.records) == 1
    assert "नमस्ते" in caplog.text
    tts.close()


@pytest.mark.parametrize(
    "text",
    [
        "1" * 150,
        "9,999" * 30,
        "① ② ³",
        "4111 1111 1111 1111",
        "$0",
        "1e400",
        "[a](/x/) [b]( ) [c](/)",
        "a" * 190,
        "İı ſß",
        "0.0.0.0:80/%",
    ],
)
async def test_odd_text_is_spoken_all_the_same(tts: HibariTts, text: str) -> None:
    assert sum(map(len, await say(tts, text))) > SAMPLE_RATE // 10


def test_a_missing_voice_is_named_with_where_to_put_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(RuntimeError, match=str(tmp_path)):
        HibariTts.load("emma")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_voice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RuntimeError, match=r"'nobody'.*heart"):
        HibariTts.load("nobody")


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    with pytest.raises(RuntimeError, match=re.escape(installing.extra("embedded"))):
        HibariTts.load()


async def test_a_closed_voice_says_so() -> None:
    closed = HibariTts(ToneEngine())
    closed.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        await say(closed, "Hello.")


async def test_a_reply_survives_the_telephone_network(tts: HibariTts) -> None:
    """Voice to mu-law and back: as long and as loud as it was made."""
    voice = WireEncoder(tts.sample_rate, AudioFormat(Encoding.MULAW, 8_000))
    made = np.concatenate(await say(tts, "Please press one for our opening hours. Goodbye."))
    heard = decode(voice.encode(made) + voice.flush(), Encoding.MULAW)
    assert len(heard) / 8_000 == pytest.approx(len(made) / SAMPLE_RATE, abs=0.04)
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    levels = np.sqrt((frames**2).mean(axis=1))
    active = np.sqrt((levels[levels > levels.max() / 10] ** 2).mean())
    assert abs(db(float(active)) - ACTIVE_DBFS) < 2


class ToneEngine:
    """Stands for hibari: a second of tone for each sentence, and none while `may_speak` is unset."""

    def __init__(self, *, amplitude: float = 0.1) -> None:
        self.read: list[str] = []
        self.may_speak = threading.Event()
        self.may_speak.set()
        self.amplitude = amplitude

    def phonemize(self, text: str) -> list[str]:
        self.may_speak.wait(10)
        self.read.append(text)
        if "fail" in text:
            raise IndexError("list index out of range")
        return [text]

    def from_phonemes(self, phonemes: str, *, speed: float = 1.0, seed: int) -> Samples:
        tone = self.amplitude * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
        return tone.astype(np.float32)


async def test_a_failing_engine_is_reported_with_the_text_and_serves_the_next() -> None:
    tts = HibariTts(ToneEngine())
    with pytest.raises(RuntimeError, match=r"please fail.*list index"):
        await say(tts, "please fail")
    assert len(await say(tts, "Hello.")) == 1
    tts.close()


async def test_synthesis_never_blocks_the_loop_and_cancelling_drops_what_waits() -> None:
    engine = ToneEngine()
    tts = HibariTts(engine)
    engine.read.clear()
    engine.may_speak.clear()
    first, dropped, last = (asyncio.create_task(say(tts, text)) for text in ("First.", "Dropped.", "Last."))
    await asyncio.sleep(0)  # each of them asks for its audio, and the loop runs on while the engine is stuck
    dropped.cancel()
    await asyncio.wait([dropped])
    engine.may_speak.set()
    assert [len(made) for made in await asyncio.gather(first, last)] == [1, 1]
    assert engine.read == ["First.", "Last."]
    tts.close()


async def test_a_long_text_lets_other_calls_speak_between_its_pieces() -> None:
    engine = ToneEngine()
    tts = HibariTts(engine)
    engine.read.clear()
    async with aclosing(tts.speak("word " * 2000)) as long:
        await anext(long)
        assert len(await say(tts, "Hello.")) == 1
        await anext(long)
    assert engine.read[1] == "Hello."
    assert max(map(len, engine.read)) <= 200
    assert len(engine.read) == 3
    tts.close()


async def test_both_ends_are_faded_so_that_joins_never_click() -> None:
    tts = HibariTts(ToneEngine())
    (samples,) = await say(tts, "A tone that begins and ends at full level.")
    assert samples[0] == samples[-1] == 0
    largest_step = 2 * np.pi * 440 / SAMPLE_RATE * np.abs(samples).max()
    assert np.abs(np.diff(samples)).max() < 1.2 * largest_step
    tts.close()


async def test_loud_peaks_are_bent_and_not_clipped() -> None:
    engine = ToneEngine(amplitude=0.01)
    tts = HibariTts(engine)
    engine.amplitude = 0.3
    (samples,) = await say(tts, "Hello.")
    assert 0.9 < np.abs(samples).max() <= 1.0
    engine.amplitude = 0.05
    (samples,) = await say(tts, "Hello.")
    assert np.abs(samples).max() == pytest.approx(0.05 * 10 ** (ACTIVE_DBFS / 20) / (0.01 / 2**0.5), rel=0.01)
    tts.close()


def test_only_speech_counts_for_the_active_level() -> None:
    tone = ToneEngine().from_phonemes("", seed=0)
    with_pauses = np.concatenate([np.zeros(24_000, np.float32), tone, np.full(48_000, 1e-3, np.float32)])
    assert active_rms(with_pauses) == pytest.approx(0.1 / 2**0.5, rel=1e-3)


async def test_it_speaks_faster_and_slower_with_the_engine_that_it_has(tts: HibariTts) -> None:
    took = list[float]()
    for voice in (tts, tts.at_speed(1.5), tts.at_speed(0.75)):
        took.append(sum(len(part) for part in await say(voice, "Please hold the line for a moment.")) / SAMPLE_RATE)
    usual, fast, slow = took
    assert fast < 0.8 * usual < usual < 0.9 * slow
