"""The panel of the benchmark: the table of several servers, and what takes the trust from a run."""

from pathlib import Path

import pytest
from phone import run
from phone.measures import Trial
from phone.panel import BEGIN, END, Measured, Usage, doubts, published, rows, table
from phone.play import Played


def one(name: str, *, response_ms: float | None = 500.0, late_ms: float = 1.0, sounds: str = "same") -> Measured:
    trial = Trial(group="single", name="single-1/1", kind="turn", response_ms=response_ms)
    number = Trial(
        group="dictated-number",
        name="numbers/1",
        kind="turn",
        response_ms=700.0,
        digits="415",
        heard="You said four one five.",
        recognised="4 1 9",
    )
    call = Played("single-1", "single", [trial, number], seconds=30.0, late_p99_ms=late_ms)
    return Measured(name, {"sounds": sounds}, [call], Usage(2.0, 30.0, 100.0), [0.5])


def test_the_table_has_a_column_a_server_and_says_what_is_not_known() -> None:
    text = table([one("ours"), one("theirs", response_ms=None)])
    lines = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines()}
    assert lines[""] == ["ours", "theirs"]
    assert lines["turns never answered"] == ["0 % [0, 66] n=2", "50 % [9, 91] n=2"]
    assert lines["single: response p50"] == ["500 ms [500, 500] n=1", "-"]
    assert lines["numbers right, as the bot says them back"] == ["100 % [21, 100] n=1"] * 2
    assert lines["numbers right, in the transcripts"] == ["0 % [0, 79] n=1"] * 2
    assert lines["CPU a call-minute"] == ["4 s", "4 s"]
    assert len(lines) == len(rows(one("ours"))) + 2


def test_a_late_caller_and_other_sounds_take_the_trust_from_a_run() -> None:
    assert doubts([one("ours"), one("theirs")]) == []
    assert "up to 9 ms late" in doubts([one("ours", late_ms=9.0)])[0]
    assert "sounds differ" in doubts([one("ours"), one("theirs", sounds="others")])[0]


def test_a_table_is_published_between_its_marks_again_and_again() -> None:
    document = f"above\n{BEGIN}\n{END}\nbelow\n"
    once = published(document, [one("ours")])
    assert once.startswith("above\n") and once.endswith("\nbelow\n")
    assert "| ours |" in once
    assert published(published(document, [one("theirs")]), [one("ours")]) == once
    with pytest.raises(ValueError, match="the document has no"):
        published("nothing", [one("ours")])


def test_what_the_document_shows_is_what_its_data_say() -> None:
    results = sorted((Path(run.__file__).parent / "results").glob("*.json"))
    document = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text()
    assert results, "no data beside the document"
    assert published(document, [run.read(path) for path in results]) == document


def test_a_run_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    run.save(one("ours"), path)
    assert run.read(path) == one("ours")
    path.write_text('{"server": 5}')
    with pytest.raises(ValueError, match="server"):
        run.read(path)
