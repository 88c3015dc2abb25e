"""How sure a figure is: intervals of 95 % for quantiles and shares. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

RESAMPLES: Final = 2000
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; of `n` values."""

    value: float
    low: float
    high: float
    n: int


def quantile(values: Sequence[float], share: float, *, seed: int = 1) -> Estimate | None:
    """Return the quantile of `values` with a bootstrap interval; None where there are none."""
    if not values:
        return None
    known = np.asarray(values, float)
    drawn = known[np.random.default_rng(seed).integers(len(known), size=(RESAMPLES, len(known)))]
    low, high = np.percentile(np.quantile(drawn, share, axis=1), (2.5, 97.5))
    return Estimate(float(np.quantile(known, share)), float(low), float(high), len(known))


def share(flags: Sequence[bool]) -> Estimate | None:
    """Return the share of true ones, 0 to 1, with Wilson's interval; None where there are none.

    A bootstrap of twenty turns of which none failed says that none ever will: 0 to 0. Wilson says 0 to 16 %.
    """
    n = len(flags)
    if not n:
        return None
    p = sum(flags) / n
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return Estimate(p, max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)), n)
