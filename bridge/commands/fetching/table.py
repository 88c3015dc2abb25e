"""The table of what can be fetched: models.toml, read."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal


@dataclass(frozen=True, slots=True)
class Archive:
    """One package of a registry."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    size: int
    """Bytes."""
    sha256: str

    @property
    def file(self) -> str:
        """The name under which it is kept: its hash, for it is nothing else."""
        return f"{self.sha256}.{'whl' if self.registry == 'pypi' else 'tgz'}"


@dataclass(frozen=True, slots=True)
class Made:
    """One file of the model, or several that have the members' own names in theirs."""

    path: str
    members: str
    """Pattern of the members of archives that it is made of."""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Fetchable:
    """One model."""

    name: str
    about: str
    folder: str
    use: str
    archives: tuple[Archive, ...]
    files: tuple[Made, ...]

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(archive.size for archive in self.archives)


def table(text: str = "") -> Mapping[str, Fetchable]:
    """Return what can be fetched, by its name. `text`: TOML to read instead of ours."""
    given = tomllib.loads(text or (files(__package__) / "models.toml").read_text("utf-8"))
    return {name: _fetchable(name, entry) for name, entry in given.items()}


def _fetchable(name: str, entry: Mapping[str, object]) -> Fetchable:
    match entry:
        case {
            "about": str(about),
            "folder": str(folder),
            "use": str(use),
            "archive": list(archives),
            "file": list(made),
        }:
            return Fetchable(
                name, about, folder, use, tuple(map(_archive, archives)), tuple(Made(**each) for each in made)
            )
    raise ValueError(f"[{name}] lacks about, folder, use, archive or file")


def _archive(entry: Mapping[str, object]) -> Archive:
    match entry:
        case {
            "from": ("pypi" | "npm") as registry,
            "name": str(name),
            "version": str(version),
            "bytes": int(size),
            "sha256": str(sha256),
        }:
            return Archive(registry, name, version, size, sha256)
    raise ValueError(f"{entry} lacks from, name, version, bytes or sha256")
