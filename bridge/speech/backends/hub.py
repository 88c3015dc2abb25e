"""Models on a hub and in its cache. The hub's client is optional; a token comes from HF_TOKEN and from nowhere else."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot import installing
from bridge.speech.api import ModelMissing

_OTHER_RUNTIMES: Final = ("*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.tflite", "onnx/*", "openvino/*")
_WHISPER: Final = ("model.bin", "config.json", "tokenizer.json")
_SERVED: Final = ("Qwen3ASR", "WhisperFor", "Voxtral")
"""How the architectures begin that vLLM hears with."""


def is_id(model: str) -> bool:
    """Return whether `model` looks like owner/name, and not like a path."""
    return model.count("/") == 1 and all(model.split("/")) and not model.startswith((".", "/", "~"))


def fetch(model: str, *, folder: Path | None = None, only: Sequence[str] | None = None) -> Path:
    """Return where the hub's `model` (owner/name) lies now: in `folder`, or in the hub's own cache.

    What is there already is not downloaded again. `only`: patterns of the files wanted; else all that our engines read.

    Raises:
        ModelMissing: it cannot be had; the text says why in one line, and what helps.
    """
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise ModelMissing(
            f"model {model!r} needs the hub's client; get it with: {installing.package('huggingface-hub')}"
        ) from error
    token = os.environ.get("HF_TOKEN")
    given = "HF_TOKEN is set but not allowed to" if token else "set HF_TOKEN to a token that is allowed to"
    try:
        return Path(
            snapshot_download(
                model,
                local_dir=folder,
                allow_patterns=None if only is None else list(only),
                ignore_patterns=list(_OTHER_RUNTIMES),
                token=token or False,
            )
        )
    except errors.GatedRepoError as error:
        raise ModelMissing(f"model {model!r} is gated: accept its terms on its page at the hub; {given}") from error
    except errors.RepositoryNotFoundError as error:
        raise ModelMissing(f"model {model!r} is not on the hub, or private: {given}") from error
    except Exception as error:  # offline, denied, disk full, cut off: the client raises many unrelated types
        raise ModelMissing(
            f"model {model!r} is not in the hub's cache and cannot be downloaded ({_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model in the hub's cache that one of our engines hears with."""

    name: str
    engine: str
    folder: Path
    megabytes: int


def cached() -> Iterator[CachedModel]:
    """Yield what is in the hub's cache, by name; nothing where there is no client or no cache."""
    try:
        from huggingface_hub import scan_cache_dir
        from huggingface_hub.errors import CacheNotFound
    except ImportError:
        return
    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        return
    for repo in sorted((repo for repo in repos if repo.repo_type == "model"), key=lambda repo: repo.repo_id):
        newest = max(repo.revisions, key=lambda revision: revision.last_modified, default=None)
        if newest and (engine := engine_of(newest.snapshot_path)):
            yield CachedModel(repo.repo_id, engine, newest.snapshot_path, round(newest.size_on_disk / 1e6))


def engine_of(folder: Path) -> str:
    """Return which of our engines reads the model in `folder`; "" for none."""
    if all((folder / name).is_file() for name in _WHISPER):
        return "whisper"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    architectures = config.get("architectures") if isinstance(config, dict) else None
    names = architectures if isinstance(architectures, list) else []
    return "vllm" if any(isinstance(name, str) and name.startswith(_SERVED) for name in names) else ""
