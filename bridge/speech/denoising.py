"""The denoiser of one call: it runs off the event loop, in step with the raw signal, and is skipped when it is slow."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Denoiser, EngineFailed, Samples
from bridge.speech.workers import Workers

log = logging.getLogger(__name__)

_LOG_EVERY_MS: Final = 1_000


def _monotonic_ms() -> float:
    return time.monotonic() * 1000


class RealTimeBudget:
    """Decides when a denoiser is too slow for its call. RUNNING -behind by `allowed_ms`-> RESTING -`rest_ms`-> RUNNING.

    Counts audio, not time: a rest is over when so much of the call has passed.
    """

    def __init__(self, *, allowed_ms: float = 200, rest_ms: float = 10_000) -> None:
        self._allowed_ms, self._rest_ms = allowed_ms, rest_ms
        self._behind_ms = 0.0  # work beyond real time that later pieces have not made up for
        self._rest_left_ms = 0.0  # set when too far behind, counted down by the audio that is skipped

    def may_run(self, audio_ms: float) -> bool:
        """Return whether the next `audio_ms` may be denoised. Audio that may not counts as rest."""
        if self._rest_left_ms <= 0:
            return True
        self._rest_left_ms -= audio_ms
        return False

    def ran(self, audio_ms: float, took_ms: float) -> bool:
        """Note that `audio_ms` of audio took `took_ms`, waits included. Return False when a rest begins."""
        self._behind_ms = max(0.0, self._behind_ms + took_ms - audio_ms)
        if self._behind_ms <= self._allowed_ms:
            return True
        self._behind_ms, self._rest_left_ms = 0.0, self._rest_ms
        return False


class OnePerCall:
    """`Denoisers` for a class that shares nothing: `make`, which may block, makes a denoiser for each call."""

    def __init__(self, make: Callable[[], Denoiser]) -> None:
        self._make = make

    async def open(self) -> Denoiser:
        return await asyncio.to_thread(self._make)

    def close(self) -> None:
        """Do nothing: it holds nothing."""


class Denoising:
    """One call's denoiser. Whatever happens to it, the call goes on with the raw signal at the same place in time."""

    def __init__(
        self,
        denoiser: Denoiser,
        workers: Workers,
        *,
        budget: RealTimeBudget | None = None,
        clock_ms: Callable[[], float] = _monotonic_ms,
        spared: Callable[[], bool] = lambda: False,
    ) -> None:
        """`spared`: the call goes without for as long as it says so."""
        self._denoiser: Denoiser | None = denoiser  # None when it has failed
        self._delay = denoiser.delay
        self._name = str(getattr(denoiser, "name", type(denoiser).__name__))
        self._workers, self._clock_ms = workers, clock_ms
        self._budget, self._spared = budget or RealTimeBudget(), spared
        self._late = np.zeros(self._delay, np.float32)  # raw samples that the denoiser still holds
        self._stale = 0  # samples of output that come from before the denoiser was skipped
        self._bypassed = 0
        self._warned = False
        self._unlogged_ms = 0.0

    @property
    def bypassed_ms(self) -> int:
        """Milliseconds of this call that were not denoised."""
        return self._bypassed * 1000 // SAMPLE_RATE

    async def __call__(self, samples: Samples, /) -> tuple[Samples, Samples]:
        """Return (denoised, raw), each as long as `samples`, both late by the delay of the denoiser."""
        late = np.concatenate((self._late, samples))
        raw, self._late = late[: len(samples)], late[len(samples) :]
        if not len(samples):
            return raw, raw
        clean = await self._denoise(samples)
        if clean is None:
            self._bypassed += len(samples)
            self._stale = self._delay
            return raw, raw
        stale = min(self._stale, len(samples))
        self._stale -= stale
        return np.concatenate((raw[:stale], clean[stale:])), raw

    def close(self) -> None:
        """Close the denoiser."""
        if self._denoiser:
            self._denoiser.close()
            self._denoiser = None

    async def _denoise(self, samples: Samples) -> Samples | None:
        """Return `samples` denoised; None if they are not to be denoised."""
        audio_ms = len(samples) * 1000 / SAMPLE_RATE
        if self._denoiser is None or self._spared() or not self._budget.may_run(audio_ms):
            return None
        began_ms = self._clock_ms()
        try:
            clean = await self._workers.run(self._denoiser, samples)
            if len(clean) != len(samples):
                raise EngineFailed(f"{len(samples)} samples in, {len(clean)} out")
        except Exception as error:  # a plug-in: whatever it raises, the call needs no denoiser to go on
            log.warning("denoiser failed, bypassed for the rest of the call: %s", error)
            self.close()
            return None
        took_ms = self._clock_ms() - began_ms
        self._log_latency(audio_ms, took_ms)
        if not self._budget.ran(audio_ms, took_ms):
            self._warn()
        return clean

    def _warn(self) -> None:
        if not self._warned:
            log.warning("denoiser is slower than the call: bypassed, to be tried again (said once a call)")
        self._warned = True

    def _log_latency(self, audio_ms: float, took_ms: float) -> None:
        self._unlogged_ms += audio_ms
        if self._unlogged_ms >= _LOG_EVERY_MS:
            self._unlogged_ms = 0.0
            log.debug("%s latency: %.1fms", self._name, self._delay * 1000 / SAMPLE_RATE + took_ms)
