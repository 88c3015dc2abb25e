"""Wire bytes to samples and back."""

import warnings
from typing import Final

import numpy as np
import numpy.typing as npt

from telephony.events import Encoding

with warnings.catch_warnings():  # in the standard library up to 3.12, in audioop-lts under the same name after
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Samples = npt.NDArray[np.float32]
"""Mono float32 in [-1, 1], shape (n,)."""

_FULL_SCALE: Final = 32768.0
"""One above the largest int16, so that every int16 survives decode and encode unchanged."""

_SILENT_BYTE: Final = {Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5"}
"""Codes of +0 in G.711, sections 3 and 4."""


def decode(payload: bytes, encoding: Encoding) -> Samples:
    """Return the samples of `payload`: a new float32 array of shape (n,), in [-1, 1] but for FLOAT32, taken as it is.

    Raises:
        ValueError: `payload` ends inside a sample.
    """
    if len(payload) % encoding.sample_bytes:
        raise ValueError(f"payload: {len(payload)} bytes; {encoding} needs a multiple of {encoding.sample_bytes}")
    match encoding:
        case Encoding.MULAW:
            return _MULAW[np.frombuffer(payload, np.uint8)]
        case Encoding.ALAW:
            return _ALAW[np.frombuffer(payload, np.uint8)]
        case Encoding.L16:
            return _scaled(np.frombuffer(payload, "<i2"))
        case Encoding.FLOAT32:
            return np.frombuffer(payload, "<f4").astype(np.float32)


def encode(samples: Samples, encoding: Encoding) -> bytes:
    """Return `samples`, shape (n,), as bytes; clipped to [-1, 1], NaN as silence."""
    clipped: Samples = np.clip(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), -1.0, 1.0)
    if encoding is Encoding.FLOAT32:
        return bytes(clipped.astype("<f4"))
    pcm = np.clip(np.rint(clipped * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
    match encoding:
        case Encoding.MULAW:
            return audioop.lin2ulaw(bytes(pcm.astype(np.int16)), 2)
        case Encoding.ALAW:
            return audioop.lin2alaw(bytes(pcm.astype(np.int16)), 2)
        case Encoding.L16:
            return bytes(pcm.astype("<i2"))


def silence(encoding: Encoding, n_samples: int) -> bytes:
    """Return `n_samples` of silence."""
    return _SILENT_BYTE.get(encoding, bytes(encoding.sample_bytes)) * n_samples


def _scaled(pcm: npt.NDArray[np.int16]) -> Samples:
    return (pcm * np.float32(1 / _FULL_SCALE)).astype(np.float32, copy=False)


_EVERY_CODE: Final = bytes(range(256))
_MULAW: Final = _scaled(np.frombuffer(audioop.ulaw2lin(_EVERY_CODE, 2), np.int16))
_ALAW: Final = _scaled(np.frombuffer(audioop.alaw2lin(_EVERY_CODE, 2), np.int16))
