"""The frames between the bridge and the process that holds the SIP stack: their kinds, and a stream cut into them.

A frame is its length (4 bytes, big-endian), then what this module takes and gives: a kind (1 byte), the number of the
call (4 bytes; 0 is the process itself) and a body, JSON, text or bytes. `telephony/sip.py` says which make a call.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

LONGEST_FRAME: Final = 1 << 24
"""Bytes; minutes of audio. More is a broken stream, and so is silence that would be longer."""

_LENGTH: Final = struct.Struct("!I")
_HEAD: Final = struct.Struct("!BI")


class Kind(IntEnum):
    """What a frame is for."""

    # to the stack
    OPTIONS = 1  # first and once
    ANSWER = 2
    DIAL = 3
    PLAY = 4
    MARK = 5
    CLEAR = 6
    HANGUP = 7
    TRANSFER = 8
    SEND_DIGITS = 9
    PING = 10  # answered with PONG at once
    SEND_INFO = 11  # answered with INFO_ANSWERED
    REFUSE = 12  # a call that rings, for which there is no line
    RENEW = 13  # OPTIONS again: certificate and passwords are taken over
    JOIN = 14  # answered with JOINED
    # from the stack
    READY = 32  # first and once
    FAILED = 33  # the process ends, and why
    REGISTERED = 34
    LOG = 35
    INCOMING = 36
    STARTED = 37
    AUDIO = 38
    SILENCE = 39
    DIGIT = 40
    PLAYED = 41
    TROUBLE = 42
    ENDED = 43
    REFUSED = 44  # too many calls a second, or by a password
    NOT_TRANSFERRED = 45
    PONG = 46
    INFO_ANSWERED = 47
    JOINED = 48
    LATCHED = 50  # a stream goes where its packets come from, which is not where its SDP says


class FrameError(Exception):
    """What came over the socket is no frame: the other side broke."""


def frame(kind: Kind, call: int = 0, body: bytes = b"") -> bytes:
    """Return a frame without its length, as `SipProtocol` takes and gives them."""
    return _HEAD.pack(kind, call) + body


def json_frame(kind: Kind, call: int = 0, /, **fields: object) -> bytes:
    """Return a frame with a JSON body."""
    return frame(kind, call, json.dumps(fields).encode())


def split(data: bytes) -> tuple[Kind, int, bytes]:
    """Return kind, call and body of a frame.

    Raises:
        FrameError: it is none.
    """
    try:
        kind, call = _HEAD.unpack_from(data)
        return Kind(kind), call, data[_HEAD.size :]
    except (struct.error, ValueError) as error:
        raise FrameError(f"no frame: {data[:16]!r}: {error}") from None


def fields(body: bytes) -> Mapping[str, object]:
    """Return what a JSON body holds.

    Raises:
        FrameError: it is no object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {body[:80]!r}: {error}") from None
    if not isinstance(value, dict):
        raise FrameError(f"no object: {body[:80]!r}")
    return value


def on_the_wire(frames: Sequence[str | bytes]) -> bytes:
    """Return `frames` with their lengths, as they go over the socket."""
    parts: list[bytes] = []
    for data in frames:
        raw = data.encode() if isinstance(data, str) else data
        parts += (_LENGTH.pack(len(raw)), raw)
    return b"".join(parts)


class Frames:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that `data` completes.

        Raises:
            FrameError: one is longer than any we send.
        """
        self._buffer += data
        found: list[bytes] = []
        begin = 0
        while len(self._buffer) - begin >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, begin)
            if not _HEAD.size <= length <= LONGEST_FRAME:
                raise FrameError(f"a frame of {length} bytes")
            end = begin + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            found.append(bytes(self._buffer[begin + _LENGTH.size : end]))
            begin = end
        del self._buffer[:begin]
        return found
