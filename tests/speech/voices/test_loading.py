"""From settings to a voice: what is found out at start-up, and what keeps it from starting."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from pydantic import SecretStr
from voice_server import LETTERS_A_SECOND, Asked, VoiceServer, breaking_off, refusing, sound, speaking, wav_head

from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bridge.plugins import PluginError
from bridge.settings import Settings, refusals, warnings
from bridge.settings.caller_texts import SHIPPED
from bridge.speaking.voices.failover import said
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.profile_voices import load_voices
from bridge.speaking.voices.prompts_ahead import sentences
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.voices import CallVoices, Rendition
from bridge.speech.api import EngineFailed
from bridge.speech.voices import HttpTts, HttpVoice
from telephony.events import Encoding

MINE = """
[mine]
path = "/say/{voice}"
headers = { X-Key = "{key}" }
body = { input = "{text}" }
voice = "anna"
wide = { rate = 16000 }
"""


def settings(*fakes: VoiceServer, **options: object) -> Settings:
    urls = tuple(fake.url for fake in fakes)
    return Settings.model_validate({"tts": "openai", "tts_url": urls, "tts_fallback": "none", **options})


async def loaded(options: Settings) -> HttpVoice:
    return await asyncio.to_thread(HttpTts.from_settings, options)


async def hear(voice: HttpVoice, text: str = "Thank you for calling the corner shop.") -> Samples:
    return np.concatenate([samples async for samples in voice.speak(text)])


async def either(request: web.Request, asked: Asked) -> web.StreamResponse:
    """Answers PCM at 22050 Hz without a word about it, and WAV."""
    data = sound(asked.json["input"], 22_050)
    if asked.json["response_format"] == "wav":
        return web.Response(body=wav_head(22_050, size=len(data)) + data, content_type="audio/wav")
    return web.Response(body=data, content_type="audio/pcm")


async def test_a_rate_that_is_not_told_is_read_from_a_wav_head() -> None:
    async with VoiceServer(either) as fake:
        voice = await loaded(settings(fake))
        assert voice.sample_rate == 22_050
        await hear(voice)
    assert [asked.json["response_format"] for asked in fake.asked] == ["pcm", "wav", "pcm"]


async def test_a_rate_that_is_told_is_believed() -> None:
    async with VoiceServer(speaking(rate=16_000, headers={"X-Sample-Rate": "16000"})) as fake:
        assert (await loaded(settings(fake))).sample_rate == 16_000
    assert len(fake.asked) == 1


async def test_the_first_sentence_on_a_call_has_telephone_level_already() -> None:
    async with VoiceServer(speaking(level=0.9, headers={"X-Sample-Rate": "24000"})) as fake:
        samples = await hear(await loaded(settings(fake)))
    assert abs(20 * np.log10(active_rms(samples)) - ACTIVE_DBFS) < 1


async def test_what_the_settings_name_is_asked_for() -> None:
    async with VoiceServer(speaking(headers={"X-Sample-Rate": "24000"})) as fake:
        key = SecretStr("k3y")
        voice = await loaded(
            settings(fake, tts_model="kokoro", tts_voice="af_heart", tts_api_key=key, language="German")
        )
    body = fake.asked[0].json
    assert (body["model"], body["voice"], body["input"]) == ("kokoro", "af_heart", SHIPPED["de"].fallback_text)
    assert fake.asked[0].headers["Authorization"] == "Bearer k3y"
    assert (voice.language, voice.name) == ("German", "openai")


@pytest.mark.parametrize(("telephone", "form", "rate"), [(True, "ulaw_8000", 8000), (False, "pcm_24000", 24_000)])
async def test_hosted_voices_are_asked_for_the_format_of_telephones(telephone: bool, form: str, rate: int) -> None:
    async def answer(_: web.Request, asked: Asked) -> web.StreamResponse:
        encoding = Encoding.MULAW if asked.query["output_format"] == "ulaw_8000" else Encoding.L16
        return web.Response(body=sound(asked.json["text"], rate, encoding), content_type="audio/mpeg")

    async with VoiceServer(answer) as fake:
        voice = await loaded(settings(fake, tts="elevenlabs", tts_telephone=telephone))
    assert voice.sample_rate == rate
    assert fake.asked[0].query["output_format"] == form


async def test_it_starts_with_one_of_two_servers_and_says_which_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    async with VoiceServer(refusing(500)) as gone, VoiceServer(speaking()) as there:
        with caplog.at_level(logging.WARNING):
            voice = await loaded(settings(gone, there))
        assert gone.url in caplog.text
        await hear(voice)


async def test_it_does_not_start_without_any_and_names_them_all() -> None:
    async with VoiceServer(refusing(500)) as one, VoiceServer(refusing(401)) as two:
        with pytest.raises(EngineFailed) as caught:
            await loaded(settings(one, two))
    assert one.url in str(caught.value) and two.url in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"tts": "openai"}, r"https://api.openai.com: tts_api_key is not set; set BRIDGE_TTS_API_KEY"),
        ({"tts": "azure"}, r"tts_url is empty; .* --tts-url https://eastus\.tts"),
        ({"tts": "playht"}, "there is no profile 'playht'; known are azure, "),
    ],
)
async def test_what_is_missing_is_named(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(EngineFailed, match=complaint):
        await loaded(settings(**options))


async def test_a_profile_of_the_user_is_a_voice_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_text(MINE)
    async with VoiceServer(speaking(rate=16_000)) as fake:
        options = settings(fake, tts="mine", tts_profiles=path)
        voices = LoadedVoices()
        voice = await asyncio.to_thread(voices.load, "mine", options)
        assert voice.sample_rate == 16_000
        assert [len(samples) async for samples in voice.speak("Sorry.")]
        await asyncio.to_thread(voices.close)
    assert {asked.path for asked in fake.asked} == {"/say/anna"}


def test_a_table_that_is_broken_is_an_error_of_its_option(tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_text("[mine]")
    with pytest.raises(PluginError, match=r"--tts-profiles .*mine\.path: Field required"):
        LoadedVoices().load("mine", Settings(tts="mine", tts_profiles=path))


@pytest.mark.parametrize("voices", [{}, {"German": "hibari"}], ids=["alone", "among others"])
async def test_the_embedded_voice_takes_over_where_all_fails_and_is_loaded_once(voices: dict[str, str]) -> None:
    loaded_voices = LoadedVoices(SentenceCache(1_000_000))
    async with VoiceServer(speaking()) as fake:
        options = settings(fake, tts_fallback="hibari", voices=voices)
        made = await asyncio.to_thread(load_voices, options, loaded_voices)
        assert [voice.name for voice in loaded_voices.all] == ["openai", "hibari"]
        assert made.all == ((made.default, made.last) if voices else (made.default,))
        [sentence] = [renditions async for renditions in sentences("Your order was shipped.", CallVoices(made))]
        assert [rendition.voice for rendition in sentence] == [made.default, made.last]
        fake.faults = [refusing(400), refusing(400)]  # with the extras of the profile, and without
        assert await seconds(sentence) > 1
        asked = len(fake.asked)
        assert await seconds(sentence[:1]) == pytest.approx(19 / LETTERS_A_SECOND, abs=0.3)
        assert len(fake.asked) == asked + 1, "what another voice has said is not kept as this one's"
        fake.answer = breaking_off(8)
        [other] = [renditions async for renditions in sentences("It will arrive tomorrow morning.", CallVoices(made))]
        assert await seconds(other) > 1
        await asyncio.to_thread(loaded_voices.close)


async def seconds(renditions: Sequence[Rendition]) -> float:
    """Return how much is heard of a sentence."""
    pieces = [piece async for piece in said(renditions, is_news=lambda _: True)]
    return sum(len(samples) / rate for samples, rate in pieces)


async def test_without_it_callers_hear_the_fallback_text_where_all_fails() -> None:
    loaded_voices = LoadedVoices()
    async with VoiceServer(speaking()) as fake:
        made = await asyncio.to_thread(load_voices, settings(fake), loaded_voices)
        assert made.last is None
        await asyncio.to_thread(loaded_voices.close)


def test_an_address_for_a_voice_that_needs_none_is_refused() -> None:
    assert any("--tts-url" in line for line in refusals(Settings(tts_url=("http://127.0.0.1:1",))))
    assert not any("--tts" in line for line in refusals(Settings(tts="openai", tts_url=("http://127.0.0.1:1",))))
    assert any("is no file" in line for line in refusals(Settings(tts_profiles=Path("/none.toml"))))


def test_an_address_elsewhere_without_tls_is_warned_of() -> None:
    assert any("--tts-url http://gpu:8880" in line for line in warnings(Settings(tts_url=("http://gpu:8880",))))
    assert not any("--tts-url" in line for line in warnings(Settings(tts_url=("https://gpu", "http://127.0.0.1:8880"))))
