"""Silero VAD from its ONNX file, without torch: one model for all calls, their windows scored together.

The model keeps nothing between runs: the recurrent state and the 64 samples before the window belong to the
call. Windows of different calls give the same probabilities in one batch as one by one, at a third of the cost.
Source of the shapes: the graph of silero_vad.onnx 6.2 (input (B, 576), state (2, B, 128), sr).
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from bridge.speech.api import SAMPLE_RATE, EngineFailed, ModelMissing, Samples
from bridge.speech.backends.models import silero_vad_path

WINDOW: Final = 512
_CONTEXT: Final = 64
_CLOSE_S: Final = 0.002
"""Windows that come closer together than this are scored together: a wait of one turn of the event loop costs 60 us,
which a batch of two earns back, and a burst from one caller gives way to the others."""
_MAX_BATCH: Final = 64  # about 2 ms of the event loop


class _Waiting(NamedTuple):
    stream: "SileroStream"
    samples: Samples
    probability: asyncio.Future[float]


class SileroVad:
    """The model, shared by all calls. Runs on the event loop: a window is 90 us, less than a thread hop."""

    def __init__(self, path: str) -> None:
        """Raises:
        ModelMissing: onnxruntime is not installed.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelMissing("onnxruntime is not installed: pip install 'voice-bridge[embedded]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._rate = np.array(SAMPLE_RATE, np.int64)
        self._waiting: list[_Waiting] = []
        self._newest_s = 0.0  # when the newest window came

    @classmethod
    def load(cls) -> Self:
        """Load and warm up; blocks for about 0.1 s.

        Raises:
            ModelMissing: no package with the model is installed.
        """
        model = cls(str(silero_vad_path()))
        model.run(np.zeros((1, _CONTEXT + WINDOW), np.float32), np.zeros((2, 1, 128), np.float32))
        return model

    def open(self) -> "SileroStream":
        """Return the VAD of one call."""
        return SileroStream(self)

    def run(
        self, windows: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Score `windows`, shape (B, 576), with `state`, shape (2, B, 128); return P (B,) and the next state."""
        probability, state = self._session.run(None, {"input": windows, "state": state, "sr": self._rate})
        return probability[:, 0], state

    def crowded(self) -> bool:
        """Tell whether windows come so close together that one had better wait for the others."""
        now_s = time.perf_counter()
        close, self._newest_s = now_s - self._newest_s < _CLOSE_S, now_s
        return close or bool(self._waiting)

    def score(self, stream: "SileroStream", samples: Samples) -> asyncio.Future[float]:
        """Score one window together with all that other calls hand in during this turn of the event loop."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._flush)
        probability: asyncio.Future[float] = loop.create_future()
        self._waiting.append(_Waiting(stream, samples, probability))
        return probability

    def score_now(self, streams: Sequence["SileroStream"], samples: Sequence[Samples]) -> list[float]:
        """Score one window of each of `streams`.

        Raises:
            EngineFailed: the model failed.
        """
        windows = np.empty((len(streams), _CONTEXT + WINDOW), np.float32)
        for row, stream, window in zip(windows, streams, samples, strict=True):
            row[:_CONTEXT], row[_CONTEXT:] = stream.context, window
        states = [stream.state for stream in streams]
        try:
            scores, state = self.run(windows, np.concatenate(states, axis=1) if len(states) > 1 else states[0])
        except Exception as error:  # onnxruntime's own hierarchy is private; whatever it is, the windows are lost
            raise EngineFailed(f"VAD failed: {error}") from error
        for i, stream in enumerate(streams):
            stream.context, stream.state = windows[i, -_CONTEXT:], state[:, i : i + 1]
        return [float(score) for score in scores]

    def _flush(self) -> None:
        batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        try:
            scores = self.score_now([job.stream for job in batch], [job.samples for job in batch])
        except EngineFailed as error:
            for job in batch:
                if not job.probability.done():
                    job.probability.set_exception(error)
            return
        for job, score in zip(batch, scores, strict=True):
            if not job.probability.done():  # its call ended meanwhile
                job.probability.set_result(score)


class SileroStream:
    """One call's VAD: the model's memory of it."""

    window = WINDOW

    def __init__(self, model: SileroVad) -> None:
        self._model = model
        self.context = np.zeros(_CONTEXT, np.float32)
        self.state = np.zeros((2, 1, 128), np.float32)

    async def __call__(self, samples: Samples, /) -> float:
        if samples.shape != (WINDOW,):  # it would spoil the batch of the other calls
            raise EngineFailed(f"a window is {WINDOW} samples, got shape {samples.shape}")
        if self._model.crowded():
            return await self._model.score(self, samples)
        return self._model.score_now([self], [samples])[0]
