"""One voice as all calls hear it: its level, its time, what is counted of it, and its other voices."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest
from sounding import Chorus, English, Silent, Sounding

from bot.api import Samples
from bridge.speaking.voices.observer import VoiceObservers
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.voice import Voice, audible


class Counts:
    """A `VoiceObserver` that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.took_s: list[float] = []

    def first_audio(self, voice: str, /, *, took_s: float) -> None:
        self.told.append(f"{voice} began")
        self.took_s.append(took_s)

    def failed(self, voice: str, /) -> None:
        self.told.append(f"{voice} failed")

    def server_failed(self, server: str, reason: str, /) -> None:
        self.told.append(f"{server} failed: {reason}")

    def from_cache(self, voice: str, /, *, hit: bool) -> None:
        self.told.append(f"{voice} {'hit' if hit else 'miss'}")


def counting() -> tuple[VoiceObservers, Counts]:
    observers, counts = VoiceObservers(), Counts()
    observers.add(counts)
    return observers, counts


async def say(voice: Voice, text: str = "one two three") -> Samples:
    async with aclosing(voice.speak(text)) as chunks:
        return np.concatenate([samples async for samples in chunks])


async def test_a_gain_makes_it_louder_and_bends_what_would_be_too_loud() -> None:
    assert np.allclose(await say(Voice("a", English(), gain=2.0)), 0.24)
    loud = await say(Voice("a", English(), gain=10.0))
    assert 0.9 < float(loud.max()) <= 1.0


async def test_first_audio_and_failures_are_counted_by_voice() -> None:
    observers, counts = counting()
    tts = English()
    voice = Voice("plug:in", tts, observers=observers)
    await say(voice)
    tts.fails_after = 1
    with pytest.raises(RuntimeError, match="out of breath"):
        await say(voice)
    assert counts.told == ["plug:in began", "plug:in began", "plug:in failed"]
    assert counts.took_s and all(0 <= took_s < 5 for took_s in counts.took_s)


async def test_with_a_cache_a_sentence_is_made_once_and_hits_are_counted() -> None:
    observers, counts = counting()
    tts = English()
    voice = Voice("a", tts, cache=SentenceCache(10_000_000), observers=observers)
    first, second = await say(voice), await say(voice)
    assert first == pytest.approx(second, abs=2**-15)
    await voice.keep("four")
    await say(voice, "four")
    assert tts.read == ["one two three", "four"]
    assert counts.told == ["a miss", "a began", "a hit", "a miss", "a began", "a hit"]


async def test_without_a_cache_nothing_is_made_ahead() -> None:
    tts = English()
    await Voice("a", tts).keep("Hello.")
    assert tts.read == []


async def test_a_voice_that_says_nothing_in_time_fails() -> None:
    tts = English()
    tts.gate = asyncio.Event()
    with pytest.raises(TimeoutError, match=r"no sound for 0\.01 s"):
        await say(Voice("a", tts, limit_s=0.01))


async def test_a_voice_that_would_end_the_server_only_fails() -> None:
    class Exits(Sounding):
        async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
            if text:
                raise SystemExit
            yield np.empty(0, np.float32)

    with pytest.raises(RuntimeError, match="the voice a raised SystemExit"):
        await say(Voice("a", Exits()))


async def test_it_speaks_as_fast_as_it_was_asked_to_where_it_can() -> None:
    assert Voice("a", Chorus(), speed=1.5).paced and Voice("a", English()).paced
    assert not Voice("a", English(), speed=1.5).paced


async def test_another_voice_of_its_engine_is_made_once_and_has_its_speed() -> None:
    voice = Voice("chorus", Chorus(), speed=2.0)
    ana = voice.variant("ana")
    assert voice.variant("ana") is ana and ana.name == "chorus"
    with pytest.raises(RuntimeError, match="there are ana and bo"):
        voice.variant("cleo")
    with pytest.raises(RuntimeError, match="has one only"):
        Voice("a", English()).variant("b")


async def test_sentences_of_two_voices_of_an_engine_are_two_in_the_cache() -> None:
    chorus = Chorus()
    voice = Voice("chorus", chorus, cache=SentenceCache(10_000_000), identity="chorus")
    await say(voice)
    await say(voice.variant("ana"))
    assert len(chorus.read) == 2


async def test_silence_is_told_from_sound() -> None:
    assert not audible(await say(Voice("a", Silent()))) and not audible(np.empty(0, np.float32))
    assert audible(await say(Voice("a", English())))
