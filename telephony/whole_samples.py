"""Audio of 16 bit that peers cut in the middle of a sample."""

import numpy as np


class WholeSamples:
    """Makes whole samples of pieces of any length.

    A piece of odd length is either cut where a sample goes on in the next piece, or has a byte too many or too few.
    Nothing says which, but the sound does: audio that is read from the wrong byte on is noise.
    """

    def __init__(self) -> None:
        self._half = b""  # the last byte of a piece of odd length: perhaps the first half of a sample

    def take(self, payload: bytes) -> bytes:
        """Return the whole samples of `payload`, little-endian; an odd byte waits, and is lost if it was none."""
        half, self._half = self._half, b""
        if half and payload and _roughness(half + payload) < _roughness(payload):
            payload = half + payload
        if len(payload) % 2:
            payload, self._half = payload[:-1], payload[-1:]
        return payload


def _roughness(payload: bytes) -> float:
    """Return how far apart samples that follow each other are, on average; an odd byte at the end does not count."""
    samples = np.frombuffer(payload, "<i2", count=len(payload) // 2).astype(np.int32)
    return float(np.abs(np.diff(samples)).mean()) if len(samples) > 1 else 0.0
