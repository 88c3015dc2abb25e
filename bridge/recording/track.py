"""Both sides of a call as stereo samples on its media clock. Pure: time is an argument.

The caller is left. Their samples count the time, and silence stands for what did not come. The bot is right, where the
caller's audio was when they heard it. The two clocks, the media's and ours, are held together by the packet that came
fastest in the last seconds; so a packet that is late moves nothing.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.recording.far_buffer import FarBuffer, Piece
from telephony.codec import decode, silence
from telephony.events import AudioFormat

_JOIN_MS: Final = 60
"""Audio that was sent to follow other audio does so, as long as the clocks differ by no more than this."""
_HOLE_MS: Final = 20
"""Times of packets are whole milliseconds: only what is further away is a hole."""
_LONGEST_HOLE_MS: Final = 3_600_000
_BUCKET_MS: Final = 5_000
"""The fastest packet of one to two of these says how the clocks stand."""

_Samples = npt.NDArray[np.int16]


@dataclass(slots=True)
class _Muted:
    """A time, by our clock, that is silence in the recording."""

    from_ms: float
    to_ms: float = inf


class StereoTrack:
    """What is recorded of one call. Any method may be late; the times that it is given count."""

    def __init__(self, audio: AudioFormat) -> None:
        """`audio`: the call's, both ways."""
        self._audio, self._rate = audio, audio.sample_rate
        self._left: list[bytes] = []
        self._ahead = 0  # samples in `_left`
        self._written = 0  # samples taken so far
        self._buffer = FarBuffer(audio)
        self._joined: tuple[float, int] = (-inf, 0)  # where the newest piece ended: our clock, samples
        self._behind_ms: tuple[float, float] = (inf, inf)  # our clock minus the media's: least of two buckets
        self._bucket_ms = -inf
        self._muted: dict[str, tuple[list[_Muted], list[_Muted]]] = {}  # by why: left, right
        self.play, self.mark, self.played, self.clear = (
            self._buffer.play,
            self._buffer.mark,
            self._buffer.played,
            self._buffer.clear,
        )

    def hear(self, payload: bytes, at_ms: int, now_ms: float) -> None:
        """The caller's audio at the media time `at_ms` came at `now_ms`."""
        hole = at_ms * self._rate // 1000 - self._written - self._ahead
        if hole > _HOLE_MS * self._rate // 1000:
            lost = min(hole, _LONGEST_HOLE_MS * self._rate // 1000)
            self._left.append(silence(self._audio.encoding, lost))
            self._ahead += lost
        self._left.append(payload)
        self._ahead += len(payload) // self._audio.encoding.sample_bytes
        self._compare(now_ms - (self._written + self._ahead) * 1000 / self._rate, now_ms)

    def mute(self, why: str, now_ms: float) -> None:
        """From now on there is silence on both sides, until `unmute` for the same reason."""
        for spans in self._muted.setdefault(why, ([], [])):
            if spans and spans[-1].to_ms >= now_ms:
                spans[-1].to_ms = inf
            else:
                spans.append(_Muted(now_ms))

    def unmute(self, why: str, now_ms: float, *, caller_ms: float = 0.0) -> None:
        """The reason is gone; the caller is heard again `caller_ms` later."""
        for spans, at_ms in zip(self._muted.get(why, ()), (now_ms + caller_ms, now_ms), strict=False):
            if spans and spans[-1].to_ms == inf:
                spans[-1].to_ms = at_ms

    def take(self) -> bytes:
        """Return and forget what is complete: 16 bit, little-endian, left and right in turn."""
        size, first = self._ahead, self._written
        both = np.zeros((size, 2), np.int16)
        both[:, 0] = _pcm(b"".join(self._left), self._audio)
        self._place(both[:, 1], first)
        for side in (0, 1):
            for from_, to in self._muted_samples(side):
                both[max(0, from_ - first) : max(0, to - first), side] = 0
        self._left, self._ahead = [], 0
        self._written += size
        return both.tobytes()

    # ------------------------------------------------------------ our clock and the media's

    def _compare(self, behind_ms: float, now_ms: float) -> None:
        if now_ms >= self._bucket_ms + _BUCKET_MS:
            self._bucket_ms = now_ms
            self._behind_ms = (self._behind_ms[1], behind_ms)
        self._behind_ms = (self._behind_ms[0], min(self._behind_ms[1], behind_ms))

    def _sample(self, at_ms: float) -> int:
        """Return the place of what was heard at `at_ms` by our clock; before any audio, the begin."""
        if at_ms == inf:
            return self._written + self._ahead
        least = min(self._behind_ms)
        return 0 if least == inf else round((at_ms - least) * self._rate / 1000)

    def _muted_samples(self, side: int) -> list[tuple[int, int]]:
        return [
            (self._sample(span.from_ms), self._sample(span.to_ms))
            for spans in self._muted.values()
            for span in spans[side]
        ]

    # ------------------------------------------------------------ the bot's side

    def _place(self, right: _Samples, first: int) -> None:
        """Put what was heard into `right`, whose first sample is number `first`."""
        pieces, end = self._buffer.pieces, first + len(right)
        while pieces:
            piece = pieces[0]
            begin = self._begin(piece)
            if not piece.over and begin >= end:
                return
            late = max(first, self._joined[1]) - begin  # its place is taken: it is left out
            if late > 0:
                piece.taken += late
                begin += late
            if piece.over:
                pieces.popleft()
                continue
            count = min(piece.samples - piece.taken, end - begin)
            if count <= 0:
                return
            right[begin - first : begin - first + count] = self._samples(piece, count)
            piece.taken += count
            self._joined = (self._heard_ms(piece), begin + count)

    def _begin(self, piece: Piece) -> int:
        """Return the place of the first sample of `piece` that was not taken."""
        at_ms, (ends_ms, joined) = self._heard_ms(piece), self._joined
        begin = self._sample(at_ms)
        near = abs(at_ms - ends_ms) <= _JOIN_MS and abs(begin - joined) <= _JOIN_MS * self._rate // 1000
        return joined if near else begin

    def _heard_ms(self, piece: Piece) -> float:
        return piece.begins_ms + piece.taken * 1000 / self._rate

    def _samples(self, piece: Piece, count: int) -> _Samples:
        size = self._audio.encoding.sample_bytes
        return _pcm(piece.payload[piece.taken * size : (piece.taken + count) * size], self._audio)


def _pcm(payload: bytes, audio: AudioFormat) -> _Samples:
    clipped = np.clip(np.rint(np.nan_to_num(decode(payload, audio.encoding)) * 32768), -32768, 32767)
    return clipped.astype("<i2")
