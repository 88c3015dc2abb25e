"""Silero VAD from its ONNX file, without torch: one model for all calls, their windows scored together.

A run is mostly weights and nodes: windows of different calls give the same probabilities in one batch as one by one,
at a third of the cost.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from bot import installing
from bridge.speech.api import SAMPLE_RATE, ModelMissing, Samples
from bridge.speech.backends.models import silero_vad_path
from bridge.speech.backends.silero.stream import (
    CONTEXT,
    MAX_BATCH,
    WINDOW,
    Array,
    Job,
    SileroStream,
    fail,
    hand_back,
    joined,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_CLOSE_S: Final = 0.002
"""Windows that come closer together than this are scored together: a wait of one turn of the event loop costs 60 us,
which a batch of two earns back, and a burst from one caller gives way to the others."""
_REST_S: Final = 0.015
"""So long a window of a caller at rest waits for others. No turn and no barge-in is later for it, as both hang on the
windows after the first sound; a longer wait would outlast the 20 ms of a packet."""
_PLAIN: Final = "silero_vad_op18_ifless.onnx"
"""The same network without its conditionals, which take a fifth of the time; newer packages have it."""


class SileroVad:
    """The model, shared by all calls. Runs on the event loop: a window is 100 us, less than a thread hop."""

    def __init__(self, path: str) -> None:
        """Raises:
        ModelMissing: onnxruntime is not installed.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelMissing(f"onnxruntime is not installed: {installing.extra('embedded')}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._rate = np.array(SAMPLE_RATE, np.int64)
        self._alone = _Alone(self._session, self._rate)
        self._waiting: list[Job] = []
        self._flushing: asyncio.TimerHandle | None = None  # when what waits will be scored
        self._newest_s = 0.0  # when the newest window came

    @classmethod
    def load(cls) -> Self:
        """Load and warm up; blocks for about 0.1 s.

        Raises:
            ModelMissing: no package with the model is installed.
        """
        model = cls(str(_without_conditionals(silero_vad_path())))
        for batch in (1, 2):
            model.run(np.zeros((batch, CONTEXT + WINDOW), np.float32), np.zeros((2, batch, 128), np.float32))
        return model

    def open(self) -> SileroStream:
        """Return the VAD of one call."""
        return SileroStream(self)

    def run(self, windows: Array, state: Array) -> tuple[Array, Array]:
        """Score `windows`, shape (B, 576), with `state`, shape (2, B, 128); return P (B,) and the next state."""
        if len(windows) == 1:
            return self._alone(windows, state)
        probability, state = self._session.run(None, {"input": windows, "state": state, "sr": self._rate})
        return probability[:, 0], state

    def score(self, stream: SileroStream, samples: Samples, /) -> asyncio.Future[float]:
        """Score a window: at once where it comes alone, otherwise with those of other calls.

        A call at rest can wait; a window that cannot takes along all that do.
        """
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        close, self._newest_s = now_s - self._newest_s < _CLOSE_S, now_s
        self._waiting.append(job := Job(stream, samples, loop.create_future()))
        if stream.at_rest:
            self._flush_by(loop, now_s + _REST_S)
        elif close or (self._flushing and self._flushing.when() <= now_s):
            self._flush_by(loop, now_s)
        else:
            self._flush()
        return job.probability

    def _flush_by(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        if self._flushing is None or due_s < self._flushing.when():
            self._unschedule()
            self._flushing = loop.call_at(due_s, self._flush)

    def _unschedule(self) -> None:
        if self._flushing:
            self._flushing.cancel()
            self._flushing = None

    def _flush(self) -> None:
        self._unschedule()
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        if self._waiting:
            self._flush_by(asyncio.get_running_loop(), 0.0)
        try:
            scores, states = self.run(*joined(batch))
        except Exception as error:  # onnxruntime's own hierarchy is private; whatever it is, the windows are lost
            fail(batch, error)
        else:
            hand_back(batch, scores, states)


class _Alone:
    """Scores one window in buffers that are bound once: a tenth cheaper than handing them over each time."""

    def __init__(self, session: "InferenceSession", rate: "np.ndarray[tuple[()], np.dtype[np.int64]]") -> None:
        self._session, self._binding = session, session.io_binding()
        self._window = np.zeros((1, CONTEXT + WINDOW), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)
        self._probability = np.zeros((1, 1), np.float32)
        self._next = np.zeros((2, 1, 128), np.float32)
        self._rate = rate  # the binding holds bare pointers: the arrays must live as long
        for name, array in (("input", self._window), ("state", self._state), ("sr", rate)):
            self._binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        for name, array in (("output", self._probability), ("stateN", self._next)):
            self._binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def __call__(self, window: Array, state: Array) -> tuple[Array, Array]:
        self._window[:], self._state[:] = window, state
        self._session.run_with_iobinding(self._binding)
        return self._probability[:, 0].copy(), self._next.copy()


def _without_conditionals(path: Path) -> Path:
    plain = path.with_name(_PLAIN)
    return plain if plain.is_file() else path
