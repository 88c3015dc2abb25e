"""Archives put together to a model: each file whole and checked before it has its name."""

import fnmatch
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from bridge.commands.fetching.registries import download, sha256_of
from bridge.commands.fetching.table import Fetchable, Made
from bridge.speech.api import ModelMissing

_LARGEST: Final = 2**30
"""Bytes of a member of an archive."""

Progress = Callable[[int, int, str], None]
"""Is told bytes that are there, bytes of all, and what is being fetched."""


def fetch(model: Fetchable, place: Path, progress: Progress) -> Path:
    """Put `model` together in `place`/FOLDER and return that folder. Blocks.

    What was downloaded before and is whole is not downloaded again; a file gets its name when it is whole and its hash
    is right, so that a fetch that ended early leaves nothing that looks like a model.

    Raises:
        ModelMissing: an archive cannot be had, or is not what it was, or the disk is full.
    """
    target, downloads = place / model.folder, place / f".{model.name}.download"
    if complete(model, place):
        return target
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
        archives, done = [], 0
        for archive in model.archives:

            def report(size: int, *, before: int = done, name: str = archive.name) -> None:
                progress(before + size, model.size, name)

            archives.append(download(archive, downloads, report))
            done += archive.size
        _put_together(model.files, archives, target)
        shutil.rmtree(downloads, ignore_errors=True)
    except OSError as error:
        raise ModelMissing(f"{model.name} cannot be put into {target}: {error}") from error
    return target


def complete(model: Fetchable, place: Path) -> bool:
    """Return whether all files of `model` are in `place`, with the right hash where one is known."""
    for made in model.files:
        found = list((place / model.folder).glob(made.path.replace("{name}", Path(made.members).name)))
        if not found or (made.sha256 and any(sha256_of(file) != made.sha256 for file in found)):
            return False
    return True


def _put_together(files: Sequence[Made], archives: Sequence[Path], target: Path) -> None:
    """Go through each archive once, and append each member to the file that it belongs to."""
    parts: dict[Path, tuple[Path, Made]] = {}
    for archive in archives:
        for name, member in _members(archive):
            for made in files:
                if fnmatch.fnmatch(name, made.members):
                    file = target / made.path.replace("{name}", Path(name).name)
                    part = file.with_name(f".{file.name}.part")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    with part.open("ab" if file in parts else "wb") as out:
                        shutil.copyfileobj(member, out)
                    parts[file] = part, made
    if lacking := [made.members for made in files if made not in {whose for _, whose in parts.values()}]:
        raise ModelMissing(f"no archive holds {', '.join(lacking)}")
    for part, made in parts.values():
        if made.sha256 and sha256_of(part) != made.sha256:
            raise ModelMissing(f"{made.path} has another sha256 than {made.sha256}, though its archives are right")
    for file, (part, _) in parts.items():
        part.replace(file)


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the content of each file in `archive`, in the order that they have there."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as zipped:
                for info in zipped.infolist():
                    if not info.is_dir() and info.file_size <= _LARGEST:
                        with zipped.open(info) as content:
                            yield info.filename, content
        else:
            with tarfile.open(archive, "r:gz") as tarred:
                for member in tarred:
                    if member.size <= _LARGEST and (extracted := tarred.extractfile(member)):
                        with extracted:
                            yield member.name, extracted
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ModelMissing(f"{archive.name} is no archive: {error}") from error
