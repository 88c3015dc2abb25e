"""What Silero VAD keeps of one call, and the windows of several calls on their way through the model.

The network keeps nothing between runs: the recurrent state and the 64 samples before the window belong to the call.
Shapes from the network of silero-vad 6: input (B, 576), state (2, B, 128).
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from bridge.speech.api import EngineFailed, Samples

WINDOW: Final = 512
CONTEXT: Final = 64
MAX_BATCH: Final = 64
"""Windows in one run: about 4 ms on a CPU."""
_QUIET: Final = 0.1
"""P(speech) of a window that is far from speech."""
_REST_WINDOWS: Final = 31  # 1 s
_PACED_S: Final = 0.002  # a caller in real time gives a window each 32 ms, a recording the next one at once

Array = npt.NDArray[np.float32]


class SileroModel(Protocol):
    """The network, shared by all calls."""

    def score(self, stream: "SileroStream", samples: Samples, /) -> Awaitable[float]:
        """Return P(speech) of the next window of `stream`, shape (WINDOW,); one at a time.

        Raises:
            EngineFailed: the model failed.
        """


class SileroStream:
    """One call's VAD: the model's memory of it."""

    window = WINDOW

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.context = np.zeros(CONTEXT, np.float32)
        self.state = np.zeros((2, 1, 128), np.float32)
        self._quiet_windows = 0  # since the newest that was not
        self._answered_s = 0.0  # when the newest score was handed on

    @property
    def at_rest(self) -> bool:
        """True when nothing hangs on the next score: a second of silence, heard in real time."""
        return self._quiet_windows >= _REST_WINDOWS and asyncio.get_running_loop().time() - self._answered_s > _PACED_S

    async def __call__(self, samples: Samples, /) -> float:
        if samples.shape != (WINDOW,):  # it would spoil the batch of the other calls
            raise EngineFailed(f"a window is {WINDOW} samples, got shape {samples.shape}")
        probability = await self._model.score(self, samples)
        self._answered_s = asyncio.get_running_loop().time()
        return probability

    def remember(self, samples: Samples, state: Array, score: float) -> None:
        """Take down what the model made of `samples`."""
        self.context, self.state = samples[WINDOW - CONTEXT :].copy(), state
        self._quiet_windows = self._quiet_windows + 1 if score < _QUIET else 0


class Job(NamedTuple):
    """A window that waits for its score."""

    stream: SileroStream
    samples: Samples
    probability: asyncio.Future[float]


def joined(batch: Sequence[Job]) -> tuple[Array, Array]:
    """Return what the network takes for `batch`: windows with their contexts, (B, 576), and states, (2, B, 128)."""
    windows = np.empty((len(batch), CONTEXT + WINDOW), np.float32)
    for row, job in zip(windows, batch, strict=True):
        row[:CONTEXT], row[CONTEXT:] = job.stream.context, job.samples
    states = [job.stream.state for job in batch]
    return windows, np.concatenate(states, axis=1) if len(states) > 1 else states[0]


def hand_back(batch: Sequence[Job], scores: Array, states: Array) -> None:
    """Give each of `batch` its score, from (B,), and its next state, from (2, B, 128)."""
    for i, (job, score) in enumerate(zip(batch, scores.tolist(), strict=True)):
        job.stream.remember(job.samples, states[:, i : i + 1], score)
        if not job.probability.done():  # its call ended meanwhile
            job.probability.set_result(score)


def fail(batch: Sequence[Job], error: BaseException) -> None:
    """Tell all of `batch` that the model failed."""
    for job in batch:
        if not job.probability.done():
            job.probability.set_exception(EngineFailed(f"VAD failed: {error}"))
