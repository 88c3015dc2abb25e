"""The door of OpenAI's `/v1/audio/speech`: a text is posted, and a voice saying it is the answer."""

import asyncio
import base64
import io
import json
import struct
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

import numpy as np
from aiohttp import web

from bot import installing
from bridge.server.access.forms import read_body
from bridge.server.app_keys import METRICS, SWITCHBOARD
from bridge.server.call_rules import usual_language
from bridge.server.clients.serving import client_line
from bridge.server.websocket_upgrade import held
from bridge.speaking.voices.failover import said
from bridge.speaking.voices.prompts_ahead import sentences
from bridge.speaking.voices.voices import CallVoices, Voices
from bridge.speaking.wire_encoder import SentenceEncoder
from telephony.events import AudioFormat, Encoding
from telephony.jsontext import Fields, json_object, number_of, text_of
from telephony.malformed import Refused

WIRE: Final = "speech"
"""In the metrics."""
AUDIO: Final = AudioFormat(Encoding.L16, 24_000)
"""OpenAI's `pcm`."""
MAX_INPUT: Final = 4096
_AS_IT_COMES: Final = {"pcm": "audio/pcm", "wav": "audio/wav"}
_WHOLE: Final = {
    "mp3": ("audio/mpeg", "MP3", "MPEG_LAYER_III"),
    "flac": ("audio/flac", "FLAC", "PCM_16"),
    "opus": ("audio/ogg", "OGG", "OPUS"),
}
"""Made by libsndfile (extra `mp3`) once all is said."""
_THEIRS: Final = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"}
)
"""OpenAI's voices: the server's own speaks for each of them."""
_KNOWN: Final = frozenset({"model", "input", "voice", "response_format", "speed", "stream_format", "instructions"})


async def speech(request: web.Request) -> web.StreamResponse:
    """Answer with the audio of a text.

    Raises:
        web.HTTPException: there is no line, or the request asks for what cannot be given.
    """
    with held(client_line(request), request):
        metrics = request.app[METRICS]
        metrics.started.labels(WIRE).inc()
        fault = "ours"
        try:
            with metrics.calls.labels(WIRE).track_inprogress():
                response = await _speech(request)
            fault = ""
            return response
        except web.HTTPClientError:
            fault = "remote"
            raise
        finally:
            metrics.ended.labels(WIRE, fault).inc()


async def _speech(request: web.Request) -> web.StreamResponse:
    asked = await _asked(request)
    voices = _voices(request, asked)
    form, sse = str(asked.get("response_format") or "mp3"), asked.get("stream_format") == "sse"
    async with aclosing(audio_of(text_of(asked, "input"), voices)) as audio:
        try:
            first = await anext(audio, b"")
        except Exception as error:  # a voice is a plug-in: whatever it raises, the client hears that it failed
            raise web.HTTPServiceUnavailable(text=f"the voice failed: {error}", headers={"Retry-After": "5"}) from None
        if not first:
            raise web.HTTPBadRequest(text="field input: no voice here reads any of it")
        if form in _WHOLE:
            rest = b"".join([chunk async for chunk in audio])
            body = await asyncio.to_thread(_packed, first + rest, form)
            return web.Response(body=body, content_type=_WHOLE[form][0])
        return await _streamed(request, first, audio, form=form, sse=sse)


async def _asked(request: web.Request) -> Fields:
    body = await read_body(request)
    try:
        fields = json_object(body.decode())
        if unknown := sorted(fields.keys() - _KNOWN):
            raise Refused(f"field {unknown[0][:60]}: cannot be given here; allowed: {', '.join(sorted(_KNOWN))}")
        if not text_of(fields, "input", at_most=MAX_INPUT).strip():
            raise Refused("field input: there is nothing to say")
        if number_of(fields, "speed", 1.0, between=(0.25, 4.0)) != 1.0:
            raise Refused("field speed: cannot be given here: --tts-speed of the server says it; allowed: 1")
        if fields.get("instructions"):
            raise Refused("field instructions: cannot be given here: no voice of the server follows any")
        _check_form(fields)
    except (Refused, UnicodeDecodeError) as why:
        raise web.HTTPBadRequest(text=str(why)) from None
    return fields


def _check_form(fields: Fields) -> None:
    form, streamed = fields.get("response_format") or "mp3", fields.get("stream_format") or "audio"
    if streamed not in ("audio", "sse"):
        raise Refused("field stream_format: allowed: audio, sse")
    if form in _AS_IT_COMES:
        return
    if form not in _WHOLE:
        raise Refused(f"field response_format: allowed: {', '.join([*_AS_IT_COMES, *_WHOLE])}")
    if streamed == "sse":
        raise Refused(f"field stream_format: sse goes with {', '.join(_AS_IT_COMES)}, not with {form}")
    try:
        import soundfile  # noqa: F401 - is it there?
    except (ImportError, OSError):  # OSError: the library inside is for another machine
        needed = f"{form}, which is the default, needs" if form == "mp3" else f"{form} needs"
        raise Refused(
            f"field response_format: {needed} the extra mp3 on the server ({installing.extra('mp3')}); "
            f"without it: {', '.join(_AS_IT_COMES)}"
        ) from None


def _voices(request: web.Request, asked: Fields) -> CallVoices:
    board = request.app[SWITCHBOARD]
    voices = Voices.of(board.resources.tts)
    call = CallVoices(voices, language=usual_language(board.settings, voices))
    name = asked.get("voice")
    if isinstance(name, str) and name and name not in _THEIRS and name != voices.default.name:
        try:
            call.set_voice(name)
        except RuntimeError as error:
            known = ", ".join(voice.name for voice in voices.all)
            raise web.HTTPBadRequest(text=f"field voice: {error}; allowed: {known}, or a name of OpenAI's") from None
    elif name is not None and not isinstance(name, str):
        raise web.HTTPBadRequest(text="field voice: allowed: a name")
    return call


async def audio_of(text: str, voices: CallVoices) -> AsyncGenerator[bytes, None]:
    """Yield `text` as `voices` say it, in AUDIO, as it is made.

    Raises:
        whatever the voices raise.
    """
    async for renditions in sentences(text, voices):
        encoder = SentenceEncoder(AUDIO)
        async for samples, sample_rate in said(renditions, is_news=lambda _: True):
            if chunk := encoder.encode(samples, sample_rate):
                yield chunk
        if rest := encoder.flush():
            yield rest


async def _streamed(
    request: web.Request, first: bytes, audio: AsyncGenerator[bytes, None], *, form: str, sse: bool
) -> web.StreamResponse:
    """Send the audio as it is made; where the voice fails on the way, the connection breaks off."""
    kind = "text/event-stream" if sse else _AS_IT_COMES[form]
    response = web.StreamResponse(headers={"Content-Type": kind, "Cache-Control": "no-store"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    before = _endless_head() if form == "wav" else b""
    await response.write(_event("speech.audio.delta", before + first) if sse else before + first)
    async for chunk in audio:
        await response.write(_event("speech.audio.delta", chunk) if sse else chunk)
    if sse:
        await response.write(_event("speech.audio.done"))
    await response.write_eof()
    return response


def _event(kind: str, audio: bytes = b"") -> bytes:
    event: Mapping[str, object] = {"type": kind, **({"audio": base64.b64encode(audio).decode()} if audio else {})}
    return f"data: {json.dumps(event)}\n\n".encode()


def _endless_head() -> bytes:
    """Return the head of a WAV file whose length is not known yet."""
    most, rate, width = 0xFFFFFFFF, AUDIO.sample_rate, AUDIO.encoding.sample_bytes
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * width, width, 8 * width)
    return struct.pack("<4sI4s", b"RIFF", most, b"WAVE") + form + struct.pack("<4sI", b"data", most - 36)


def _packed(pcm: bytes, form: str) -> bytes:
    import soundfile

    _, container, subtype = _WHOLE[form]
    out = io.BytesIO()
    soundfile.write(out, np.frombuffer(pcm, "<i2"), AUDIO.sample_rate, format=container, subtype=subtype)
    return out.getvalue()
