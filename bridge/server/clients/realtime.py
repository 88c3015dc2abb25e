"""The door of OpenAI's Realtime socket, `/v1/realtime`."""

import uuid
from functools import partial
from typing import Final

from aiohttp import hdrs, web

from bridge.server.app_keys import SETTINGS
from bridge.server.clients.serving import language_of, serve_client
from telephony.realtime import RealtimeProtocol

SUBPROTOCOL: Final = "realtime"
"""What browsers offer beside their key."""
_BETA_HEADER: Final = "OpenAI-Beta"
_BETA_PROTOCOL: Final = "openai-beta.realtime-v1"
_RECOGNISERS: Final = ("transcribe", "whisper")
"""In the name of a model that is no voice agent."""


async def realtime(request: web.Request) -> web.StreamResponse:
    """Have a bot speak with the client, or transcribe what it says."""
    settings, model = request.app[SETTINGS], request.query.get("model", "")
    asks_for_text = request.query.get("intent") == "transcription" or any(name in model for name in _RECOGNISERS)
    offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
    protocol = RealtimeProtocol(
        uuid.uuid4().hex[:16],
        transcription_only=asks_for_text,
        beta="realtime" in request.headers.get(_BETA_HEADER, "") or _BETA_PROTOCOL in offered,
        language_of=partial(language_of, request),
        voice=str(settings.tts),
        bot=model or str(settings.bot),
        max_bytes=settings.max_message_bytes,
    )
    return await serve_client(request, protocol, wire="realtime", subprotocols=(SUBPROTOCOL,))
