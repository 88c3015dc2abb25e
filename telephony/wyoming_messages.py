"""The messages of Wyoming in a stream of bytes: a line of JSON, and as many bytes of JSON and payload as it says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from telephony.jsontext import Fields, json_object, object_of, text_of, whole_of
from telephony.malformed import Refused

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a header line, and of the JSON behind it."""
MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class WyomingMessage:
    """One message: its type, its data from both places, its payload."""

    kind: str
    data: Fields
    payload: bytes = b""


def message(kind: str, payload: bytes = b"", /, **data: object) -> bytes:
    """Return the bytes of one message."""
    more = json.dumps(data, ensure_ascii=False).encode(errors="replace") if data else b""
    sizes = {name: size for name, size in (("data_length", len(more)), ("payload_length", len(payload))) if size}
    return json.dumps({"type": kind, **sizes}).encode() + b"\n" + more + payload


class WyomingMessages:
    """Bytes of a stream into messages."""

    def __init__(self, *, max_bytes: int) -> None:
        """`max_bytes`: of a payload."""
        self._max_bytes = max_bytes
        self._bytes = bytearray()
        self._head: Fields | None = None  # of the message whose rest is to come

    def feed(self, data: bytes) -> Iterator[WyomingMessage]:
        """Yield the messages that `data` makes whole.

        Raises:
            Refused: the stream is none of Wyoming's, or something in it is too long: nothing behind it can be read.
        """
        self._bytes += data
        while (head := self._head or self._line()) is not None:
            self._head = head
            more = _length(head, "data_length", MAX_HEAD_BYTES)
            size = more + _length(head, "payload_length", self._max_bytes)
            if len(self._bytes) < size:
                return
            self._head = None
            rest = bytes(self._bytes[:size])
            del self._bytes[:size]
            own = object_of(head, "data") if head.get("data") is not None else {}
            whole = {**own, **(_object(rest[:more]) if more else {})}
            yield WyomingMessage(text_of(head, "type", at_most=MAX_NAME), whole, rest[more:])

    def _line(self) -> Fields | None:
        """Return the header that comes next, once its line has ended."""
        end = self._bytes.find(b"\n", 0, MAX_HEAD_BYTES)
        if end < 0 and len(self._bytes) >= MAX_HEAD_BYTES:
            raise Refused(f"header: got no end of the line; allowed: at most {MAX_HEAD_BYTES} bytes")
        if end < 0:
            return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        return {"type": None, **_object(line)}


def _object(text: bytes) -> Fields:
    try:
        return json_object(text.decode())
    except UnicodeDecodeError:
        raise Refused("message: it is no UTF-8; allowed: JSON text") from None


def _length(head: Fields, name: str, most: int) -> int:
    return 0 if head.get(name) is None else whole_of(head, name, 0, between=(0, most))
