"""Log-mel features as Whisper was trained on, in numpy alone."""

from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.speech.api import SAMPLE_RATE, Samples

FRAME: Final = 160
"""Samples a frame: 10 ms."""

_WINDOW: Final = 400
_BANDS: Final = 80
_FLOOR: Final = 1e-10

Mel = npt.NDArray[np.float32]
"""Shape (80, frames)."""


def log_mel(samples: Samples, frames: int) -> Mel:
    """Return the features of `samples`, followed by silence up to `frames` frames; what is longer is left out.

    The values span at most 2.0, the loudest cell being (log10(its power) + 4) / 4. Only the frames that hold
    audio are computed: 1.7 ms for 6 s of it.
    """
    samples = samples[: frames * FRAME]
    mel = np.full((_BANDS, frames), np.log10(_FLOOR), dtype=np.float32)
    power = _power(samples)[:frames]
    # Not as a matrix product: BLAS would keep a second core spinning for it.
    bands = np.add.reduceat(power[:, _BINS] * _WEIGHTS, _STARTS, axis=1)
    mel[:, : len(bands)] = np.log10(np.maximum(bands, _FLOOR)).T
    np.maximum(mel, mel.max(initial=-np.inf) - 8.0, out=mel)
    return (mel + 4.0) / 4.0


def _power(samples: Samples) -> npt.NDArray[np.float32]:
    """Return the power spectra, shape (frames that touch `samples`, 201)."""
    edge = _WINDOW // 2
    count = -(-(len(samples) + edge) // FRAME)
    padded = np.zeros((count - 1) * FRAME + _WINDOW, dtype=np.float32)
    padded[edge : edge + len(samples)] = samples
    padded[:edge] = padded[edge + 1 : _WINDOW + 1][:edge][::-1]  # mirrored, as in training; the end is silence
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::FRAME]
    spectra = np.fft.rfft(windows * _HANN).astype(np.complex64, copy=False)
    return np.square(spectra.real) + np.square(spectra.imag)


def _filters() -> npt.NDArray[np.float32]:
    """Return the triangular filters, shape (80, 201): Slaney's mel scale, each of the same area."""
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), _BANDS + 2))
    bins = np.arange(_WINDOW // 2 + 1) * (SAMPLE_RATE / _WINDOW)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (high - low))).astype(np.float32)


_LINEAR_HZ: Final = 200.0 / 3  # hertz a mel below 1 kHz, which is mel 15
_LOG_STEP: Final = np.log(6.4) / 27  # above it, 27 mels reach 6.4 kHz


def _mel(hertz: float) -> float:
    """Hertz above 1000 to mel."""
    return 15.0 + float(np.log(hertz / 1000.0) / _LOG_STEP)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mels < 15.0, mels * _LINEAR_HZ, 1000.0 * np.exp((mels - 15.0) * _LOG_STEP))


_FILTERS: Final = _filters()
_BAND, _BINS = np.nonzero(_FILTERS)
_WEIGHTS: Final = _FILTERS[_BAND, _BINS]
_STARTS: Final = np.searchsorted(_BAND, np.arange(_BANDS))
"""Index at which each band begins among the 391 weights that are not 0."""
_HANN: Final = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
