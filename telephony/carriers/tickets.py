"""Tickets: what a webhook was told of a call, signed by us, in the address of the stream that its answer orders.

Not every carrier signs the socket that it opens, and each limits parameters in another way. A ticket says that the
stream was ordered here, moments ago, and carries what the bot is told. Only the carrier sees it.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

GOOD_S: Final = 120.0
"""Carriers open the stream as soon as they have the answer; one that must be dialled again has a second try."""
MOST_CHARS: Final = 1500
"""Of a ticket: addresses of 2,000 characters are taken everywhere. Parameters that come last are left out."""
_VALUE_CHARS: Final = 256


def write(key: bytes, carrier: str, told: Mapping[str, str], *, now_s: float, most_chars: int = MOST_CHARS) -> str:
    """Return a ticket for a stream of `carrier`. `now_s`: Unix time. What exceeds `most_chars` is left out."""
    fitting: dict[str, str] = {}
    text = ""
    for name, value in [("", ""), *told.items()]:
        wider = {**fitting, name: value[:_VALUE_CHARS]} if name else {}
        if len(longer := _text(wider, int(now_s + GOOD_S))) <= most_chars:
            fitting, text = wider, longer
    return f"{text}.{_seal(key, carrier, text)}"


def read(key: bytes, carrier: str, ticket: str, *, now_s: float) -> Mapping[str, str] | None:
    """Return what `ticket` tells; None where it is none of ours for `carrier`, or is too old."""
    text, _, seal = ticket.partition(".")
    right = _seal(key, carrier, text)
    if len(ticket) > 2 * MOST_CHARS or not hmac.compare_digest(right.encode(), seal.encode(errors="replace")):
        return None
    try:
        until_s, told = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError, TypeError):  # the seal is ours, so this was written by another version
        return None
    return told if isinstance(told, dict) and now_s <= until_s else None


def _text(told: Mapping[str, str], until_s: int) -> str:
    plain = json.dumps([until_s, told], separators=(",", ":")).encode()
    return urlsafe_b64encode(plain).rstrip(b"=").decode()


def _seal(key: bytes, carrier: str, text: str) -> str:
    digest = hmac.digest(key, f"stream of {carrier}.{text}".encode(errors="replace"), hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
