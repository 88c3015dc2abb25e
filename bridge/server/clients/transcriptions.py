"""The door of OpenAI's `/v1/audio/transcriptions`: a file is posted, and what is said in it is the answer."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from bridge.admission.arrival import Arrival
from bridge.containment import cancelled
from bridge.legs.client_leg import ClientLeg
from bridge.server.access.hosts import peer
from bridge.server.app_keys import FAST_LANE, SETTINGS, SWITCHBOARD
from bridge.server.clients.file_leg import FileFailed, FileLeg
from bridge.server.clients.serving import client_line, language_of
from bridge.server.clients.transcription_formats import FORMATS, text_of
from bridge.server.clients.uploads import Upload, read_upload, sound_of
from bridge.server.websocket_upgrade import held
from bridge.speech.api import SAMPLE_RATE
from telephony.events import Transcript
from telephony.malformed import Refused
from telephony.recognition import RecognitionOptions

WIRE: Final = "transcriptions"
"""In the metrics and the log."""
_MAX_PROMPT: Final = 10_000
_KNOWN: Final[Mapping[str, frozenset[str] | None]] = {
    "model": None,
    "language": None,
    "prompt": None,
    "response_format": frozenset(FORMATS),
    "stream": frozenset({"true", "false", "True", "False"}),
    "temperature": frozenset({"0", "0.0"}),
    "timestamp_granularities": frozenset({"word", "segment"}),
    "chunking_strategy": frozenset({"auto"}),
}
"""Fields that are taken, with their values; None is any text."""


async def transcriptions(request: web.Request) -> web.StreamResponse:
    """Answer with what is said in the file.

    Raises:
        web.HTTPException: there is no line, the form is none, or asks for what cannot be given.
    """
    with held(client_line(request), request):
        upload = await read_upload(request, most_bytes=round(request.app[SETTINGS].max_upload_mb * 1e6))
        options = _options(request, upload)
        sound = await sound_of(upload)
        async with _carried(request, FileLeg(uuid.uuid4().hex, sound, options)) as leg:
            if upload.last("stream").lower() == "true":
                return await _streamed(request, leg)
            return await _whole(request, leg, upload.last("response_format", "json"), len(sound) / SAMPLE_RATE)


def _options(request: web.Request, upload: Upload) -> RecognitionOptions:
    for name, values in upload.fields.items():
        if name not in _KNOWN:
            raise web.HTTPBadRequest(text=f"field {name}: cannot be given here; allowed: {', '.join(_KNOWN)}")
        allowed = _KNOWN[name]
        if allowed is not None and not allowed.issuperset(values):
            raise web.HTTPBadRequest(
                text=f"field {name}: got {values[-1][:60]!r}; allowed: {', '.join(sorted(allowed))}"
            )
    if len(upload.last("prompt")) > _MAX_PROMPT:
        raise web.HTTPBadRequest(text=f"field prompt: allowed: at most {_MAX_PROMPT} characters")
    language = upload.last("language")
    try:
        return RecognitionOptions(
            context=upload.last("prompt"),
            language=language_of(request, language) if language else None,
            partials=False,
            words="word" in upload.fields.get("timestamp_granularities", ()),
        )
    except Refused as why:
        raise web.HTTPBadRequest(text=str(why)) from None


@asynccontextmanager
async def _carried(request: web.Request, leg: FileLeg) -> AsyncIterator[FileLeg]:
    """Have `leg` carried as a client's that sends faster than it speaks; end that with whoever waits for it."""
    app, settings = request.app, request.app[SETTINGS]
    paced = ClientLeg(leg, arrival=Arrival(time.monotonic), lane=app[FAST_LANE], idle_s=0)
    carrying = asyncio.create_task(app[SWITCHBOARD].carry(paced, wire=WIRE, peer=peer(request, settings)))
    carrying.add_done_callback(lambda _: leg.over())
    try:
        yield leg
    finally:
        await cancelled(carrying)


async def _whole(request: web.Request, leg: FileLeg, form: str, seconds: float) -> web.Response:
    finals: list[Transcript] = []
    try:
        async for final in leg.finals():
            finals.append(final)
            if request.transport is None:
                raise ConnectionResetError("the client has hung up")
    except FileFailed as error:
        raise web.HTTPServiceUnavailable(text=str(error), headers={"Retry-After": "5"}) from None
    content_type, write = FORMATS[form]
    return web.Response(text=write(finals, seconds), content_type=content_type, charset="utf-8")


async def _streamed(request: web.Request, leg: FileLeg) -> web.StreamResponse:
    """Send each utterance as server-sent events, once it is recognised."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    told: list[Transcript] = []
    try:
        async for final in leg.finals():
            delta = f" {final.text}" if told else final.text
            told.append(final)
            await _send(response, {"type": "transcript.text.delta", "delta": delta})
        await _send(response, {"type": "transcript.text.done", "text": text_of(told)})
    except FileFailed as error:
        await _send(response, {"type": "error", "error": {"type": "server_error", "message": str(error)}})
    await response.write_eof()
    return response


async def _send(response: web.StreamResponse, event: Mapping[str, object]) -> None:
    await response.write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode(errors="replace"))
