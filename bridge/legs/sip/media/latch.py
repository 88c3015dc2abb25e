"""Which of the sources that send to one of our RTP ports is the caller (symmetric RTP, RFC 4961). Pure.

Behind NAT the address in the SDP is not the one that packets come from. So the first source that proves to be a stream
is believed, once. The address that the SDP names needs no proof but one packet: it was told over signalling. Any other
has to send some packets in a row with one SSRC, each a little ahead of the one before, as chance or a scanner does not.
"""

import struct
from dataclasses import dataclass
from typing import Final

from telephony.rtp import RTCP

Address = tuple[str, int]

PROOF: Final = 5
"""Packets in a row that make a source one: a tenth of a second of audio."""
PROOF_OF_THE_OLD: Final = 50
"""The same for the source so far when the peer names another address: what is still on its way must not win."""
MOST_SOURCES: Final = 8
"""Sources that are watched at a time; who sends from more of them is no caller."""
_STEP: Final = 20
"""Sequence numbers that a packet may be ahead of the one before."""


@dataclass(frozen=True, slots=True)
class RtpHead:
    """What a packet says of itself."""

    ssrc: int
    sequence: int
    """0 to 65535."""


_HEADER: Final = struct.Struct("!BBHII")


def rtp_head(data: bytes) -> tuple[int, RtpHead] | None:
    """Return the payload type and the head of an RTP packet; None for what is none: RTCP, STUN, garbage."""
    if len(data) < _HEADER.size or data[0] >> 6 != 2:
        return None
    _, second, sequence, _, ssrc = _HEADER.unpack_from(data)
    kind = second & 0x7F
    return None if kind in RTCP else (kind, RtpHead(ssrc, sequence))


@dataclass(slots=True)
class _Row:
    ssrc: int
    newest: int
    length: int = 1

    def add(self, head: RtpHead) -> None:
        if head.ssrc == self.ssrc and (self.newest - head.sequence) & 0xFFFF <= _STEP:
            return  # late, or twice
        ahead = (head.sequence - self.newest) & 0xFFFF
        follows = head.ssrc == self.ssrc and 0 < ahead <= _STEP
        self.length = self.length + 1 if follows else 1
        self.ssrc, self.newest = head.ssrc, head.sequence


class Latch:
    """The one source of a stream, once it is known. Until then every source is heard."""

    def __init__(self) -> None:
        self.source: Address | None = None
        """Where the stream comes from, and is to go to; None until that is known."""
        self.named: Address | None = None
        """What the peer has said."""
        self._before: Address | None = None
        self._before_named: Address | None = None  # what it had said then
        self._rows: dict[Address, _Row] = {}

    def open(self, named: Address | None) -> None:
        """Look again: the peer has told, or told again, that its address is `named`; None where it names none."""
        if self.source is not None:
            self._before, self._before_named = self.source, self.named
        self.named, self.source = named, None
        self._rows.clear()

    @property
    def _moved(self) -> bool:
        return self.named != self._before_named

    @property
    def expected(self) -> Address | None:
        """Where to send until the source is known, if that is not where the SDP says."""
        return None if self._moved else self._before

    def hear(self, source: Address, head: RtpHead) -> bool:
        """Take a packet of the negotiated kind; return True where it is the one that settles who the caller is."""
        if self.source is not None:
            return False
        row = self._rows.get(source)
        if row is not None:
            row.add(head)
        elif len(self._rows) < MOST_SOURCES or self._proof(source) == 1:
            row = self._rows[source] = _Row(head.ssrc, head.sequence)
        if row is None or row.length < self._proof(source):
            return False
        self.source = source
        self._rows.clear()
        return True

    def _proof(self, source: Address) -> int:
        if source == self.named:
            return 1
        if source == self._before:
            return PROOF_OF_THE_OLD if self._moved else 1
        return PROOF
