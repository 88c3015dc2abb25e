"""The door of Deepgram's streaming socket, `/v1/listen`."""

import uuid
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from bridge.server.app_keys import RESOURCES, SETTINGS
from bridge.server.auth import BEFORE_TOKEN
from bridge.server.clients.serving import language_of, serve_client
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
