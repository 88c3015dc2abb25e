"""Hands the packets of all calls to the stack's decoders: as soon as they are here, in their order, and all of them.

The stack's own jitter buffer (jbuf.c and rtprecv.c of baresip 4) keeps an even pace, which speech for a recogniser does
not need: it delays every call, and of the packets that are due in one moment it plays the last and throws the others
away. So of what a network holds back and delivers in a burst little is left. That buffer is told to hold everything for
longer than any of it stays there, and is emptied from here.
"""

import ctypes
import logging
from collections.abc import Callable, Sequence
from ctypes import c_bool, c_size_t, c_uint, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Final

from bridge.legs.sip.media.libre import FREED, Buffer, Libre, OtherStack, Text, pointer
from telephony.reorder import Reorder

log = logging.getLogger(__name__)

HELD_MS: Final = 60_000
"""What the stack's buffer is told to hold packets for."""
HELD_PACKETS: Final = 250
"""What it has room for, should nobody empty it: five seconds."""
AT_ONCE: Final = 15
"""Packets of a call that are taken in one turn: what they become must fit where the decoder puts it."""
RELEASE: Final = b"4.10.0"
"""The stack whose receivers are laid out as is written here."""
_WORD: Final = ctypes.sizeof(c_void_p)
_SOCKET_WORDS: Final = 36  # how far into an RTP socket its receiver is looked for
_RECEIVER_WORDS: Final = 48  # how far into a receiver its stream is
_DECODE: Final = ctypes.CFUNCTYPE(
    None, c_void_p, c_void_p, c_size_t, c_void_p, c_uint, c_bool, ctypes.POINTER(c_bool), c_void_p
)
"""stream_rtp_h: header, extensions, their number, payload, packets lost, another sender, to be ignored, argument."""


class RtpHeader(ctypes.Structure):
    """struct rtp_header, as far as it is read."""

    _fields_ = (
        ("flags", c_uint8 * 5),
        ("kind", c_uint8),
        ("number", c_uint16),
        ("timestamp", c_uint32),
        ("arrived", c_uint64),
        ("ssrc", c_uint32),
        ("rest", c_uint8 * 160),
    )


_Packet = tuple[RtpHeader, int]
"""Its head, and where its payload is, of which we hold a reference."""


@dataclass(slots=True)
class _Receiver:
    """One stream. What is an int is an address in the stack's memory, good for as long as the stream is."""

    buffer: int
    decode: Callable[..., None]
    argument: int
    packets: Reorder[_Packet]
    ssrc: int | None = None


class Intake:
    """What all streams receive."""

    def __init__(self, libre: Libre, *, wait_ms: float) -> None:
        """`wait_ms`: so long what has overtaken a packet waits for it."""
        self._libre, self._wait_ms = libre, wait_ms
        self._receivers: dict[int, _Receiver] = {}  # by the name that its buffer has of us
        self._freed = FREED(self._end)  # the stack keeps a pointer to it

    def check(self) -> None:
        """Look at the stack, on its thread.

        Raises:
            OtherStack: it is not the one that this was written for.
        """
        if self._libre.sys_libre_version_get() != RELEASE:
            raise OtherStack(f"the SIP stack is not release {RELEASE.decode()}")
        known = RtpHeader()
        packet = bytes.fromhex("80000102 00000304 00000506".replace(" ", ""))
        buffer = c_void_p(self._libre.mbuf_alloc(len(packet)))
        try:
            self._libre.mbuf_write_mem(buffer, packet, len(packet))
            Buffer.from_address(int(buffer.value or 0)).pos = 0
            self._libre.rtp_hdr_decode(ctypes.byref(known), buffer)
        finally:
            self._libre.mem_deref(buffer)
        if (known.number, known.timestamp, known.ssrc) != (0x102, 0x304, 0x506):
            raise OtherStack("the SIP stack keeps the head of a packet in another way")

    def begin(self, stream: int, rtp: int) -> None:
        """Take care of what a stream receives over the RTP socket `rtp`, until it ends. On the stack's thread.

        Raises:
            OtherStack: its receiver is not found.
        """
        receiver = self._receiver_of(rtp)
        words = (c_void_p * _RECEIVER_WORDS).from_address(receiver)
        for index in range(_RECEIVER_WORDS - 5):
            if (words[index], words[index + 1]) == (stream, rtp):
                _, decode, _, argument = words[index + 2 : index + 6]
                break
        else:
            raise OtherStack("the SIP stack keeps its receivers in another way")
        buffer = self._libre.rtprecv_jbuf(receiver)
        if not (buffer and decode and argument):
            raise OtherStack("the SIP stack receives audio in another way")
        name = self._name(buffer)
        self._receivers[name] = _Receiver(buffer, _DECODE(decode), argument, Reorder(self._wait_ms))

    def _receiver_of(self, rtp: int) -> int:
        """Return who gets what comes to an RTP socket: it stands behind its two functions."""
        functions = pointer(self._libre.rtprecv_decode), pointer(self._libre.rtprecv_handle_rtcp)
        words = (c_void_p * _SOCKET_WORDS).from_address(rtp)
        for index in range(_SOCKET_WORDS - 2):
            if (words[index], words[index + 1]) == functions and (receiver := words[index + 2]):
                return receiver
        raise OtherStack("the SIP stack keeps its RTP sockets in another way")

    def _name(self, buffer: int) -> int:
        """Give a buffer a name, which is for its logs, and which it frees when it is freed itself: so we hear of it."""
        ours = int(self._libre.mem_zalloc(ctypes.sizeof(Text), pointer(self._freed)))
        begin = c_void_p.from_address(buffer)
        theirs = begin.value
        self._libre.jbuf_set_id(buffer, ours)
        self._libre.mem_deref(ours)  # the buffer has the only reference now
        if begin.value != ours:
            raise OtherStack("the SIP stack names its buffers in another way")
        self._libre.mem_deref(theirs)  # which it has dropped without
        return ours

    def _end(self, name: int) -> None:
        try:
            if receiver := self._receivers.pop(name, None):
                self._drop(receiver.packets.clear())
        except Exception:
            log.exception("a call's packets are not given back")  # an exception must not reach C

    def drain(self, now_ms: float) -> None:
        """Decode what has come. From any thread; it holds the stack's meanwhile."""
        if not self._receivers:
            return
        with self._libre.on_thread():
            for receiver in list(self._receivers.values()):
                self._fetch(receiver, now_ms)
                self._decode(receiver, now_ms)

    def _fetch(self, receiver: _Receiver, now_ms: float) -> None:
        payload, count = c_void_p(), 0
        while count < AT_ONCE:
            header = RtpHeader()
            if self._libre.jbuf_drain(receiver.buffer, ctypes.byref(header), ctypes.byref(payload)):
                break
            count += 1
            found = header, int(payload.value or 0)
            self._drop(receiver.packets.put(header.ssrc, header.number, found, now_ms))
        if 0 < count < AT_ONCE:  # it is empty
            # From how packets come it reckons how the two clocks differ, and drops one for it: bursts mislead it.
            self._libre.jbuf_flush(receiver.buffer)

    def _decode(self, receiver: _Receiver, now_ms: float) -> None:
        ignored = c_bool()
        for (header, payload), _ in receiver.packets.take(now_ms):
            ignored.value = False
            changed = receiver.ssrc not in {None, header.ssrc}
            receiver.ssrc = header.ssrc
            receiver.decode(
                ctypes.byref(header), None, 0, payload, 0, changed, ctypes.byref(ignored), receiver.argument
            )
            self._libre.mem_deref(payload)

    def _drop(self, packets: Sequence[_Packet]) -> None:
        for _, payload in packets:
            self._libre.mem_deref(payload)
