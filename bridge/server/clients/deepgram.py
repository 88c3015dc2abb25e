"""The door of Deepgram's streaming socket, `/v1/listen`."""

import uuid
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from bot.languages import named
from bridge.server.app_keys import RESOURCES, SETTINGS
from bridge.server.auth import BEFORE_TOKEN
from bridge.server.clients.serving import refuse_language, serve_client
from telephony.deepgram import DeepgramProtocol
from telephony.deepgram_query import listen_options
from telephony.malformed import Refused


async def listen(request: web.Request) -> web.StreamResponse:
    """Transcribe what the client streams.

    Raises:
        web.HTTPBadRequest: its query asks for what cannot be given.
    """
    try:
        options = listen_options(request.query.items(), language_of=partial(language_of, request))
    except Refused as why:
        raise web.HTTPBadRequest(text=str(why)) from None
    protocol = DeepgramProtocol(
        str(uuid.uuid4()),
        options,
        model=getattr(request.app[RESOURCES].asr, "name", "bridge"),
        created=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        max_bytes=request.app[SETTINGS].max_message_bytes,
    )
    return await serve_client(request, protocol, wire="deepgram", subprotocols=tuple(BEFORE_TOKEN))


def language_of(request: web.Request, tag: str) -> str:
    """Return the English name of the language that `tag` ("en-US") means to the recogniser.

    Raises:
        Refused: it does not know it.
    """
    name = named(tag)
    if why := refuse_language(request, name):
        raise Refused(f"language {tag[:40]!r}: {why}")
    return name
