"""Messages between the bridge and a process that works for it: a kind, a number, a head of JSON, raw bytes."""

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_FIXED: Final = struct.Struct("!BQII")
_LONGEST_HEAD: Final = 1 << 20
_LONGEST_PAYLOAD: Final = 1 << 28
"""Bytes: over an hour of float32 audio at 16 kHz. More is no audio but a broken stream."""


class FrameError(Exception):
    """What came over the socket is not a frame: the other side broke, or died in the middle of one."""


class FrameKind(IntEnum):
    """What a frame is for. Answers carry the number of what they answer."""

    OPTIONS = 1  # to the child, first and once: how to load
    READY = 2  # from the child: it takes orders; the head says what was loaded
    FAILED = 3  # from the child: it ends, and why
    ASK = 4
    ABORT = 5  # to the child: nobody waits for that answer any more
    ANSWER = 6
    REFUSED = 7  # instead of an answer


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    kind: FrameKind
    number: int = 0
    head: bytes = b""
    payload: bytes | bytearray | memoryview = b""


def send(sock: socket.socket, frame: Frame) -> None:
    """Write `frame`. Blocks for as long as the other side does not read.

    Raises:
        OSError: nobody is there.
    """
    size = memoryview(frame.payload).nbytes
    sock.sendall(_FIXED.pack(frame.kind, frame.number, len(frame.head), size) + frame.head)
    if size:
        sock.sendall(frame.payload)


def receive(sock: socket.socket) -> Frame | None:
    """Return the next frame, None when the other side is gone. Blocks until it is whole.

    Raises:
        FrameError: it is no frame, or ends in the middle.
    """
    fixed = _exactly(sock, _FIXED.size, may_end=True)
    if fixed is None:
        return None
    kind, number, head, payload = _FIXED.unpack(fixed)
    if kind not in iter(FrameKind) or head > _LONGEST_HEAD or payload > _LONGEST_PAYLOAD:
        raise FrameError(f"frame of kind {kind} with {head} and {payload} bytes")
    return Frame(FrameKind(kind), number, bytes(_exactly(sock, head) or b""), _exactly(sock, payload) or b"")


def _exactly(sock: socket.socket, size: int, *, may_end: bool = False) -> bytearray | None:
    buffer = bytearray(size)
    filled = 0
    with memoryview(buffer) as room:
        while filled < size:
            try:
                read = sock.recv_into(room[filled:])
            except ConnectionError:  # it died with our words unread
                read = 0
            if not read:
                if may_end and not filled:
                    return None
                raise FrameError(f"the stream ends after {filled} of {size} bytes")
            filled += read
    return buffer
