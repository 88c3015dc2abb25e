import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.backends.process.frames import Frame, FrameError, FrameKind, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_frames_arrive_whole_and_in_order(pair: Pair) -> None:
    ours, theirs = pair
    sent = [
        Frame(FrameKind.ASK, 7, b'{"a": 1}', b"\x00\x01"),
        Frame(FrameKind.ABORT, 2**64 - 1),
        Frame(FrameKind.READY, 0, b"{}"),
    ]
    for frame in sent:
        send(ours, frame)
    assert [receive(theirs) for _ in sent] == sent


def test_more_than_the_socket_holds_arrives(pair: Pair) -> None:
    ours, theirs = pair
    audio = bytes(range(256)) * 20_000
    writer = threading.Thread(target=send, args=(ours, Frame(FrameKind.ASK, 1, b"{}", memoryview(audio))))
    writer.start()
    frame = receive(theirs)
    writer.join()
    assert frame
    assert bytes(frame.payload) == audio


def test_the_end_between_frames_is_no_error(pair: Pair) -> None:
    ours, theirs = pair
    send(ours, Frame(FrameKind.ABORT, 1))
    ours.close()
    assert receive(theirs) == Frame(FrameKind.ABORT, 1)
    assert receive(theirs) is None


@pytest.mark.parametrize("length", [1, 16, 17, 20])
def test_the_end_inside_a_frame_is_an_error(pair: Pair, length: int) -> None:
    ours, theirs = pair
    ours.sendall((struct.pack("!BQII", FrameKind.ASK, 1, 4, 4) + b"12345678")[:length])
    ours.close()
    with pytest.raises(FrameError, match=r"ends after \d+ of"):
        receive(theirs)


@pytest.mark.parametrize("fields", [(0, 1, 0, 0), (99, 1, 0, 0), (4, 1, 2**32 - 1, 0), (4, 1, 0, 2**32 - 1)])
def test_what_is_no_frame_is_refused_before_memory_is_taken(pair: Pair, fields: tuple[int, int, int, int]) -> None:
    ours, theirs = pair
    ours.sendall(struct.pack("!BQII", *fields))
    with pytest.raises(FrameError, match=f"frame of kind {fields[0]}"):
        receive(theirs)


@given(st.binary(min_size=1, max_size=200))
def test_noise_ends_in_a_frame_or_a_frame_error(noise: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(noise)
        ours.shutdown(socket.SHUT_WR)
        with suppress(FrameError):
            while frame := receive(theirs):
                assert len(frame.head) + len(frame.payload) < len(noise)
