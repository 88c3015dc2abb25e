"""What a caller said in a call of the log, cut out of its recording: a file an utterance."""

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.records.entries import Entry, EntryKind

_AROUND_MS: Final = 200
"""Kept before and behind each utterance."""
_SHORTEST_MS: Final = 100


def cut(entries: Sequence[Entry], folder: Path, stem: str) -> dict[int, str]:
    """Write each utterance of the caller to `folder`; return the files' names by the numbers of the entries. Blocks.

    Raises:
        ValueError: the call has no recording that is a WAV file of this machine.
        OSError: it cannot be read, or a file not be written.
    """
    recorded = next((str(e.data.get("path", "")) for e in entries if e.kind is EntryKind.RECORDING), "")
    if not recorded.endswith(".wav"):
        raise ValueError(f"the call has no recording as WAV on this machine ({recorded or 'none'}); leave --out away")
    caller, rate = _left(recorded)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[int, str] = {}
    for entry in entries:
        begin, end = (entry.data.get(name) for name in ("from_ms", "to_ms"))
        if entry.kind is not EntryKind.CALLER or not isinstance(begin, int) or not isinstance(end, int):
            continue
        samples = caller[max(0, begin - _AROUND_MS) * rate // 1000 : (end + _AROUND_MS) * rate // 1000]
        if len(samples) < _SHORTEST_MS * rate // 1000:
            continue
        name = f"{stem}-{len(written) + 1:02d}.wav"
        with wave.open(str(folder / name), "wb") as out:
            out.setparams((1, 2, rate, 0, "NONE", ""))
            out.writeframes(samples.tobytes())
        written[entry.number] = name
    return written


def _left(path: str) -> tuple[npt.NDArray[np.int16], int]:
    """Return the caller's side of a recording, and its rate in hertz."""
    try:
        with wave.open(path, "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path}: no WAV file ({error})") from error
    if width != 2:
        raise ValueError(f"{path}: samples of {8 * width} bits; allowed: 16")
    whole = np.frombuffer(raw[: len(raw) // (2 * channels) * 2 * channels], np.int16)
    return whole.reshape(-1, channels)[:, 0], rate
