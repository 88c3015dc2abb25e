"""`bridge replay`, as a shell sees it."""

import json
from pathlib import Path

import pytest
from kept_call import Plan, keep

from bridge.cli import main

RECORD = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wire")
    for day, name in enumerate((RECORD, "f" * 32), 1):
        (root / f"2026-01-0{day}").mkdir()
        plan = Plan(seed=day, lasts_s=7, speaks=[(1.5, 1.0, "Yes.")], faulty=False)
        keep(plan, root / f"2026-01-0{day}" / f"{name}.wire.gz")
    return root


def replay(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["replay", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_one_call_that_does_what_it_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = replay(capsys, folder / "2026-01-01" / f"{RECORD}.wire.gz", "--events")
    assert code == 0
    assert "(CA1)" in out and "no difference in" in out
    assert "final        text 'Yes.'" in out


def test_what_is_changed_is_shown_with_times(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "2026-01-01" / f"{RECORD}.wire.gz"
    code, out, _ = replay(capsys, path, "--set", "turn-silence=1.5", "--set", "ending=none")
    assert code == 1
    assert "  -     2.9" in out and "  +     4.0" in out and "turn closed" in out and "silence_ms 15" in out


@pytest.mark.heavy
def test_a_folder_is_a_table_and_its_calls_are_replayed_in_processes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = replay(capsys, folder, "--jobs", "2")
    assert code == 0
    heading, first, second, together, summary = out.splitlines()
    assert heading.split()[:3] == ["call", "outcome", "turns"]
    assert (first.split()[:3], second.split()[:3]) == ([RECORD[:12], "same", "1"], ["f" * 12, "same", "1"])
    assert together.startswith("2 calls") and summary == "2 same"


def test_json_has_an_object_a_call(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = replay(capsys, folder, "--json", "--jobs", "1", "--set", "ending=none", "--set", "turn_silence=1.5")
    first, second = map(json.loads, out.splitlines())
    assert code == 1
    assert first["outcome"] == second["outcome"] == "otherwise"
    assert first["after"]["waits_ms"][0] > first["before"]["waits_ms"][0] + 900
    assert {each["what"] for each in first["differences"]} >= {"turn closed", "answered"}


def test_a_call_is_found_by_its_name_in_the_folders_of_the_server(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bridge.toml").write_text(f'record_wire = "{folder}"\n')
    assert replay(capsys, RECORD, "--config", tmp_path / "bridge.toml")[0] == 0
    code, out, _ = replay(capsys, "CA1", "--config", tmp_path / "bridge.toml", "--jobs", "1")  # as its wire calls it
    assert code == 0 and out.endswith("2 same\n")
    code, _, err = replay(capsys, "0" * 32, "--config", tmp_path / "bridge.toml")
    assert code == 2 and str(folder) in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--set", "turn_silence"], "must be OPTION=VALUE"),
        (["--set", "turn_silense=1"], "no option that a replay can change"),
        (["--set", "turn_silence=-1"], "allowed: a number from"),
    ],
)
def test_a_change_that_is_none_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    code, _, err = replay(capsys, folder, "--jobs", "1", *arguments)
    assert code == 2 and why in err


def test_a_file_that_is_no_record_costs_no_other_call(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.wire.gz").write_bytes(b"RIFF")
    code, out, err = replay(capsys, tmp_path, folder, "--jobs", "1")
    assert code == 2 and f"{tmp_path / 'a.wire.gz'}, line 1" in err
    assert out.endswith("2 same\n")
