"""A voice by several servers: which says what, and who says the rest."""

import asyncio
from contextlib import aclosing

import numpy as np
import pytest
from aiohttp import web
from voice_server import LETTERS_A_SECOND, Asked, VoiceServer, breaking_off, refusing, sound, speaking

from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bridge.speech.pool.breaker import Breaker
from bridge.speech.voices.http_voice import HttpVoice, Line
from bridge.speech.voices.profile import shipped
from bridge.speech.voices.server import Manner, SpeakingLimits
from bridge.speech.voices.server import VoiceServer as Client

TEXT = "Your order number has been shipped this morning and will arrive tomorrow."
RATE = 24_000


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Counted:
    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []

    def server_failed(self, server: str, reason: str, /) -> None:
        self.failures.append((server, reason))


def voice_of(*fakes: VoiceServer, clock: Clock | None = None, alone: bool = False) -> HttpVoice:
    clock = clock or Clock()
    profile = shipped()["openai"]
    limits = SpeakingLimits(first_audio_s=5, sentence_s=10)
    lines = [Line(Client(fake.url, profile, profile.wide, None, limits), Breaker(clock)) for fake in fakes]
    manner = Manner(voice="alloy", model="tts-1")
    return HttpVoice(lines, manner, name="openai", sample_rate=RATE, alone=alone, clock_s=clock)


async def hear(voice: HttpVoice, text: str = TEXT) -> Samples:
    async with aclosing(voice.speak(text)) as pieces:
        chunks = [samples async for samples in pieces]
    return np.concatenate(chunks) if chunks else np.empty(0, np.float32)


def inputs(fake: VoiceServer) -> list[str]:
    return [asked.json["input"] for asked in fake.asked]


async def test_a_sentence_is_spoken_while_it_comes() -> None:
    heard = asyncio.Event()

    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        data = sound(asked.json["input"])
        await response.write(data[:9001])
        await heard.wait()
        await response.write(data[9001:])
        return response

    async with VoiceServer(answer) as fake:
        samples = []
        async with aclosing(voice_of(fake).speak(TEXT)) as pieces:
            async for piece in pieces:
                samples.append(piece)
                heard.set()
    assert len(samples[0]) < RATE / 5
    assert abs(len(np.concatenate(samples)) / RATE - sum(map(len, TEXT.split())) / LETTERS_A_SECOND) < 0.02


async def test_the_next_server_says_the_rest_and_nothing_twice() -> None:
    async with VoiceServer(speaking()) as first, VoiceServer(speaking()) as second:
        voice = voice_of(first, second)
        await hear(voice)  # which teaches the pace
        first.faults = [breaking_off(len("Yourordernumberhas") + 4)]
        samples = await hear(voice)
    assert inputs(second) == ["been shipped this morning and will arrive tomorrow."]
    said = 22 + len("beenshippedthismorningandwillarrivetomorrow.")
    assert abs(len(samples) / RATE - said / LETTERS_A_SECOND) < 0.1


async def test_where_no_server_is_left_what_was_made_is_heard_and_the_rest_is_a_fault() -> None:
    async with VoiceServer(speaking()) as only:
        voice, heard = voice_of(only), list[Samples]()
        only.faults = [breaking_off(len("Yourordernumberhas") + 4)]
        with pytest.raises(RuntimeError):
            async for samples in voice.speak(TEXT):
                heard.append(samples)
    assert abs(len(np.concatenate(heard)) / RATE - 22 / LETTERS_A_SECOND) < 0.1


async def test_the_rest_of_a_rest_goes_on_too() -> None:
    async with VoiceServer(speaking()) as first, VoiceServer(speaking()) as second:
        voice = voice_of(first, second)
        for _ in range(2):
            await hear(voice)
            voice._lines[0].in_hand, voice._lines[1].in_hand = voice._lines[1].in_hand + 1, 0  # the other one
        voice._lines[0].in_hand = 0
        first.faults, second.faults = [breaking_off(12)], [breaking_off(12)]
        with pytest.raises(RuntimeError):
            await hear(voice, "aaaaaaaa bbbbbbbb cccccccc dddddddd")
    assert inputs(second)[-1] == "bbbbbbbb cccccccc dddddddd"


async def test_a_sentence_that_broke_off_at_its_end_is_said() -> None:
    async with VoiceServer(speaking()) as fake:
        voice = voice_of(fake)
        await hear(voice)
        fake.faults = [breaking_off(sum(map(len, TEXT.split())) + 4)]
        assert len(await hear(voice))


async def test_joins_do_not_click() -> None:
    async with VoiceServer(speaking(level=0.1)) as first, VoiceServer(speaking(level=0.1)) as second:
        voice = voice_of(first, second)
        await hear(voice)
        first.faults = [breaking_off(21)]
        samples = await hear(voice)
    assert np.abs(np.diff(samples)).max() < 0.1


async def test_where_nobody_speaks_the_caller_hears_the_fallback_recording() -> None:
    async with VoiceServer(refusing(500, {"error": {"message": "gone"}})) as fake:
        with pytest.raises(RuntimeError, match=r"500 gone"):
            await hear(voice_of(fake))


async def test_a_server_that_failed_is_left_alone_and_tried_again_by_one_sentence() -> None:
    clock = Clock()
    async with (
        VoiceServer(speaking(), faults=[refusing(500), refusing(500)]) as first,
        VoiceServer(speaking()) as second,
    ):
        voice = voice_of(first, second, clock=clock)
        await hear(voice)
        await hear(voice)
        assert (len(first.asked), len(second.asked)) == (1, 2)
        clock.now_s += 0.3
        await hear(voice)  # it fails again, and is left alone for longer
        clock.now_s += 0.3
        await hear(voice)
        assert (len(first.asked), len(second.asked)) == (2, 4)
        clock.now_s += 0.3
        await hear(voice)
        await hear(voice)
        assert (len(first.asked), len(second.asked)) == (4, 4)


async def test_a_server_is_not_asked_before_it_wants_to_be() -> None:
    clock = Clock()
    async with (
        VoiceServer(speaking(), faults=[refusing(429, None, Retry_After="9")]) as first,
        VoiceServer(speaking()) as second,
    ):
        voice = voice_of(first, second, clock=clock)
        for step_s in (0, 8, 2):
            clock.now_s += step_s
            await hear(voice)
    assert (len(first.asked), len(second.asked)) == (2, 2)


async def test_while_the_only_server_rests_it_is_another_voice_that_speaks_without_a_wait() -> None:
    async with VoiceServer(speaking(), faults=[refusing(500)]) as fake:
        voice = voice_of(fake)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await hear(voice, "One thing.")
    assert len(fake.asked) == 1


async def test_without_another_voice_a_server_that_rests_is_asked_all_the_same() -> None:
    async with VoiceServer(speaking(), faults=[refusing(500)]) as fake:
        voice = voice_of(fake, alone=True)
        with pytest.raises(RuntimeError):
            await hear(voice)
        assert len(await hear(voice))


async def test_a_sentence_that_is_refused_for_itself_harms_no_server() -> None:
    async with VoiceServer(speaking(), faults=[refusing(400), refusing(400)]) as fake:
        voice = voice_of(fake)
        with pytest.raises(RuntimeError):
            await hear(voice)
        assert len(await hear(voice))


async def test_silence_of_a_server_is_a_fault() -> None:
    async with VoiceServer(speaking(level=0.0)) as fake:
        with pytest.raises(RuntimeError, match="makes no sound"):
            await hear(voice_of(fake), "Hello there.")


async def test_what_has_no_words_is_asked_of_nobody() -> None:
    async with VoiceServer(speaking()) as fake:
        assert len(await hear(voice_of(fake), " ... !")) == 0
    assert fake.asked == []


async def test_the_least_busy_server_speaks() -> None:
    async with VoiceServer(speaking()) as first, VoiceServer(speaking()) as second:
        voice = voice_of(first, second)
        async with aclosing(voice.speak(TEXT)) as one:
            await anext(one)
            await hear(voice)
    assert (len(first.asked), len(second.asked)) == (1, 1)


@pytest.mark.parametrize("level", [0.02, 0.6])
async def test_every_server_is_brought_to_one_level(level: float) -> None:
    async with VoiceServer(speaking(level=level)) as fake:
        voice = voice_of(fake)
        await hear(voice)
        samples = await hear(voice)
    assert abs(20 * np.log10(active_rms(samples)) - ACTIVE_DBFS) < 1


async def test_a_server_of_another_rate_is_heard_at_ours() -> None:
    async with VoiceServer(speaking(rate=22_050, content_type="audio/pcm;rate=22050")) as fake:
        samples = await hear(voice_of(fake))
    assert abs(len(samples) / RATE - sum(map(len, TEXT.split())) / LETTERS_A_SECOND) < 0.05


async def test_another_voice_is_asked_by_its_name_and_learned_for_itself() -> None:
    async with VoiceServer(speaking()) as fake:
        voice = voice_of(fake)
        other = voice.voice("verse")
        assert voice.voice("verse") is other and voice.voice("alloy") is voice
        assert other.voice("alloy") is voice and other.voice("verse") is other
        await hear(other)
        assert fake.asked[0].json["voice"] == "verse"
        assert other._learned[0].pace.letters_a_second == pytest.approx(LETTERS_A_SECOND, abs=0.5)
        assert voice._learned[0].pace.letters_a_second == 15
        for number in range(100):
            voice.voice(f"v{number}")
    assert len(voice._others) == 64


async def test_failures_are_counted_by_server() -> None:
    async with VoiceServer(refusing(429)) as fake:
        voice, counted = voice_of(fake), Counted()
        other = voice.voice("verse")
        voice.observe(counted)
        for each in (voice, other):
            with pytest.raises(RuntimeError):
                await hear(each)
    assert counted.failures == [(fake.url.removeprefix("http://"), "Overloaded")]


async def test_closing_fails_what_is_said_next() -> None:
    async with VoiceServer(speaking()) as fake:
        voice = voice_of(fake)
        await hear(voice)
        voice.close()
        with pytest.raises(RuntimeError):
            await hear(voice)
    assert len(fake.asked) == 1


async def test_a_server_that_rests_is_asked_before_a_caller_hears_nothing() -> None:
    async with VoiceServer(speaking(), faults=[refusing(429)]) as first, VoiceServer(refusing(500)) as second:
        voice = voice_of(first, second, alone=True)
        with pytest.raises(RuntimeError):
            await hear(voice)
        assert len(await hear(voice))
