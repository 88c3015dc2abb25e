"""What comes to a buffer of the stack's, and what its decoder gets: the buffer is real, the receiver is ours."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_bool, c_int, c_size_t, c_uint, c_uint32, c_void_p
from importlib.util import find_spec

import pytest

from bridge.legs.sip.media.intake import AT_ONCE, HELD_MS, HELD_PACKETS, Intake, RtpHeader
from bridge.legs.sip.media.libre import FREED, Libre, OtherStack, pointer

pytestmark = pytest.mark.skipif(find_spec("baresip") is None, reason="the extra sip is not installed")

WAIT_MS = 40.0
STREAM = 0x1234
_HEARD = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_void_p, c_uint, c_bool, c_void_p, c_void_p)


@pytest.fixture(scope="module")
def libre() -> Libre:
    from baresip import _native

    library = Libre(_native.__file__)
    library.jbuf_alloc.argtypes = [c_void_p, c_uint32, c_uint32, c_uint32]
    library.jbuf_set_srate.argtypes = [c_void_p, c_uint32]
    library.jbuf_put.argtypes, library.jbuf_put.restype = [c_void_p] * 3, c_int
    return library


class Line:
    """One stream: packets go into the buffer, and those that are decoded come out."""

    def __init__(self, libre: Libre) -> None:
        self.libre, self.heard = libre, list[int]()
        self.changes = 0
        """Times the decoder was told of another sender."""
        self.freed = 0
        made = c_void_p()
        assert libre.jbuf_alloc(ctypes.byref(made), HELD_MS, HELD_MS, HELD_PACKETS) == 0
        self.buffer = int(made.value or 0)
        libre.jbuf_set_srate(self.buffer, 8000)
        self._decode, self._count = _HEARD(self._hear), FREED(self._free)
        self.socket, self.receiver = (c_void_p * 64)(), (c_void_p * 64)()
        functions = pointer(libre.rtprecv_decode), pointer(libre.rtprecv_handle_rtcp)
        self.socket[30:33] = [*functions, ctypes.addressof(self.receiver)]
        self.receiver[2] = self.buffer
        self.receiver[24:30] = [STREAM, ctypes.addressof(self.socket), None, pointer(self._decode), None, 0x77]

    def begin(self, intake: Intake) -> None:
        intake.begin(STREAM, ctypes.addressof(self.socket))

    def put(self, *numbers: int, ssrc: int = 7) -> None:
        for number in numbers:
            payload = self.libre.mem_zalloc(8, pointer(self._count))
            head = RtpHeader(number=number & 0xFFFF, timestamp=160 * number, arrived=1 + 160 * number, ssrc=ssrc)
            self.libre.jbuf_put(self.buffer, ctypes.byref(head), payload)
            self.libre.mem_deref(payload)

    def end(self) -> None:
        self.libre.mem_deref(self.buffer)

    def _hear(self, head: int, _: int, __: int, ___: int, ____: int, changed: bool, *_____: int) -> None:
        self.heard.append(RtpHeader.from_address(head).number)
        self.changes += changed

    def _free(self, _: int) -> None:
        self.freed += 1


@contextmanager
def lines(libre: Libre) -> Iterator[tuple[Intake, Line]]:
    intake, line = Intake(libre, wait_ms=WAIT_MS), Line(libre)
    line.begin(intake)
    yield intake, line
    line.end()


def test_the_stack_that_is_installed_is_the_one_that_this_is_written_for(libre: Libre) -> None:
    Intake(libre, wait_ms=WAIT_MS).check()


def test_a_burst_is_decoded_whole_and_at_once(libre: Libre) -> None:
    with lines(libre) as (intake, line):
        line.put(1)
        intake.drain(0)
        line.put(2, 3, 4, 5, 6)
        intake.drain(120)
        assert line.heard == [1, 2, 3, 4, 5, 6]
        assert line.freed == 6


def test_a_flood_takes_turns_and_loses_nothing(libre: Libre) -> None:
    with lines(libre) as (intake, line):
        line.put(*range(3 * AT_ONCE))
        intake.drain(0)
        assert line.heard == list(range(AT_ONCE))
        for turn in range(3):
            intake.drain(20 + turn * 20)
        assert line.heard == list(range(3 * AT_ONCE))


def test_what_was_overtaken_within_the_wait_takes_its_place_and_a_lost_one_is_left_out(libre: Libre) -> None:
    with lines(libre) as (intake, line):
        line.put(65_534, 0, 1)
        intake.drain(0)
        assert line.heard == [65_534]
        line.put(65_535)
        intake.drain(20)
        assert line.heard == [65_534, 65_535, 0, 1]
        line.put(3)
        intake.drain(40)
        intake.drain(40 + WAIT_MS)
        assert line.heard[4:] == [3]
        line.put(2, 3)
        intake.drain(120)
        assert line.heard[4:] == [3], "what comes too late or twice is no audio any more"
        assert line.freed == 7, "and nothing is kept of it"


def test_the_decoder_is_told_of_another_sender(libre: Libre) -> None:
    with lines(libre) as (intake, line):
        line.put(1, 2)
        intake.drain(0)
        line.put(900, 901, ssrc=8)
        intake.drain(20)
        assert (line.heard, line.changes) == ([1, 2, 900, 901], 1)


def test_a_stream_that_ends_is_forgotten_with_all_that_waited(libre: Libre) -> None:
    with lines(libre) as (intake, line):
        line.put(1, 5, 6)
        intake.drain(0)
        line.put(7)
    assert line.freed == 4
    intake.drain(1000)
    assert line.heard == [1]


def test_a_receiver_that_is_laid_out_in_another_way_is_no_crash(libre: Libre) -> None:
    line, intake = Line(libre), Intake(libre, wait_ms=WAIT_MS)
    line.receiver[24], line.receiver[20] = None, STREAM
    with pytest.raises(OtherStack, match="receivers"):
        line.begin(intake)
    line.socket[31] = None
    with pytest.raises(OtherStack, match="sockets"):
        line.begin(intake)
    line.end()
