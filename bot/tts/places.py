"""Where the files of voices lie: a folder that was named, what `bridge models fetch` made, packages, or the hub."""

import re
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bot.folders import xdg_folder

_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def data_folder() -> Path:
    """Return where fetched models lie: voice-bridge in the user's data folder."""
    return (xdg_folder("XDG_DATA_HOME") or Path.home() / ".local/share") / "voice-bridge"


def named_folder(place: str, *, wanted: Sequence[str]) -> Path:
    """Return the folder or the file that `place` names, downloaded where it is an id of the hub.

    `wanted`: patterns of the files that are downloaded.

    Raises:
        RuntimeError: there is no such folder, or the hub does not give it.
    """
    path = Path(place).expanduser()
    if path.exists():
        return path
    if not _HUB_ID.fullmatch(place):
        raise RuntimeError(f"--tts-model-path {place}: no such folder")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise RuntimeError(
            f"--tts-model-path {place}: no such folder, and to take it from the hub needs pip install huggingface-hub"
        ) from None
    try:
        return Path(snapshot_download(place, allow_patterns=list(wanted)))
    except Exception as error:  # the hub's client raises what its HTTP library raises, too
        raise RuntimeError(f"--tts-model-path {place}: the hub does not give it: {error}") from error


def packaged(names: Iterable[str]) -> list[Path]:
    """Return the folders of the packages `names` that are installed; none of them is imported."""
    specs = [find_spec(name) for name in names]
    return [Path(folder) for spec in specs if spec for folder in spec.submodule_search_locations or ()]
