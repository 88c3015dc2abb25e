"""Fields of carriers' messages: what may be missing, what is written as text, and ids."""

import json
import re
from binascii import b2a_base64
from reprlib import repr as shown
from typing import Final

from telephony.errors import RemoteProtocolError
from telephony.jsontext import Fields, as_text, refusal

_ID: Final = re.compile("[\x21-\x7e]{1,256}")


def base64_text(payload: bytes) -> str:
    """Return `payload` in base64."""
    return b2a_base64(payload, newline=False).decode()


def identifier(name: str, value: object) -> str:
    """Return an id in a start.

    Raises:
        RemoteProtocolError: it is none.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise RemoteProtocolError(f"unusable start: {name} is {shown(value)}")
    return value


def fields_of(fields: Fields, name: str) -> Fields:
    """Return an object that may be missing, or written as an empty list, as PHP does: {} then."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def plain_texts(fields: Fields) -> dict[str, str]:
    """Return all that `fields` hold as texts."""
    return {name: as_text(value) for name, value in fields.items()}


def shown_fields(fields: Fields) -> str:
    """Return `fields` for a log line."""
    return json.dumps(fields)[:200]


def number_of(fields: Fields, name: str) -> int | None:
    """Return a counter, which carriers write as a string; None where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str) and len(value) < 16 and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    raise refusal(name, value, "a whole number below 10^15", where="media")
