"""The SDP in a body of several parts (RFC 2046, 5621). Pure.

SIP-I gateways put ISUP beside it, emergency calls a location.
"""

from typing import Final

MOST_PARTS: Final = 32
"""More is no INVITE of a telephone."""
_KIND: Final = b"application/sdp"


def sdp_of(body: bytes) -> bytes | None:
    """Return the SDP in `body`; None where it is not made of parts, or none of them is SDP.

    The boundary is taken from the body itself, whose first line it is, or the first behind a preamble.
    """
    begin = 0 if body.startswith(b"--") else body.find(b"\n--") + 1
    if not body.startswith(b"--", begin):
        return None
    boundary = body[begin:].split(b"\n", 1)[0].rstrip(b" \t\r")
    if len(boundary) <= 2:
        return None
    for part in (b"\n" + body[begin:]).split(b"\n" + boundary, MOST_PARTS + 1)[1 : MOST_PARTS + 1]:
        head, content = _cut(part)
        if _kind(head) == _KIND:
            text = content.strip()
            return text + b"\r\n" if text else None
    return None


def _cut(part: bytes) -> tuple[bytes, bytes]:
    """Return the headers of a part, and what is behind the empty line after them."""
    for empty in (b"\r\n\r\n", b"\n\n"):
        head, found, content = part.partition(empty)
        if found:
            return head, content
    return b"", b""


def _kind(head: bytes) -> bytes:
    for line in head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in {b"content-type", b"c"}:
            return value.partition(b";")[0].strip().lower()
    return b""
