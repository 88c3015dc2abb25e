"""The answer of an HTTP API, read whole: what is cut off, too long or no object is an error, never an empty answer."""

from typing import Final

import aiohttp

from telephony.jsontext import Fields, object_of_body

MOST_BYTES: Final = 256 * 1024
"""The longest answer that is read; the description of a call has 2 kB."""
_SHOWN_CHARS: Final = 200


class BrokenAnswer(Exception):
    """An answer that says yes and cannot be read; the text says why."""


async def read_whole(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body.

    Raises:
        BrokenAnswer: it is longer than MOST_BYTES, or was cut off.
        TimeoutError, aiohttp.ClientError, OSError: as of any request.
    """
    body = b""
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MOST_BYTES:
                raise BrokenAnswer(f"answered with more than {MOST_BYTES} bytes")
    except aiohttp.ClientPayloadError as error:
        raise BrokenAnswer(f"broke off its answer after {len(body)} bytes: {error}") from error
    return body


def object_in(body: bytes) -> Fields:
    """Return the object that an answer is; {} where it has no body.

    Raises:
        BrokenAnswer: it is none.
    """
    try:
        return object_of_body(body)
    except ValueError as error:
        shown = repr(body.decode(errors="replace")[:_SHOWN_CHARS])
        raise BrokenAnswer(f"answered with {error}: {shown}") from None


def object_in_refusal(body: bytes) -> Fields:
    """Return the object in an answer that says no; {} where there is none: proxies refuse in HTML."""
    try:
        return object_of_body(body)
    except ValueError:
        return {}
