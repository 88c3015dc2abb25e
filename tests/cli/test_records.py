"""`bridge records` on a real SQLite."""

import asyncio
import json
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.records.database import Database
from bridge.records.entries import Entry, EntryKind


@pytest.fixture
def log(tmp_path: Path) -> list[str]:
    """The options of a log of three calls."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"

    async def fill() -> None:
        database = Database.at(url)
        for number, name in enumerate(("a", "b", "c")):
            at = 1700000000.0 + 86_400 * number
            facts = {"call_id": f"CA{name}", "wire": "twilio", "caller": f"+49{number}", "callee": "+4930"}
            await database.write(
                [
                    Entry(name, 1, at, EntryKind.STARTED, "", facts),
                    Entry(name, 2, at + 1, EntryKind.CALLER, f"words of {name}", {}),
                    Entry(name, 3, at + 2, EntryKind.ENDED, "over", {"ended_by": "bot"}),
                ]
            )
        await database.close()

    asyncio.run(fill())
    return ["--records", url]


def records(log: list[str], *arguments: str) -> int:
    return main(["records", *log, *arguments])


def test_calls_are_listed_the_newest_first_and_filtered(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert records(log, "list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["record", "c", "b", "a"]
    assert records(log, "list", "--text", "OF B") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["record", "b"]
    assert records(log, "list", "--since", "2023-11-15", "--until", "2023-11-16") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["record", "b"]


def test_one_call_is_shown_by_either_name(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert records(log, "show", "CAb") == 0
    assert "words of b" in capsys.readouterr().out
    assert records(log, "show", "b", "--json") == 0
    assert json.loads(capsys.readouterr().out)["call_id"] == "CAb"
    assert records(log, "show", "d") == 1
    assert capsys.readouterr().err == "bridge: no call d\n"


def test_all_is_exported_to_a_file(log: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "calls.jsonl"
    assert records(log, "export", "--out", str(out)) == 0
    assert [json.loads(line)["record"] for line in out.read_text().splitlines()] == ["c", "b", "a"]
    assert capsys.readouterr().err == "3 calls, done\n"
    assert records(log, "export", "--format", "csv", "--phone", "+491") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_calls_are_deleted_by_name_and_by_number(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert records(log, "delete", "a", "CAnone") == 1
    assert capsys.readouterr().out == "1 calls deleted\n"
    assert records(log, "delete", "--phone", "+491") == 0
    assert records(log, "delete") == 2
    capsys.readouterr()
    assert records(log, "list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["record", "c"]


def test_what_is_too_old_goes_at_once(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert records(log, "vacuum") == 0
    assert capsys.readouterr().out == "0 recordings deleted, 3 entries lost their words, 3 calls deleted\n"


def test_a_log_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", "--state-dir", str(tmp_path), "list"]) == 1
    assert "there is no call log at" in capsys.readouterr().err
    assert main(["records", "--records", "none", "list"]) == 1


def test_a_day_that_is_none_is_told(log: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        records(log, "list", "--since", "yesterday")
    assert "--since" in capsys.readouterr().err
