"""RTP (RFC 3550) with G.711, one direction each: packets out, and what comes in put in order, without end. Pure.

A packet that is missing is waited for while the ones behind it wait too, DEADLINE_MS at most; then silence stands for
it, marked as lost. Where nothing comes at all, silence of our own clock keeps the time: Asterisk sends nothing while a
channel has nothing to play. Time is an argument, by any clock that never goes back.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from telephony.events import AudioFormat, Media
from telephony.malformed import Refused
from telephony.media_time import ClockedMediaTime
from telephony.reorder import Reorder

DEADLINE_MS: Final = 60
"""What a packet that others have overtaken may be late."""
LATE_MS: Final = 100
"""Audio that is later than this, counted from the last that came, is taken for none."""
STEP_MS: Final = 20
"""Silence is made in pieces of so much."""

_HEADER: Final = struct.Struct("!BBHII")
_VERSION: Final = 2
_COMFORT_NOISE: Final = frozenset((13, 19))  # RFC 3389; 19 of old
RTCP: Final = range(72, 77)  # 200 to 204 on the port of RTP, without the marker's bit: RFC 5761
_DYNAMIC: Final = range(96, 128)
"""Keys (RFC 4733), which Asterisk tells over ARI too, packets that open a NAT, and what else peers agree upon among
themselves (RFC 3551): none is a codec that somebody got wrong."""
_NO_AUDIO: Final = frozenset((*_COMFORT_NOISE, *RTCP, *_DYNAMIC))


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, without its list of sources and its extension."""

    payload_type: int
    """0 to 127."""
    sequence: int
    """0 to 65535."""
    timestamp: int
    """Samples, modulo 2**32."""
    ssrc: int
    payload: bytes
    marker: bool = False


def parse(data: bytes) -> Packet:
    """Return the packet that `data` is.

    Raises:
        Refused: it is none.
    """
    if len(data) < _HEADER.size:
        raise Refused(f"RTP: got {len(data)} bytes; allowed: 12 and more")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != _VERSION:
        raise Refused(f"RTP version: got {first >> 6}; allowed: {_VERSION}")
    begin, end = _HEADER.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:  # an extension: its length, in words, is in its first word
        if end < begin + 4:
            raise Refused("RTP extension: it ends inside its header")
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    if first & 0x20:
        end -= data[-1] or len(data)  # padding counts itself: 0 is no length
    if begin > end:
        raise Refused(f"RTP: got {len(data)} bytes; its header says that there are more")
    return Packet(second & 0x7F, sequence, timestamp, ssrc, data[begin:end], marker=bool(second & 0x80))


def build(packet: Packet) -> bytes:
    """Return the bytes of `packet`."""
    second = packet.payload_type | packet.marker << 7
    return _HEADER.pack(_VERSION << 6, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


class Sender:
    """Numbers what goes out."""

    def __init__(self, audio: AudioFormat, payload_type: int, *, ssrc: int, sequence: int, timestamp: int) -> None:
        """`ssrc`, `sequence` and `timestamp` are best drawn by chance, as RFC 3550 wants them."""
        self._audio, self._type, self._ssrc = audio, payload_type, ssrc
        self._sequence, self._timestamp, self._first = sequence & 0xFFFF, timestamp & 0xFFFFFFFF, True

    def packet(self, payload: bytes) -> bytes:
        """Return the next packet; `payload` is whole samples in the format of the call."""
        data = build(Packet(self._type, self._sequence, self._timestamp, self._ssrc, payload, self._first))
        samples = len(payload) // self._audio.encoding.sample_bytes
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + samples) & 0xFFFFFFFF
        self._first = False
        return data


class Receiver:
    """Packets as they come, to the caller's audio in order."""

    def __init__(self, audio: AudioFormat, payload_type: int, now_ms: float) -> None:
        """`now_ms`: when the call begins; its audio is due from then on."""
        self._audio, self._type = audio, payload_type
        self._time = ClockedMediaTime(audio, now_ms)
        self._step = audio.sample_rate * STEP_MS // 1000
        self._packet_samples = self._step  # of the newest packet
        self._packets = Reorder[bytes](DEADLINE_MS)

    @property
    def late(self) -> int:
        """Packets that came after silence had stood for them."""
        return self._packets.late

    def put(self, data: bytes, now_ms: float) -> None:
        """Take what came.

        Raises:
            Refused: it is no packet of this call.
        """
        packet = parse(data)
        if packet.payload_type != self._type:
            self._put_no_audio(packet, now_ms)
            return
        if not packet.payload or len(packet.payload) % self._audio.encoding.sample_bytes:
            raise Refused(f"RTP payload: got {len(packet.payload)} bytes; allowed: whole samples")
        self._packet_samples = len(packet.payload) // self._audio.encoding.sample_bytes
        self._packets.put(packet.ssrc, packet.sequence, packet.payload, now_ms)

    def _put_no_audio(self, packet: Packet, now_ms: float) -> None:
        if packet.payload_type not in _NO_AUDIO:
            raise Refused(f"RTP payload type: got {packet.payload_type}; allowed: {self._type}")
        if packet.payload_type not in RTCP and self._packets.expects(packet.ssrc, packet.sequence):
            self._packets.put(packet.ssrc, packet.sequence, b"", now_ms)  # its number is not missing

    def take(self, now_ms: float) -> list[Media]:
        """Return the audio there is by now; to be asked after each packet, and every 20 ms."""
        return list(self._take(now_ms))

    def _take(self, now_ms: float) -> Iterator[Media]:
        for payload, missing in self._packets.take(now_ms):
            # What silence of the clock has stood for already is not made twice.
            if samples := min(missing * self._packet_samples, self._behind(now_ms)):
                yield self._time.fill(samples, concealed=True)
            if payload:
                media = self._time.place(payload)
                # The peer's clock may be slower than ours: what that adds up to must not become silence in some word.
                self._time.forget_behind(now_ms)
                yield media
        if self._time.behind_ms(now_ms) >= LATE_MS:
            yield self._time.fill(self._behind(now_ms) // self._step * self._step)

    def _behind(self, now_ms: float) -> int:
        """Return the samples that the clock is ahead."""
        return max(0, int(self._time.behind_ms(now_ms) * self._audio.sample_rate / 1000))
