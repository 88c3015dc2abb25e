"""A SIP request or response as bytes, taken apart (RFC 3261, sections 7 and 25). Its meaning is elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LONGEST_MESSAGE: Final = 1 << 16
"""Bytes; more is no message. UDP carries no longer one."""
MOST_HEADERS: Final = 256
_COMPACT: Final = {
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "l": "content-length",
    "m": "contact",
    "r": "refer-to",
    "t": "to",
    "v": "via",
}
"""The short names of section 7.3.3 that we look at."""
_VERSION: Final = "SIP/2.0"


class NoMessage(ValueError):
    """These bytes are no SIP message; the text says why."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message. Texts are UTF-8; bytes that are none became U+FFFD. No text has a line break or another control."""

    method: str
    """Of a request; "" for a response."""
    uri: str
    """Of a request, as it was written."""
    status: int
    """Of a response; 0 for a request."""
    headers: Sequence[tuple[str, str]]
    """Names in lower case, compact ones in full; values on one line, in the order they came."""
    body: bytes

    def all(self, name: str) -> Sequence[str]:
        """Return the values of a header, name in lower case, one a line of the message."""
        return [value for found, value in self.headers if found == name]

    def first(self, name: str) -> str:
        """Return the first value of a header, "" where there is none."""
        return next(iter(self.all(name)), "")

    @property
    def content_type(self) -> str:
        """The media type of the body without its parameters, in lower case."""
        return self.first("content-type").partition(";")[0].strip().lower()


def parse(data: bytes) -> SipMessage:
    """Return the message that `data` is.

    Raises:
        NoMessage: it is none.
    """
    if len(data) > LONGEST_MESSAGE:
        raise NoMessage(f"{len(data)} bytes; at most {LONGEST_MESSAGE} are a message")
    head, body = _cut(data)
    start, *lines = _lines(head)
    first, _, rest = start.partition(" ")
    second, _, third = rest.partition(" ")
    headers = _headers(lines)
    body = body[: _length(headers, len(body))]
    if first == _VERSION and second.isascii() and second.isdigit() and len(second) == 3:
        return SipMessage("", "", int(second), headers, body)
    if third != _VERSION or not first or not second:
        raise NoMessage(f"begins with {start[:80]!r}")
    return SipMessage(first, second, 0, headers, body)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Return head and body, where the first empty line is; old peers end lines with LF alone."""
    ends = [(at, len(end)) for end in (b"\r\n\r\n", b"\n\n", b"\n\r\n") if (at := data.find(end)) >= 0]
    at, size = min(ends, default=(len(data), 0))
    return data[:at].rstrip(b"\r\n"), data[at + size :]


def _length(headers: Sequence[tuple[str, str]], there: int) -> int:
    """Return the bytes of the body: over UDP more may follow, which is not the message's."""
    told = next((value for name, value in headers if name == "content-length"), "")
    return min(int(told), there) if told.isascii() and told.isdigit() and len(told) < 8 else there


def _lines(head: bytes) -> list[str]:
    """Return the lines of a head; one that begins with a blank goes on with the line before it."""
    lines: list[list[str]] = []
    for raw in head.split(b"\n"):
        line = _clean(raw.rstrip(b"\r").decode(errors="replace"))
        if line[:1] == " " and lines:
            lines[-1].append(line.strip())
        else:
            lines.append([line.strip()])
    return [" ".join(parts) for parts in lines]


def _headers(lines: Sequence[str]) -> Sequence[tuple[str, str]]:
    if len(lines) > MOST_HEADERS:
        raise NoMessage(f"{len(lines)} headers; at most {MOST_HEADERS} are taken")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NoMessage(f"a line is no header: {line[:80]!r}")
        plain = name.strip().lower()
        headers.append((_COMPACT.get(plain, plain), value.strip()))
    return headers


def _clean(text: str) -> str:
    """Return `text` without controls: what a peer wrote must not begin a line of a log or of another message.

    A tab is a blank (RFC 3261, section 25.1), wherever it stands.
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text.replace("\t", " "))
