"""JSON text of a peer that may be anybody: objects, and what their fields hold."""

import json
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from reprlib import repr as shown
from typing import Final

from telephony.events import KEYS, Dtmf
from telephony.malformed import Refused

MAX_CHARS: Final = 128 * 1024

Fields = Mapping[str, object]

_scan: Final = json.JSONDecoder().raw_decode  # json.loads without its search for white space: half the time


class FieldRefused(Refused):
    """What cannot be taken, in parts, for a wire that says it in its own way."""

    def __init__(self, what: str, value: object, allowed: str) -> None:
        super().__init__(f"{what}: got {shown(value)}; allowed: {allowed}")
        self.what, self.value, self.allowed = what, value, allowed


def json_object(message: str | bytes, *, at_most: int = MAX_CHARS) -> Fields:
    """Return the object that `message` is.

    Raises:
        Refused: it is none, is longer than `at_most` characters, or holds what is no text.
    """
    if isinstance(message, bytes):
        raise Refused(f"message: got {len(message)} binary bytes; allowed: JSON text")
    if len(message) > at_most:
        raise Refused(f"message: got {len(message)} characters; allowed: at most {at_most}")
    try:
        parsed, end = _scan(text := message.strip())
        if end != len(text):
            raise ValueError(f"more text at character {end}")
        if "\\u" in message:  # half a surrogate pair is legal JSON but no text: logs, engines and bots choke on it
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise FieldRefused("message", message, f"JSON ({error})") from None
    if not isinstance(parsed, dict):
        raise FieldRefused("message", parsed, "a JSON object")
    return parsed


def object_of_body(body: bytes) -> Fields:
    """Return the object that the body of an HTTP answer is; {} where there is no body.

    Raises:
        ValueError: it is none.
    """
    return _as_object(_value_of_body(body))


def objects_of_body(body: bytes, *, at_most: int) -> Sequence[Fields]:
    """Return the object that the body of a request is, or those of a list of `at_most`.

    Raises:
        ValueError: it is neither.
    """
    value = _value_of_body(body)
    if not isinstance(value, list):
        return [_as_object(value)]
    if not 0 < len(value) <= at_most:
        raise ValueError(f"a list of {len(value)}; allowed: 1 to {at_most}")
    return [_as_object(one) for one in value]


def _value_of_body(body: bytes) -> object:
    if not body.strip():
        return {}
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({error})") from None


def _as_object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise ValueError(f"no JSON object but {type(value).__name__}")
    return value


def text_of(fields: Fields, name: str, *, where: str = "", at_most: int | None = None) -> str:
    """Return a text of `fields`, of `at_most` characters. `where`: what the message calls `fields`.

    Raises:
        Refused: it is none, or is too long.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        raise refusal(name, value, f"text of at most {at_most} characters" if at_most else "a string", where=where)
    if at_most is not None and len(value) > at_most:
        raise Refused(f"field {_path(where, name)}: got {len(value)} characters; allowed: at most {at_most}")
    return value


def object_of(fields: Fields, name: str) -> Fields:
    """Return an object of `fields`.

    Raises:
        Refused: it is none.
    """
    value = fields.get(name)
    if not isinstance(value, dict):
        raise refusal(name, value, "an object")
    return value


def truth_of(fields: Fields, name: str, default: bool) -> bool:
    """Return true or false.

    Raises:
        Refused: it is neither.
    """
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise refusal(name, value, "true, false")
    return value


def whole_of(fields: Fields, name: str, default: int, *, between: tuple[int, int]) -> int:
    """Return a whole number.

    Raises:
        Refused: it is none, or lies outside `between`.
    """
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not between[0] <= value <= between[1]:
        raise refusal(name, value, f"a whole number from {between[0]} to {between[1]}")
    return value


def number_of(fields: Fields, name: str, default: float, *, between: tuple[float, float]) -> float:
    """Return a number.

    Raises:
        Refused: it is none, or lies outside `between`.
    """
    value = fields.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not between[0] <= value <= between[1]:
        raise refusal(name, value, f"a number from {between[0]:g} to {between[1]:g}")
    return float(value)


def key_of(fields: Fields, name: str, *, where: str = "") -> Dtmf:
    """Return a key of the telephone. `where`: what the message calls `fields`.

    Raises:
        Refused: it is none.
    """
    digit = text_of(fields, name, where=where).upper()
    if digit not in KEYS:
        raise refusal(name, digit, "one of 0-9 * # A-D", where=where)
    return Dtmf(digit)


def audio_of(fields: Fields, name: str, *, where: str, at_most: int) -> bytes:
    """Return audio of `at_most` bytes that is base64, also with line breaks in it or without its padding.

    Raises:
        Refused: it is none, or is too long.
    """
    text = text_of(fields, name, where=where)
    if len(text) > at_most * 3 // 2:  # a line break each 76 characters is 3 % more, and 4 characters are 3 bytes
        raise Refused(f"field {_path(where, name)}: got {len(text)} characters; allowed: {at_most} bytes")
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        pass  # most likely it is written in another way
    bare = "".join(text.split()).rstrip("=")
    try:
        return a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError as error:
        raise refusal(name, text, f"base64 ({error})", where=where) from None


def as_text(value: object) -> str:
    """Return a plain value of JSON as text: "true", "7", "" for null; what is no plain value as the JSON it was."""
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def to_json(**fields: object) -> str:
    """Return one line of readable JSON: Devanagari stays Devanagari; what is no text at all becomes "?"."""
    return json.dumps(fields, ensure_ascii=False).encode(errors="replace").decode()


def refusal(name: str, value: object, allowed: str, *, where: str = "") -> FieldRefused:
    """Return what to raise for a field that cannot be taken."""
    return FieldRefused(f"field {_path(where, name)}", value, allowed)


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
