"""The official silero-vad package, on torch: for a GPU where there is one.

It carries the same network as the ONNX file but keeps the recurrent state and the last 64 samples inside its model
object, where two calls would mix. So the network within it is called directly: it takes the state and returns the
next one. On a CPU a window costs 0.4 ms, twice what the ONNX file takes, hence the thread; windows that come while
it is busy are scored together.

Importing the package sets torch.set_num_threads(1) for the whole process, other users of torch included.
Not tested by this project: a GPU.
"""

import asyncio
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self

import numpy as np

from bot import installing
from bridge.speech.api import ModelMissing, Samples
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

Network = Callable[[Array, Array], tuple[Array, Array]]
"""Scores windows, shape (B, 576), with states, shape (2, B, 128); returns P(speech) (B,) and the next states."""


class SileroTorch:
    """The model, shared by all calls of one event loop."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="silero-torch")
        self._waiting: list[Job] = []
        self._busy = False

    @classmethod
    def load(cls) -> Self:
        """Load and warm up; blocks for some seconds, most of them the import of torch.

        Raises:
            ModelMissing: silero-vad is not installed, or is of a version with another network inside.
        """
        network = _load_network()
        for batch in (1, 1, 1, 2, 2):  # torch compiles during the first runs of a shape
            network(np.zeros((batch, CONTEXT + WINDOW), np.float32), np.zeros((2, batch, 128), np.float32))
        return cls(network)

    def open(self) -> SileroStream:
        """Return the VAD of one call."""
        return SileroStream(self)

    def score(self, stream: SileroStream, samples: Samples, /) -> asyncio.Future[float]:
        """Score one window together with all that other calls hand in while the thread is busy."""
        loop = asyncio.get_running_loop()
        self._waiting.append(job := Job(stream, samples, loop.create_future()))
        if not self._busy:
            self._begin(loop)
        return job.probability

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._busy = True
        result = loop.run_in_executor(self._thread, self._network, *joined(batch))
        result.add_done_callback(partial(self._deliver, loop, batch))

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, batch: list[Job], result: "asyncio.Future[tuple[Array, Array]]"
    ) -> None:
        self._busy = False
        if self._waiting:
            self._begin(loop)
        if error := result.exception():
            fail(batch, error)
        else:
            hand_back(batch, *result.result())


def _load_network() -> Network:
    try:
        import silero_vad
        import torch
    except ImportError as error:
        raise ModelMissing(
            f"the official silero-vad is not installed ({error}): {installing.extra('silero-torch')}"
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # how the package loads its model is not ours to change
        model = silero_vad.load_silero_vad().to(device).eval()
    try:
        network = model._model  # noqa: SLF001 - the public model mixes the calls that use it
    except AttributeError as error:
        raise ModelMissing(
            f"silero-vad {silero_vad.__version__} has another network inside: {installing.package('silero-vad==6.2.3')}"
        ) from error

    def run(windows: Array, states: Array) -> tuple[Array, Array]:
        with torch.inference_mode():
            scores, after = network(torch.from_numpy(windows).to(device), torch.from_numpy(states).to(device))
        return scores[:, 0].cpu().numpy(), after.cpu().numpy()

    return run
