"""The doors of the bridge's own protocol: `/ws`, for transcripts, and `/talk`, with a bot."""

import uuid
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from bridge.listening.listener import attend
from bridge.listening.transcript_feed import EVERY_CALL
from bridge.server.app_keys import FEED, SETTINGS, SIBLINGS
from bridge.server.clients.serving import refuse_language, serve_client
from bridge.server.websocket_upgrade import accept
from bridge.speech import transliteration
from telephony.plain import SCRIPTS, PlainProtocol
from telephony.talk import TalkProtocol


def scripts() -> Sequence[str]:
    """Return in which scripts clients may have transcripts."""
    return SCRIPTS if transliteration.is_installed() else SCRIPTS[:1]


async def plain(request: web.Request) -> web.StreamResponse:
    """Transcribe what the client sends, or tell it what is said on calls that are only listened to."""
    if (call_id := request.query.get("listen")) is not None:
        settings = request.app[SETTINGS]
        socket = await accept(request, settings, pings=True)
        elsewhere, send_s = request.app[SIBLINGS].transcripts, settings.send_timeout
        await attend(socket, request.app[FEED], call_id or EVERY_CALL, send_s=send_s, elsewhere=elsewhere)
        return socket
    return await serve_client(request, _protocol(request, PlainProtocol), wire="plain")


async def talk(request: web.Request) -> web.StreamResponse:
    """Have a bot speak with the client."""
    return await serve_client(request, _protocol(request, TalkProtocol), wire="talk")


def _protocol(request: web.Request, kind: type[PlainProtocol]) -> PlainProtocol:
    return kind(
        uuid.uuid4().hex,
        refuse_language=partial(refuse_language, request),
        scripts=scripts(),
        max_bytes=request.app[SETTINGS].max_message_bytes,
    )
