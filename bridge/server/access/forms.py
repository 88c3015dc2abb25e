"""The body of a request, in bounded time, and a form made of it: whatever a stranger sends is a form or refused."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from multidict import MultiDict, MultiDictProxy

from bridge.admission.refusals import Why
from bridge.server.access.refused import InParts, Malformed, TooSlow

BODY_S: Final = 10.0
"""So long a peer may take to send what it has to say: 64 KiB at most, from a carrier or a switch."""
_CHARSETS: Final[Mapping[str, str]] = MappingProxyType(
    {"": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1"}
)
"""Python knows many more; some take a quarter of a second for 64 KiB, with the event loop waiting."""
_MAX_FIELDS: Final = 1000


async def read_body(request: web.Request, *, limit_s: float = BODY_S) -> bytes:
    """Return the whole body.

    Raises:
        TooSlow: it is not there within `limit_s`.
        Malformed: its framing is broken, or it is compressed.
        web.HTTPRequestEntityTooLarge: it is larger than the server takes.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Malformed(Why.MALFORMED, "a compressed body is not taken")
    try:
        async with asyncio.timeout(limit_s):
            return await request.read()
    except TimeoutError:
        raise TooSlow(Why.SLOW, f"the request was not complete in {limit_s:g} s") from None
    except web.RequestPayloadError as error:
        raise Malformed(Why.MALFORMED, f"the body is broken: {error}") from None


async def read_form(request: web.Request, *, limit_s: float = BODY_S) -> MultiDictProxy[str]:
    """Return the fields of a form that is in the body; none where there is another kind of body, or none.

    Raises:
        InParts: a multipart form, which no carrier sends.
        Malformed: it is no form.
        TooSlow, web.HTTPRequestEntityTooLarge: as for `read_body`.
    """
    if request.content_type == "multipart/form-data":
        if "boundary=" not in request.headers.get(hdrs.CONTENT_TYPE, "").lower():
            raise Malformed(Why.MALFORMED, "a multipart form needs a boundary")
        raise InParts(Why.MALFORMED, "send the form as application/x-www-form-urlencoded, not in parts")
    charset = _CHARSETS.get((request.charset or "").lower())
    if charset is None:
        raise Malformed(Why.MALFORMED, f"the charset {(request.charset or '')[:40]!r} is not taken: send UTF-8")
    if request.content_type not in {"", "application/x-www-form-urlencoded"}:
        return MultiDictProxy(MultiDict())
    body = await read_body(request, limit_s=limit_s)
    try:
        text = body.rstrip().decode(charset)
        fields = parse_qsl(text, True, encoding=charset, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise Malformed(Why.MALFORMED, f"the form cannot be read: {error}") from None
    return MultiDictProxy(MultiDict(fields))
