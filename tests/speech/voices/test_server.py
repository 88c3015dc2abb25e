"""One server: each kind as its documents say, asked and answering; and what goes wrong with any."""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

import numpy as np
import pytest
from aiohttp import web
from voice_server import Asked, VoiceServer, breaking_off, refusing, sound, speaking, tone, wav_head

from bridge.speech.api import BadRequest, DeadlineExceeded, EngineFailed, EngineLost, Overloaded, Samples, SpeechError
from bridge.speech.voices import server as client
from bridge.speech.voices.profile import SpokenFormat, VoiceProfile, shipped
from bridge.speech.voices.server import Manner, SpeakingLimits
from telephony.events import Encoding

TEXT: Final = 'Hello & "good" morning, <you>.'
KEY: Final = "k3y"
LIMITS: Final = SpeakingLimits(first_audio_s=5, sentence_s=10)

Documented = Callable[[Asked, SpokenFormat], web.Response | list[bytes]]


def asking(url: str, name: str = "openai", *, telephone: bool = False, key: str | None = KEY) -> client.VoiceServer:
    profile = shipped()[name]
    form = profile.telephone if telephone and profile.telephone else profile.wide
    return client.VoiceServer(url, profile, form, key, LIMITS)


def manner(name: str = "openai", **changes: object) -> Manner:
    profile = shipped()[name]
    given = {"voice": profile.voice, "model": profile.model, "language": "", "speed": 1.0}
    return Manner(**{**given, **changes})  # type: ignore[arg-type]


async def said(server: client.VoiceServer, text: str = TEXT, how: Manner | None = None) -> tuple[Samples, int]:
    chunks, rate = [], 0
    async with aclosing(server.speak(text, how or manner())) as pieces:
        async for samples, rate, _ in pieces:  # noqa: B007 - the last one counts
            chunks.append(samples)
    return np.concatenate(chunks), rate


# ---------------------------------------------------------------- as documented


def openai(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/v1/audio/speech"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.json["response_format"] == "pcm"
    assert {"model", "voice", "input"} < set(asked.json)
    return asked.json["input"], sound(asked.json["input"], form.rate)


def elevenlabs(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert re.fullmatch(r"/v1/text-to-speech/\w{20}/stream", asked.path)
    assert asked.headers["xi-api-key"] == KEY
    assert asked.json["model_id"] == "eleven_flash_v2_5"
    encoding = {"pcm_24000": Encoding.L16, "ulaw_8000": Encoding.MULAW}[asked.query["output_format"]]
    return asked.json["text"], sound(asked.json["text"], form.rate, encoding)


def cartesia(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/tts/bytes"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.headers["Cartesia-Version"] == "2026-03-01"
    assert asked.json["voice"]["mode"] == "id"
    wanted = asked.json["output_format"]
    assert wanted["container"] == "raw"
    encoding = {"pcm_s16le": Encoding.L16, "pcm_mulaw": Encoding.MULAW}[wanted["encoding"]]
    return asked.json["transcript"], sound(asked.json["transcript"], wanted["sample_rate"], encoding)


def deepgram(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/v1/speak"
    assert asked.headers["Authorization"] == f"Token {KEY}"
    assert asked.query["container"] == "none"
    assert asked.query["model"] == "aura-2-thalia-en"
    encoding = {"linear16": Encoding.L16, "mulaw": Encoding.MULAW}[asked.query["encoding"]]
    assert asked.json == {"text": TEXT}
    return asked.json["text"], sound(asked.json["text"], int(asked.query["sample_rate"]), encoding)


def azure(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/cognitiveservices/v1"
    assert asked.headers["Ocp-Apim-Subscription-Key"] == KEY
    assert asked.headers["Content-Type"] == "application/ssml+xml"
    assert asked.headers["User-Agent"]
    kinds = {"raw-24khz-16bit-mono-pcm": Encoding.L16, "raw-8khz-8bit-mono-mulaw": Encoding.MULAW}
    assert "<prosody rate='1'>Hello &amp; &quot;good&quot; morning, &lt;you&gt;.</prosody>" in asked.text
    assert "xml:lang='en-US'" in asked.text and "name='en-US-AvaMultilingualNeural'" in asked.text
    return TEXT, sound(TEXT, form.rate, kinds[asked.headers["X-Microsoft-OutputFormat"]])


def google(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/v1/text:synthesize"
    assert asked.headers["X-Goog-Api-Key"] == KEY
    assert asked.json["voice"] == {"languageCode": "en-US", "name": "en-US-Chirp3-HD-Charon"}
    wanted = asked.json["audioConfig"]
    text, rate = asked.json["input"]["text"], wanted["sampleRateHertz"]
    if wanted["audioEncoding"] == "MULAW":
        audio = wav_head(rate, kind=7, bits=8) + sound(text, rate, Encoding.MULAW)
    else:
        assert wanted["audioEncoding"] == "LINEAR16"
        audio = wav_head(rate) + sound(text, rate)
    return text, json.dumps({"audioContent": base64.b64encode(audio).decode()}, indent=2).encode()


def inworld(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/tts/v1/voice:stream"
    assert asked.headers["Authorization"] == f"Basic {KEY}"
    wanted = asked.json["audioConfig"]
    mulaw, rate, lines = wanted["audioEncoding"] == "MULAW", wanted["sampleRateHertz"], []
    audio = sound(asked.json["text"], rate, Encoding.MULAW if mulaw else Encoding.L16)
    for at in range(0, len(audio), 4000):
        piece = (b"" if mulaw else wav_head(rate)) + audio[at : at + 4000]
        lines.append(json.dumps({"result": {"audioContent": base64.b64encode(piece).decode()}}))
    return asked.json["text"], ("\n".join(lines) + "\n").encode()


def rime(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/v1/rime-tts"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    encoding = {"audio/pcm": Encoding.L16, "audio/x-mulaw": Encoding.MULAW}[asked.headers["Accept"]]
    assert asked.json["modelId"] == "coda" and asked.json["speaker"]
    return asked.json["text"], sound(asked.json["text"], asked.json["samplingRate"], encoding)


def sarvam(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/text-to-speech/stream"
    assert asked.headers["api-subscription-key"] == KEY
    assert asked.json["target_language_code"] == "hi-IN"
    encoding = {"linear16": Encoding.L16, "mulaw": Encoding.MULAW}[asked.json["output_audio_codec"]]
    return asked.json["text"], sound(asked.json["text"], asked.json["speech_sample_rate"], encoding)


def xai(asked: Asked, form: SpokenFormat) -> tuple[str, bytes]:
    assert asked.path == "/v1/tts"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.json["language"] == "auto" and asked.json["voice_id"] == "eve"
    wanted = asked.json["output_format"]
    encoding = {"pcm": Encoding.L16, "mulaw": Encoding.MULAW}[wanted["codec"]]
    return asked.json["text"], sound(asked.json["text"], wanted["sample_rate"], encoding)


VENDORS: Final = {
    made.__name__: made for made in (openai, elevenlabs, cartesia, deepgram, azure, google, inworld, rime, sarvam, xai)
}


def documented(name: str, form: SpokenFormat) -> Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        try:
            _, data = VENDORS[name](asked, form)
        except (AssertionError, KeyError) as error:
            return web.json_response({"error": {"message": f"not as documented: {error!r}"}}, status=400)
        kind = {"json": "application/json", "lines": "application/x-ndjson"}.get(shipped()[name].answer, "audio/pcm")
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for at in range(0, len(data), 1001):
            await response.write(data[at : at + 1001])
        await response.write_eof()
        return response

    return answer


def test_every_shipped_profile_is_tried_here() -> None:
    assert set(VENDORS) == set(shipped())


@pytest.mark.parametrize("telephone", [False, True])
@pytest.mark.parametrize("name", VENDORS)
async def test_each_vendor_is_asked_as_its_documents_say_and_heard(name: str, telephone: bool) -> None:
    profile = shipped()[name]
    form = profile.telephone if telephone and profile.telephone else profile.wide
    async with VoiceServer(documented(name, form)) as fake:
        samples, rate = await said(asking(fake.url, name, telephone=telephone), how=manner(name))
    assert rate == form.rate
    assert len(samples) == len(tone(TEXT, rate))
    assert np.abs(samples - tone(TEXT, rate)).max() < 0.02


@pytest.mark.parametrize("name", [name for name, profile in shipped().items() if profile.speed])
async def test_each_vendor_that_knows_speeds_is_told_one_within_its_range(name: str) -> None:
    async with VoiceServer(refusing(500)) as fake:
        with pytest.raises(EngineLost):
            await said(asking(fake.url, name), how=manner(name, speed=1.1))
        with pytest.raises(EngineLost):
            await said(asking(fake.url, name), how=manner(name, speed=9.0))
        usual, fastest = fake.asked
    profile = shipped()[name]
    assert profile.speed
    assert "1.1" in usual.text
    assert re.search(rf"\b{profile.speed[1]:g}(\.0)?\b", fastest.text)


async def test_the_language_of_calls_is_told_as_each_writes_it() -> None:
    async with VoiceServer(refusing(500)) as fake:
        for name, fields in {
            "elevenlabs": {"language_code": "de"},
            "cartesia": {"language": "de"},
            "sarvam": {"target_language_code": "de-IN"},
            "xai": {"language": "de"},
        }.items():
            with pytest.raises(EngineLost):
                await said(asking(fake.url, name), how=manner(name, language="de-DE"))
            assert fields.items() <= fake.asked[-1].json.items(), name
        with pytest.raises(EngineLost):
            await said(asking(fake.url, "google"), how=manner("google", voice="de-AT-Chirp3-HD-Kore"))
    assert fake.asked[-1].json["voice"]["languageCode"] == "de-AT"


# ---------------------------------------------------------------- what goes wrong

ERRORS: Final = [
    (
        "elevenlabs",
        401,
        {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}},
        EngineFailed,
        "tts_api_key is refused; set BRIDGE_TTS_API_KEY",
    ),
    (
        "elevenlabs",
        401,
        {"detail": {"status": "quota_exceeded", "message": "You have 3 credits"}},
        EngineFailed,
        "You have 3 credits",
    ),
    ("elevenlabs", 429, {"detail": {"status": "system_busy", "message": "busy"}}, Overloaded, "429 busy"),
    (
        "elevenlabs",
        400,
        {"detail": {"status": "voice_not_found", "message": "no such voice"}},
        BadRequest,
        "no such voice",
    ),
    (
        "cartesia",
        402,
        {"error_code": "quota_exceeded", "title": "Out", "message": "no credits left", "request_id": "1"},
        EngineFailed,
        "402 no credits left",
    ),
    (
        "cartesia",
        429,
        {"error_code": "concurrency_limited", "title": "Too many", "message": "limit 2"},
        Overloaded,
        "limit 2",
    ),
    (
        "deepgram",
        401,
        {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "1"},
        EngineFailed,
        "Invalid credentials",
    ),
    (
        "deepgram",
        402,
        {"err_code": "ASR_PAYMENT_REQUIRED", "err_msg": "Project has no credits"},
        EngineFailed,
        "no credits",
    ),
    (
        "openai",
        429,
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        Overloaded,
        "current quota",
    ),
    ("openai", 500, {"error": {"message": "The server had an error"}}, EngineLost, "had an error"),
    (
        "google",
        403,
        {"error": {"code": 403, "message": "API key not valid", "status": "PERMISSION_DENIED"}},
        EngineFailed,
        "not valid",
    ),
    ("google", 400, {"error": {"code": 400, "message": "Voice 'x' does not exist"}}, BadRequest, "does not exist"),
    (
        "sarvam",
        403,
        {"error": {"message": "Invalid key", "code": "invalid_api_key_error"}},
        EngineFailed,
        "Invalid key",
    ),
    ("azure", 429, {}, Overloaded, "429"),
    ("xai", 404, {"error": "no such path"}, EngineFailed, "no such path"),
    ("rime", 503, "busy", Overloaded, "busy"),
]


@pytest.mark.parametrize(("name", "status", "body", "kind", "says"), ERRORS)
async def test_errors_of_vendors_say_what_they_are(
    name: str, status: int, body: object, kind: type[SpeechError], says: str
) -> None:
    async with VoiceServer(refusing(status, body)) as fake:
        with pytest.raises(kind, match=says) as caught:
            await said(asking(fake.url, name), how=manner(name))
    assert fake.url in str(caught.value)
    assert KEY not in str(caught.value)


async def test_retry_after_is_understood() -> None:
    async with VoiceServer(refusing(429, None, Retry_After="7")) as fake:
        with pytest.raises(Overloaded) as caught:
            await said(asking(fake.url))
    assert caught.value.retry_after_s == 7


async def test_an_error_with_status_200_is_an_error() -> None:
    for answered in ({"error": {"message": "model not loaded"}}, {"detail": "model not loaded"}):
        async with VoiceServer(refusing(200, answered)) as fake:
            with pytest.raises(EngineFailed, match="'model not loaded' instead of audio"):
                await said(asking(fake.url))


async def test_what_was_made_before_the_connection_was_cut_is_heard() -> None:
    async with VoiceServer(breaking_off(10)) as fake:
        chunks = []
        with pytest.raises(EngineLost):
            async with aclosing(asking(fake.url).speak(TEXT, manner())) as pieces:
                async for samples, _, _ in pieces:
                    chunks.append(samples)
    assert len(np.concatenate(chunks)) == len(tone("x" * 10, 24_000))


async def test_a_server_that_is_not_there_is_lost() -> None:
    async with VoiceServer(speaking()) as fake:
        url = fake.url
    with pytest.raises(EngineLost, match=url):
        await said(asking(url))


async def hang(_: web.Request, __: Asked) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def stall(request: web.Request, asked: Asked) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await response.prepare(request)
    await response.write(sound("abc"))
    return await hang(request, asked)


@pytest.mark.parametrize("fault", [hang, stall])
async def test_a_server_that_makes_no_audio_in_time_is_given_up(
    fault: Callable[[web.Request, Asked], Awaitable[web.StreamResponse]],
) -> None:
    async with VoiceServer(fault) as fake:
        server = asking(fake.url)
        server.limits = SpeakingLimits(first_audio_s=0.05, sentence_s=10)
        with pytest.raises(DeadlineExceeded, match=r"no audio within 0\.1 s"):
            await said(server)


async def test_the_time_of_whoever_listens_does_not_count() -> None:
    now = [0.0]
    async with VoiceServer(speaking(pieces=4000)) as fake:
        server = asking(fake.url)
        server.now_s = lambda: now[0]
        server.limits = SpeakingLimits(first_audio_s=5, sentence_s=2)
        samples = 0
        async with aclosing(server.speak(TEXT, manner())) as pieces:
            async for piece in pieces:
                samples += len(piece)
                now[0] += 60
    assert samples and now[0] >= 2 * 60, "between two pieces, it took longer than any limit"


async def test_connections_are_kept_between_sentences() -> None:
    async with VoiceServer(speaking()) as fake:
        server = asking(fake.url)
        for _ in range(3):
            await said(server)
    assert len(fake.asked) == 3 and len(fake.connections) == 1


async def test_extras_that_a_server_refuses_are_left_out_from_then_on() -> None:
    async with VoiceServer(speaking(), faults=[refusing(400, {"error": {"message": "unknown field: stream"}})]) as fake:
        server = asking(fake.url)
        await said(server)
        await said(server)
    assert ["stream" in asked.json for asked in fake.asked] == [True, False, False]


async def test_a_sentence_that_is_refused_for_itself_costs_no_extras() -> None:
    async with VoiceServer(speaking(), faults=[refusing(400), refusing(400)]) as fake:
        server = asking(fake.url)
        with pytest.raises(BadRequest):
            await said(server)
        await said(server)
    assert "stream" in fake.asked[-1].json


@pytest.mark.parametrize(
    ("content_type", "headers", "rate"),
    [
        ("audio/pcm;rate=22050", {}, 22_050),
        ("audio/pcm_s16le", {"X-Sample-Rate": "16000"}, 16_000),
        ("audio/L16", {}, 24_000),
    ],
)
async def test_the_rate_is_what_the_answer_says(content_type: str, headers: dict[str, str], rate: int) -> None:
    async with VoiceServer(speaking(rate=rate, content_type=content_type, headers=headers)) as fake:
        samples, told = await said(asking(fake.url))
    assert told == rate and len(samples) == len(tone(TEXT, rate))


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/audio/speech"])
async def test_a_url_may_have_the_usual_ends(end: str) -> None:
    async with VoiceServer(speaking()) as fake:
        await said(asking(fake.url + end))
    assert fake.asked[0].path == "/v1/audio/speech"


async def test_without_a_key_no_header_is_sent_and_a_refusal_says_so() -> None:
    async with VoiceServer(refusing(401)) as fake:
        with pytest.raises(EngineFailed, match="tts_api_key is not set"):
            await said(asking(fake.url, key=None))
    assert "Authorization" not in fake.asked[0].headers


async def test_names_and_texts_of_bots_stay_in_their_places() -> None:
    async with VoiceServer(refusing(500)) as fake:
        with pytest.raises(EngineLost):
            await said(asking(fake.url, "elevenlabs"), how=manner("elevenlabs", voice="../../v2/x?y=1#z"))
        with pytest.raises(EngineLost):
            await said(
                asking(fake.url, "azure"), text="a\x00b\x1b </voice>\ud800", how=manner("azure", voice="x'/><evil/>")
            )
    assert fake.asked[0].path == "/v1/text-to-speech/../../v2/x?y=1#z/stream"
    assert (
        "<evil" not in fake.asked[1].text
        and "\x00" not in fake.asked[1].text
        and "ab &lt;/voice&gt;" in fake.asked[1].text
    )


async def test_a_key_that_no_header_can_hold_is_an_error_of_ours() -> None:
    async with VoiceServer(speaking()) as fake:
        with pytest.raises(EngineFailed):
            await said(asking(fake.url, key="a\nb"))


async def test_a_redirect_does_not_get_the_key() -> None:
    async with VoiceServer(refusing(307, {}, Location="http://elsewhere.example/")) as fake:
        with pytest.raises(EngineFailed, match="redirects are not followed"):
            await said(asking(fake.url))


def test_a_profile_of_ten_lines_is_enough() -> None:
    assert VoiceProfile.model_validate({"path": "/say", "body": {"text": "{text}"}}).wide.rate == 24_000
