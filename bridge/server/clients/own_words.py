"""Refusals in the words of the service that a client takes us for: each of them expects JSON of its own shape."""

import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

_Words = Callable[[int, str], tuple[Mapping[str, object], Mapping[str, str]]]
"""Takes a status and a reason; returns the body and the headers."""
_REASON_CHARS: Final = 500
_KEPT: Final = (hdrs.RETRY_AFTER, hdrs.ALLOW)

_DEEPGRAM_CODES: Final = {
    400: "INVALID_QUERY_PARAMETER",
    401: "INVALID_AUTH",
    403: "INSUFFICIENT_PERMISSIONS",
    413: "PAYLOAD_TOO_LARGE",
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
}
_OPENAI_CODES: Final = {401: "invalid_api_key", 429: "rate_limit_exceeded", 503: "server_overloaded"}


def _deepgram(status: int, reason: str) -> tuple[Mapping[str, object], Mapping[str, str]]:
    code, request_id = _DEEPGRAM_CODES.get(status, "REQUEST_REFUSED"), str(uuid.uuid4())
    body = {"err_code": code, "err_msg": reason, "request_id": request_id}
    return body, {"dg-error": reason.encode("ascii", "replace").decode(), "dg-request-id": request_id}


def _openai(status: int, reason: str) -> tuple[Mapping[str, object], Mapping[str, str]]:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error: Mapping[str, object] = {"message": reason, "type": kind, "param": None, "code": _OPENAI_CODES.get(status)}
    return {"error": error}, {}


def _plain(text: str) -> str:
    """Return one line that a header can carry, but for letters that are not ASCII's."""
    return "".join(filter(str.isprintable, " ".join(text.split())))[:_REASON_CHARS]


_WORDS: Final[Mapping[str, _Words]] = {
    "/v1/listen": _deepgram,
    "/v1/realtime": _openai,
    "/v1/audio/transcriptions": _openai,
    "/v1/audio/speech": _openai,
    **dict.fromkeys(("/v2/listen", "/v1/speak", "/v2/speak", "/v1/read", "/v1/agent/converse"), _deepgram),
    **dict.fromkeys(("/v1/audio/translations", "/v1/realtime/client_secrets", "/v1/realtime/calls"), _openai),
}
"""Of what is served here, and of what its clients might ask for beside it, which is not here."""


@web.middleware
async def in_own_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a refusal as the service would that the path belongs to."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        words = _WORDS.get(request.path)
        if words is None:
            raise
        gone = error.status == HTTPStatus.NOT_FOUND
        reason = f"{request.path} cannot be given here" if gone else error.text or error.reason
        body, headers = words(error.status, _plain(reason))
        kept = [(name, error.headers[name]) for name in _KEPT if name in error.headers]
        return web.json_response(body, status=error.status, headers=dict([*kept, *headers.items()]))
