"""Prompts are recorded, or made before the first call, by the voices that can read them."""

import numpy as np
import pytest
from sounding import English, German, Hindi, HindiOnly, Sounding

from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.settings.caller_texts import SHIPPED, CallerTexts
from bridge.speaking.voices.prompts_ahead import make_ahead, record
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices

NAMASTE = "\u0928\u092e\u0938\u094d\u0924\u0947\u0964"


def voices(default: Sounding, *, cache: SentenceCache | None = None, **others: Sounding) -> Voices:
    return Voices(
        Voice("default", default, cache=cache),
        {key: Voice(key, tts, cache=cache, identity=key) for key, tts in others.items()},
    )


async def test_each_sentence_of_a_recording_has_its_voice_and_all_have_one_rate() -> None:
    english, hindi = English(), Hindi()
    recording = await record(voices(english, hi=hindi), f"One moment. {NAMASTE}")
    assert recording is not None and recording[1] == f"One moment. {NAMASTE}"
    assert (english.read, hindi.read) == (["One moment."], [NAMASTE])
    assert len(recording[0]) == pytest.approx(3 * 2400, abs=10)
    assert float(np.median(recording[0])) == pytest.approx(0.12, abs=0.01)


async def test_what_no_voice_reads_is_no_recording_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert await record(voices(HindiOnly()), "One moment.") is None
    assert "no voice makes a sound of 'One moment.'" in caplog.text


async def test_a_voice_that_fails_at_a_recording_is_an_error_of_the_start() -> None:
    broken = English()
    broken.fails_after = 0
    with pytest.raises(PluginError, match=r"cannot say 'One moment\.': RuntimeError: out of breath"):
        await record(voices(broken), "One moment.")


async def test_prompts_of_all_profiles_are_in_the_cache_before_they_are_said() -> None:
    cache, english, german = SentenceCache(100_000_000), English(), German()
    both = voices(english, cache=cache, de=german)
    plain = CallerTexts(greeting="Welcome. How can I help?").before(SHIPPED["en"])
    route = CallerTexts(greeting="Willkommen.", no_input_text="Hallo?")
    await make_ahead([(both, Settings(filler_after=1.0), plain), (both, Settings(language="German"), route)])
    assert "Welcome." in english.read and "How can I help?" in english.read
    assert plain.filler_text in english.read and plain.fallback_text.partition(". ")[0] + "." in english.read
    assert german.read[0] == "Willkommen." and "Hallo?" in german.read
    made = len(english.read)
    assert [len(samples) async for samples in both.default.speak("Welcome.")] == [2400]
    assert len(english.read) == made


async def test_a_voice_that_fails_at_a_prompt_is_told_and_the_others_are_made(caplog: pytest.LogCaptureFixture) -> None:
    cache, english, german = SentenceCache(100_000_000), English(), German()
    german.fails_after = 0
    both = voices(english, cache=cache, de=german)
    first = (both, Settings(language="German"), CallerTexts(greeting="Ja."))
    await make_ahead([first, (both, Settings(), CallerTexts(greeting="Yes."))])
    assert "the voice de failed at a prompt" in caplog.text and "Yes." in english.read
