"""Networks in ONNX, as voices need them: few threads, little memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bot import installing
from bot.tts.deadlines import Deadlines

_THREADS_A_CLAUSE: Final = 2
"""Two threads make a clause 1.5 times as fast as one; more gain little, and are better used for another call's."""


def clauses_at_once(threads: int) -> int:
    """Return how many clauses are made at the same time by so many threads."""
    return max(1, threads // _THREADS_A_CLAUSE)


def open_threads(threads: int, *, name: str) -> Deadlines:
    """Return what shares `threads` among calls."""
    return Deadlines(clauses_at_once(threads), name=name)


def open_network(files: Sequence[Path], threads: int) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """Return an onnxruntime.InferenceSession of the network in `files`, parts of one file in their order.

    `threads`: of all that run at the same time, those who call `run` included.

    Raises:
        RuntimeError: onnxruntime is not installed, or this is no network.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeError(f"onnxruntime is not installed: {installing.extra('kokoro')}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads - clauses_at_once(threads) + 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # no two clauses are of one length
    # With its arena Kokoro holds 330 MB after clauses of up to 6 s; without, glibc keeps what was freed: 1,170 MB.
    arena = {"arena_extend_strategy": "kSameAsRequested"}
    # Threads that wait leave the core to others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        network = str(files[0]) if len(files) == 1 else b"".join(part.read_bytes() for part in files)
        return onnxruntime.InferenceSession(network, options, providers=[("CPUExecutionProvider", arena)])
    except Exception as error:  # a foreign runtime raises classes of its own
        raise RuntimeError(f"{files[0]} is no network that onnxruntime loads: {error}") from error
