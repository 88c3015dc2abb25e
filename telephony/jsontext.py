"""JSON text of a peer that may be anybody."""

import json
from collections.abc import Mapping
from reprlib import repr as shown
from typing import Final

from telephony.malformed import Refused

MAX_CHARS: Final = 128 * 1024

Fields = Mapping[str, object]

_scan: Final = json.JSONDecoder().raw_decode  # json.loads without its search for white space: half the time


def json_object(message: str | bytes) -> Fields:
    """Return the object that `message` is.

    Raises:
        Refused: it is none, is longer than MAX_CHARS, or holds what is no text.
    """
    if isinstance(message, bytes):
        raise Refused(f"message: got {len(message)} binary bytes; allowed: JSON text")
    if len(message) > MAX_CHARS:
        raise Refused(f"message: got {len(message)} characters; allowed: at most {MAX_CHARS}")
    try:
        parsed, end = _scan(text := message.strip())
        if end != len(text):
            raise ValueError(f"more text at character {end}")
        if "\\u" in message:  # half a surrogate pair is legal JSON but no text: logs and bots would choke on it
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused(f"message: got {shown(message)}; allowed: JSON ({error})") from None
    if not isinstance(parsed, dict):
        raise Refused(f"message: got {shown(parsed)}; allowed: a JSON object")
    return parsed


def text_of(fields: Fields, where: str, name: str) -> str:
    """Return a text of `fields`, which are called `where` in the message.

    Raises:
        Refused: it is none.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        raise Refused(f"field {where + '.' if where else ''}{name}: got {shown(value)}; allowed: a string")
    return value


def object_of(fields: Fields, name: str) -> Fields:
    """Return an object of `fields`.

    Raises:
        Refused: it is none.
    """
    value = fields.get(name)
    if not isinstance(value, dict):
        raise Refused(f"field {name}: got {shown(value)}; allowed: an object")
    return value
