"""Audio that peers cut in the middle of a sample."""

import numpy as np

from telephony.events import Encoding


class WholeSamples:
    """Makes whole samples of pieces of any length.

    A piece that ends within a sample is either cut where the sample goes on in the next piece, or has bytes too many or
    too few. Nothing says which, but the sound does: audio that is read from the wrong byte on is noise.
    """

    def __init__(self, encoding: Encoding = Encoding.L16, *, telling: int = 0) -> None:
        """`telling`: samples in a piece from which on its sound is asked; to a shorter one the part belongs."""
        self._encoding, self._telling = encoding, telling
        self._part = b""  # what a piece had over: perhaps the beginning of a sample

    def take(self, payload: bytes) -> bytes:
        """Return the whole samples of `payload`, little-endian; what is over waits, and is lost if it was no part."""
        size = self._encoding.sample_bytes
        part, self._part = self._part, b""
        short = len(payload) < self._telling * size
        if part and payload and (short or self._roughness(part + payload) < self._roughness(payload)):
            payload = part + payload
        if over := len(payload) % size:
            payload, self._part = payload[:-over], payload[-over:]
        return payload

    def _roughness(self, payload: bytes) -> float:
        """Return how far apart samples that follow each other are, on average, without what is over at the end."""
        kind = np.dtype("<f4" if self._encoding is Encoding.FLOAT32 else "<i2")
        with np.errstate(all="ignore"):  # read from the wrong byte on, floats are anything
            samples = np.frombuffer(payload, kind, count=len(payload) // kind.itemsize).astype(np.float64)
            rough = float(np.abs(np.diff(samples)).mean()) if len(samples) > 1 else 0.0
        return rough if np.isfinite(rough) else float("inf")
