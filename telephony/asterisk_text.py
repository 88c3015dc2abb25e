"""The control messages of Asterisk's chan_websocket, in both of their forms: plain text and JSON."""

import json
from typing import Final

from telephony.errors import LocalProtocolError
from telephony.jsontext import Fields, json_object

MAX_TEXT_BYTES: Final = 128
"""Asterisk does not see what is longer."""


def is_json(message: str) -> bool:
    """Return which of the two it is: no plain message begins with a brace."""
    return message.startswith("{")


def parsed(message: str) -> tuple[object, Fields]:
    """Return the event and its fields.

    Raises:
        Refused: it is broken JSON.
    """
    if not is_json(message):
        return _plain(message)
    fields = json_object(message)
    return fields.get("event"), fields


def command(name: str, about: str = "", *, as_json: bool) -> str:
    """Return what has Asterisk do `name`; `about`: the mark it is about.

    Raises:
        LocalProtocolError: it is too long.
    """
    if as_json:
        text = json.dumps({"command": name, **({"correlation_id": about} if about else {})})
    else:
        text = f"{name} {about}".rstrip()
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise LocalProtocolError(f"{text!r} is longer than the {MAX_TEXT_BYTES} bytes that Asterisk reads")
    return text


def _plain(message: str) -> tuple[str, Fields]:
    """Return the event and its fields; what is behind it as a whole is the id of a mark, or the text of an error."""
    event, _, rest = message.partition(" ")
    if event == "MEDIA_MARK_PROCESSED":
        return event, {"correlation_id": rest}
    if event == "ERROR":
        return event, {"error_text": rest}
    return event, {key: value for word in rest.split() for key, found, value in [word.partition(":")] if found}
