"""What a target is, and how it reads the bytes of a fuzzer."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

Message = str | bytes

_SEPARATOR: Final = b"\x1e"
_BINARY: Final = b"!"


@dataclass(frozen=True, slots=True)
class Target:
    """One property of one parser or of a few that belong together."""

    name: str
    run: Callable[[bytes], None]
    """Takes whatever bytes; what it raises is a finding."""
    parsers: Sequence[str]
    """Modules that it tries out. Their words become the fuzzer's dictionary."""


def records(data: bytes) -> list[bytes]:
    """Return the parts of `data` between bytes 1e, which files of text may hold: one message or one field each."""
    return data.split(_SEPARATOR)


def messages(data: bytes) -> Iterator[Message]:
    """Yield the messages in `data`: text, or binary where a record begins with "!"."""
    for record in records(data):
        yield record[1:] if record.startswith(_BINARY) else clean(record)


def as_data(sent: Sequence[Message]) -> bytes:
    """Return the bytes that `messages` makes `sent` of."""
    return _SEPARATOR.join(one.encode() if isinstance(one, str) else _BINARY + one for one in sent)


def clean(data: bytes) -> str:
    """Return any text that can be encoded again, as sockets and files give it."""
    return data.decode(errors="replace")


def value(data: bytes) -> object:
    """Return the JSON value that `data` is, else its text."""
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError):
        return clean(data)
    return found


def pieces(data: bytes, sizes: bytes) -> Iterator[bytes]:
    """Cut `data` as a network might: into pieces of the `sizes`, over and over; no size is 0."""
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)] + 1 if sizes else len(data)
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def is_text(value: str) -> bool:
    """True where logs, JSON and sockets take it: without halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
