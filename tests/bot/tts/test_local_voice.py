import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import aclosing

import numpy as np
import pytest

from bot.api import Samples
from bot.tts.deadlines import Deadlines
from bot.tts.espeak.phonemes import Phonemes
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bot.tts.local_voice import LocalVoice

RATE = 8000


class Reader(Phonemes):
    """Reads letters as they are."""

    def __init__(self) -> None:
        self.closed = False

    def __call__(self, text: str) -> str:
        return "".join(sign for sign in text if sign.isascii() and (sign.isalpha() or sign == " ")).strip()

    def close(self) -> None:
        self.closed = True


class Hum:
    """Hums 50 ms a symbol, far too softly, between two long silences; knows what it was asked for."""

    sample_rate = RATE
    most_symbols = 160

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []
        self.broken = ""
        self.held: threading.Event | None = None

    def symbols(self, phonemes: str) -> str:
        return phonemes

    def sound(self, symbols: str, *, speed: float) -> Samples:
        self.asked.append((symbols, speed))
        if self.held:
            assert self.held.wait(10)
        if self.broken and self.broken in symbols:
            raise ValueError("no such symbol")
        hum = 0.01 * np.sin(np.arange(len(symbols) * RATE // 20) * 0.3)
        hum[-40:] *= np.linspace(1, 0, 40)
        return np.concatenate([np.zeros(RATE // 2), hum, np.zeros(RATE // 2)]).astype(np.float32)


@pytest.fixture
def hum() -> Hum:
    return Hum()


@pytest.fixture
def voice(hum: Hum) -> Iterator[LocalVoice]:
    made = LocalVoice(hum, Reader(), Deadlines(1, name="hum"), language="English", scripts=["LATIN"])
    yield made
    made.close()


async def say(voice: LocalVoice, text: str) -> list[Samples]:
    return [samples async for samples in voice.speak(text)]


async def test_each_clause_comes_by_itself_at_the_level_of_all(voice: LocalVoice, hum: Hum) -> None:
    sounds = await say(voice, "Good morning, dear caller. It is nine.")
    assert [symbols for symbols, _ in hum.asked[-2:]] == ["Good morning,", "dear caller. It is nine."]
    assert len(sounds) == 2
    for sound in sounds:
        assert sound.dtype == np.float32
        assert abs(20 * np.log10(active_rms(sound, RATE)) - ACTIVE_DBFS) < 0.5


async def test_no_click_at_a_join(voice: LocalVoice) -> None:
    joined = np.concatenate(await say(voice, "Good morning, dear caller. Hello there, my friend!"))
    steps = np.abs(np.diff(joined))
    assert steps.max() < 0.05  # the hum itself moves 0.04 a sample
    assert joined[0] == joined[-1] == 0.0


async def test_silence_between_clauses_is_longer_at_a_full_stop(voice: LocalVoice) -> None:
    def lead(sound: Samples) -> int:
        return int(np.flatnonzero(np.abs(sound) > 0.01)[0]) * 1000 // RATE

    _, after_comma = await say(voice, "Good morning, dear caller")
    _, after_stop = await say(voice, "Good morning to you. Dear caller")
    assert lead(after_comma) < 40
    assert lead(after_stop) == pytest.approx(lead(after_comma) + 220, abs=10)


async def test_another_speed_is_the_same_voice(voice: LocalVoice, hum: Hum) -> None:
    await say(voice.at_speed(1.25), "Hello there.")
    assert hum.asked[-1] == ("Hello there.", 1.25)
    await say(voice, "Hello there.")
    assert hum.asked[-1] == ("Hello there.", 1.0)


@pytest.mark.parametrize("text", ["", "...", "\u0928\u092e", "\u4f60\u597d\u3002", "7"])
async def test_what_cannot_be_read_yields_nothing(voice: LocalVoice, text: str) -> None:
    assert await say(voice, text) == []


async def test_what_cannot_be_read_is_told_once(voice: LocalVoice, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await say(voice, "\u4f60\u597d, \u4f60\u597d.")
        await say(voice, "\u4f60\u597d")
    assert len(caplog.records) == 1


async def test_a_fault_of_the_network_is_a_runtime_error_and_the_voice_goes_on(voice: LocalVoice, hum: Hum) -> None:
    await say(voice, "Hello")
    hum.broken = "caller"
    with pytest.raises(RuntimeError, match=r"cannot speak 'dear caller': no such symbol"):
        await say(voice, "Good morning, dear caller")
    assert len(await say(voice, "Good morning.")) == 1


async def test_two_calls_take_turns_clause_by_clause(voice: LocalVoice, hum: Hum) -> None:
    await say(voice, "Hello")
    hum.asked.clear()
    one = ", ".join(["this is the first of the calls, which has a lot to say to its caller"] * 3)
    other = one.replace("first", "second")
    await asyncio.gather(say(voice, one), say(voice, other))
    order = ["first" in symbols for symbols, _ in hum.asked if "first" in symbols or "second" in symbols]
    assert sum(order) == len(order) / 2
    assert not any(all(part) or not any(part) for part in (order[:3], order[-3:]))


async def test_a_caller_who_interrupts_costs_one_clause_at_most(voice: LocalVoice, hum: Hum) -> None:
    await say(voice, "Hello")
    hum.asked.clear()
    async with aclosing(voice.speak("Good morning, dear caller. " * 20)) as sounds:
        await anext(sounds)
    await say(voice, "Goodbye.")
    assert hum.asked[-1][0] == "Goodbye."
    assert len(hum.asked) <= 3


async def test_a_closed_voice_says_so(hum: Hum) -> None:
    reader = Reader()
    voice = LocalVoice(hum, reader, Deadlines(1, name="hum"), language="English", scripts=["LATIN"])
    voice.close()
    with pytest.raises(RuntimeError, match="closed"):
        await say(voice, "Hello.")
    assert reader.closed
