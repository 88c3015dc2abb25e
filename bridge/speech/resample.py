"""From one sample rate to another, as the audio comes (`make_resampler`) or whole (`resample_whole`).

On the road of a call a short FIR filter does it: 1 or 2 ms late and about 10 us for a 20 ms frame. soxr holds up
to 175 ms back in its usual mode and 20 ms in the one used here, so it serves whole buffers and odd rates only.
"""

from functools import cache
from math import ceil, gcd
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import soxr

from bridge.speech.api import Samples

MAX_RATE: Final = 192_000
"""Hertz; what sound cards and files go up to."""

_MAX_FACTOR: Final = 6  # 8 kHz <-> 48 kHz; the matrix of filters grows with the product of both factors
_HALF: Final = 16  # samples of the lower rate on each side of the centre of the filter
_BETA: Final = 7.5  # Kaiser window: 76 dB down with a transition of 0.15 of the lower rate (3.4 to 4.6 kHz at 8 kHz)


class Resampler(Protocol):
    """Converts one stream. Stateful; how the stream is cut makes no difference."""

    delay_ms: float
    """Milliseconds by which audio comes out late at most."""

    def __call__(self, samples: Samples, /) -> Samples:
        """Take the next samples, float32 of shape (n,), n >= 0; return what can be told by now, shape (m,)."""

    def flush(self) -> Samples:
        """Return what is still held; the next sample begins a new stream."""


def make_resampler(from_hz: int, to_hz: int) -> Resampler:
    """Return a resampler of one stream; cheap, the filters are made once a pair of rates.

    Raises:
        ValueError: a rate is outside 1..192000.
    """
    _check(from_hz, to_hz)
    common = gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    if up == down:
        return _Same()
    if max(up, down) <= _MAX_FACTOR:
        return _Fir(up, down, delay_ms=_HALF * 1000 / min(from_hz, to_hz))
    return _Soxr(from_hz, to_hz)


def resample_whole(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Return all of `samples`, shape (n,), at the other rate, shape (about n * to_hz / from_hz,), with no delay.

    Raises:
        ValueError: a rate is outside 1..192000.
    """
    _check(from_hz, to_hz)
    if from_hz == to_hz:
        return samples
    whole: Samples = soxr.resample(samples, from_hz, to_hz)
    return whole


def _check(from_hz: int, to_hz: int) -> None:
    for name, hz in (("from_hz", from_hz), ("to_hz", to_hz)):
        if not 0 < hz <= MAX_RATE:
            raise ValueError(f"{name} is {hz}, must be 1 to {MAX_RATE} hertz")


class _Same:
    delay_ms = 0.0

    def __call__(self, samples: Samples, /) -> Samples:
        return samples

    def flush(self) -> Samples:
        return np.empty(0, np.float32)


class _Fir:
    """`down` samples in, `up` out, by one product with a matrix that holds a filter for each of those `up`."""

    def __init__(self, up: int, down: int, *, delay_ms: float) -> None:
        self.delay_ms = delay_ms
        self._up, self._down = up, down
        self._filters = _filters(up, down)
        self._held = _silence(up, down)
        self._taken = self._given = 0

    def __call__(self, samples: Samples, /) -> Samples:
        self._taken += len(samples)
        self._held = held = np.concatenate((self._held, samples))
        groups = (len(held) - len(self._filters)) // self._down + 1
        if groups < 1:
            return np.empty(0, np.float32)
        step = held.itemsize
        # The constructor makes the view of overlapping rows; as_strided does the same in Python and takes 5 us more.
        windows = np.ndarray((groups, len(self._filters)), np.float32, held, 0, (step * self._down, step))
        self._held = held[groups * self._down :]
        self._given += groups * self._up
        # BLAS takes no overlapping rows: copying them first is three times faster than leaving it to numpy.
        made: Samples = (np.ascontiguousarray(windows) @ self._filters).reshape(-1)
        return made

    def flush(self) -> Samples:
        lag = ceil(_HALF * max(self._up, self._down) / self._down)
        due = ceil(self._taken * self._up / self._down) + lag - self._given
        rest = self(np.zeros((_HALF + 2) * self._down, np.float32))[:due]
        self._held = _silence(self._up, self._down)
        self._taken = self._given = 0
        return rest


def _taps(up: int, down: int) -> int:
    """Input samples that one output sample is made of."""
    return -(-(2 * _HALF * max(up, down) + 1) // up)


def _silence(up: int, down: int) -> Samples:
    """Return what the filter sees before the first sample."""
    return np.zeros(_taps(up, down) - 1, np.float32)


@cache
def _filters(up: int, down: int) -> npt.NDArray[np.float32]:
    """Return the filters of a group of `up` outputs side by side: column r makes output r from the input window."""
    taps, centre = _taps(up, down), _HALF * max(up, down)
    at = np.arange(taps * up)
    cutoff = 1 / max(up, down)  # of the Nyquist frequency of the rate that both rates divide
    window = np.i0(_BETA * np.sqrt(np.maximum(0, 1 - ((at - centre) / (centre + 1)) ** 2)))
    low_pass = np.sinc((at - centre) * cutoff) * window * (at <= 2 * centre)
    low_pass *= up / low_pass.sum()
    columns = np.zeros((taps + (up - 1) * down // up, up), np.float32)
    for r in range(up):
        first, phase = divmod(r * down, up)
        columns[first : first + taps, r] = low_pass[phase::up][::-1]
    columns.flags.writeable = False  # shared by all streams
    return columns


class _Soxr:
    """soxr in its variable-rate mode, which gives steadily what its usual mode gives in bursts."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.delay_ms = _held_ms(from_hz, to_hz)
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", vr=True)

    def __call__(self, samples: Samples, /) -> Samples:
        made: Samples = self._stream.resample_chunk(samples)
        return made

    def flush(self) -> Samples:
        rest: Samples = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        self._stream.clear()
        return rest


@cache
def _held_ms(from_hz: int, to_hz: int) -> float:
    """Return what soxr holds back at most, found by trying: it does not say."""
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", vr=True)
    frame = np.zeros(max(1, from_hz // 100), np.float32)
    taken = given = 0
    worst = 0.0
    for _ in range(50):
        taken += len(frame)
        given += len(stream.resample_chunk(frame))
        worst = max(worst, taken * 1000 / from_hz - given * 1000 / to_hz)
    return worst
