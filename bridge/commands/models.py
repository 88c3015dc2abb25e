"""`bridge models`: lists the recognisers, voices and models that can be used here, and says how to get others."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot import installing
from bot.tts.places import data_folder
from bridge.commands.fetching import assembly as pieces
from bridge.commands.fetching.assembly import Progress
from bridge.commands.fetching.table import table
from bridge.settings import Settings
from bridge.speech.api import ModelMissing
from bridge.speech.backends import hub
from bridge.speech.backends.models import WhisperFiles, packaged

_NEEDS: Final = {"ray": ("ray", "ray"), "whisper": ("ctranslate2", "embedded"), "vllm": ("vllm", "vllm")}
"""Recogniser -> the module that it needs, and the extra that installs it."""


def listing(settings: Settings) -> str:
    """Return text with a line for each recogniser and each model. `settings` name the model in use."""
    return "\n".join(
        [
            *_table("recognisers (--asr)", _recognisers()),
            *_table("models (--asr-model-path)", _models(settings)),
            *_table("voices (--tts)", _voices()),
            "fetch another with: bridge models fetch OWNER/NAME, or one of the names above",
        ]
    )


def fetch(model: str, *, folder: Path | None, progress: Progress) -> str:
    """Download `model` (a name of our table, or owner/name); return its folder and how to use it, as text. Blocks.

    `folder`: where to put it; None for the user's data folder, or the hub's cache.

    Raises:
        ModelMissing: it cannot be downloaded; the text says why in one line.
    """
    if model in (pieced := table()):
        place = pieces.fetch(pieced[model], folder or data_folder(), progress)
        return f"{place}\nuse it with: {pieced[model].use}" + (f" --tts-model-path {place}" if folder else "")
    if not hub.is_id(model):
        raise ModelMissing(
            f"model {model!r} is no id of the hub: owner/name, e.g. Qwen/Qwen3-ASR-1.7B; and none of "
            f"{', '.join(pieced)}"
        )
    place = hub.fetch(model, folder=folder)
    engine = hub.engine_of(place)
    if not engine:
        return f"{place}\nnone of our recognisers reads it: it is neither a Whisper for CTranslate2 nor one for vLLM"
    return f"{place}\nuse it with: bridge serve --asr {engine} --asr-model-path {folder or model}"


def _table(title: str, rows: Iterator[tuple[str, str]]) -> list[str]:
    entries = list(rows)
    width = max((len(name) for name, _ in entries), default=0)
    return [title, *(f"  {name:<{width}}  {about}" for name, about in entries), ""]


def _recognisers() -> Iterator[tuple[str, str]]:
    for point in sorted(entry_points(group="bridge.asr"), key=lambda point: point.name):
        module, extra = _NEEDS.get(point.name, ("", ""))
        if module and find_spec(module) is None:
            yield point.name, f"not installed: {installing.extra(extra)}"
        else:
            yield point.name, "asks the servers at --asr-url" if point.name == "openai" else "installed"


def _models(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.asr_model_path:
        yield settings.asr_model_path, f"in use: {_configured(settings.asr_model_path)}"
    for name, found in packaged().items():
        yield name, f"whisper, {found.folder}" if isinstance(found, WhisperFiles) else _remedy(found)
    for model in hub.cached():
        yield model.name, f"{model.engine}, {model.megabytes} MB, {model.folder}"


def _voices() -> Iterator[tuple[str, str]]:
    for model in table().values():
        there = pieces.complete(model, data_folder())
        how = data_folder() / model.folder if there else f"{model.size // 10**6} MB: bridge models fetch {model.name}"
        yield model.name, f"{model.about}; {how}"


def _configured(model: str) -> str:
    if (folder := Path(model).expanduser()).is_dir():
        return hub.engine_of(folder) or "a folder that none of our recognisers reads"
    return "see below, or on the hub" if hub.is_id(model) or model in packaged() else "no such folder"


def _remedy(missing: ModelMissing) -> str:
    return f"not installed: {str(missing).rpartition(': ')[2]}"
