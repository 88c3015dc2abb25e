"""Packets with numbers and timestamps into contiguous media time."""

from typing import Final

from telephony.codec import silence
from telephony.events import AudioFormat, Media

WANDER_MS: Final = 20
"""How far a peer's timestamps may stray from its audio before they mean anything: one packet of telephony."""

LEAP_MS: Final = 5000
"""What is further away than this is no loss but another clock; also the most silence put in at once."""


class Timeline:
    """The media clock of one call. It counts samples, so every Media begins where the one before it ended.

    A gap is filled with silence. What comes twice or too late is dropped: its place is taken. Where number and
    timestamp contradict each other by more than WANDER_MS, the timestamp is right. Either may be missing.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self.lost_ms = 0
        """Milliseconds of silence put in for audio that did not come."""
        self.late = 0
        """Packets dropped because they came twice or too late."""
        self._sample_bytes, self._sample_rate = audio.encoding.sample_bytes, audio.sample_rate
        self._encoding = audio.encoding
        self._position = 0  # samples placed so far
        self._now_ms = 0  # the same in milliseconds
        self._base_ms: int | None = None  # the peer's clock at position 0; None until its first timestamp
        self._timestamp_ms: int | None = None  # of the packet placed last that had one
        self._number: int | None = None  # of the packet placed last; counted on where it had none
        self._packet_samples = 0  # length of the packet placed last: the best guess of a lost one's

    def place(self, payload: bytes, *, number: int | None = None, timestamp_ms: int | None = None) -> list[Media]:
        """Return `payload`, whole samples, at its place, after the silence that fills the gap before it, if any.

        `number` counts packets up by one; `timestamp_ms` is the peer's clock at the first sample; each from any start.
        """
        samples = len(payload) // self._sample_bytes
        if not samples:
            return []
        missing = self._missing(number, timestamp_ms)
        if abs(missing) > LEAP_MS * self._sample_rate // 1000:
            self._rebase()
            missing = 0
        elif self._is_late(number, timestamp_ms, missing):
            self.late += 1
            return []
        placed = [self._silence(missing)] if missing > 0 else []
        self._follow(number, timestamp_ms)
        placed.append(Media(payload, self._now_ms))
        self._advance(samples)
        self._packet_samples = samples
        return placed

    def _missing(self, number: int | None, timestamp_ms: int | None) -> int:
        """Return the samples between what is placed and this packet; below 0 where the packet is behind."""
        counted = 0
        if number is not None and self._number is not None:
            counted = (number - self._number - 1) * self._packet_samples
        if timestamp_ms is None or self._base_ms is None:
            return counted
        gap_ms = timestamp_ms - self._base_ms - self._now_ms
        if -WANDER_MS <= gap_ms - counted * 1000 // self._sample_rate <= WANDER_MS:
            return counted
        return gap_ms * self._sample_rate // 1000

    def _is_late(self, number: int | None, timestamp_ms: int | None, missing: int) -> bool:
        if timestamp_ms is None or self._timestamp_ms is None:
            return missing < 0
        if number is None or self._number is None:
            return missing < 0 or timestamp_ms == self._timestamp_ms
        return number <= self._number and timestamp_ms <= self._timestamp_ms  # one of them may stand still or jitter

    def _follow(self, number: int | None, timestamp_ms: int | None) -> None:
        if number is not None:
            self._number = number
        elif self._number is not None:
            self._number += 1
        if timestamp_ms is not None:
            self._timestamp_ms = timestamp_ms
            if self._base_ms is None:
                self._base_ms = timestamp_ms - self._now_ms

    def _silence(self, samples: int) -> Media:
        at_ms = self._now_ms
        self._advance(samples)
        self.lost_ms += self._now_ms - at_ms
        return Media(silence(self._encoding, samples), at_ms, concealed=True)

    def _advance(self, samples: int) -> None:
        self._position += samples
        self._now_ms = self._position * 1000 // self._sample_rate

    def _rebase(self) -> None:
        """Forget the peer's clock: it begins anew with this packet."""
        self._base_ms = self._timestamp_ms = self._number = None
