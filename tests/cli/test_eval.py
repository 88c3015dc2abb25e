"""`bridge eval` on the command line: what it refuses before it calls anybody, and what its exit codes mean."""

import asyncio
from pathlib import Path

import pytest
from evals_support import act, heard, result, written

from bridge.cli import main
from bridge.cli.eval import exit_code
from bridge.evals.facts import CallFacts
from bridge.evals.scenario import Speak, SpeechKind
from bridge.records.database import Database
from bridge.records.entries import Entry, EntryKind

SAYS = "steps:\n  - say: x\n    expect:\n      - says: booked\n"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    try:
        code: object = main(["eval", *arguments])
    except SystemExit as ended:
        code = ended.code
    printed = capsys.readouterr()
    return int(str(code)), printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name scenario files"),
        (["none.yaml"], "none.yaml: No such file"),
        (["bad.yaml"], "bad.yaml:1: step 1: 'sey' is no step, did you mean say?"),
        (["bott.yaml"], "settings.bott is no option"),
        (["good.yaml", "--parallel", "0"], "--parallel"),
        (["good.yaml", "--allow-late", "nan"], "'nan' is no number of milliseconds"),
        (["good.yaml", "--faults", "snow"], "'snow' is not a valid Fault; there are none, jitter"),
        (["good.yaml", "--turn-silence", "soon"], "soon"),
        (["good.yaml", "--url", "http://"], "url is 'http://'"),
        (["chat.yaml"], "chat.yaml:1: chat needs a language model: give --model-url"),
    ],
)
def test_what_is_wrong_is_told_before_anybody_is_called(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    (tmp_path / "good.yaml").write_text("steps: [silence: 1s]")
    (tmp_path / "bad.yaml").write_text("steps: [sey: x]")
    (tmp_path / "bott.yaml").write_text("settings: {bott: x}\nsteps: [silence: 1s]")
    (tmp_path / "chat.yaml").write_text("steps: [chat: Get a table.]")
    code, text = said(capsys, *arguments)
    assert code == 2 and told in text
    assert "Traceback" not in text


def test_a_bridge_that_is_not_there_is_told_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "good.yaml").write_text("steps: [silence: 1s]")
    code, text = said(capsys, str(tmp_path / "good.yaml"), "--url", "ws://127.0.0.1:1/twilio/stream")
    assert code == 1 and "127.0.0.1:1" in text


def test_the_short_help_fits_a_screen_and_the_long_one_has_the_bridges_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, short = said(capsys, "--help")
    assert code == 0 and len(short.splitlines()) < 45 and "--parallel" in short and "--turn-silence" not in short
    assert "--turn-silence" in said(capsys, "--help-all")[1]


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    facts = CallFacts(acts=[act(1, 2000, 4000)], record=heard((4700, 6000)), kept=True)
    passes = result("steps: [say: x]", facts)
    assert exit_code([passes]) == 0
    assert exit_code([passes, result(SAYS, facts)]) == 1
    assert exit_code([passes, result(SAYS, None, error="refused")]) == 1
    assert capsys.readouterr().err == ""
    assert exit_code([result(SAYS, facts), result(SAYS, facts, void=True)]) == 3, "a late machine has no verdict"
    assert "too late to measure" in capsys.readouterr().err


def test_a_call_of_the_log_is_printed_as_a_scenario(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"

    async def fill() -> None:
        database = Database.at(url)
        facts = {"call_id": "CA1", "wire": "twilio", "bot": "mybot:MyBot"}
        entries = [(EntryKind.STARTED, "", facts), (EntryKind.CALLER, "A table.", {}), (EntryKind.ENDED, "over", {})]
        await database.write([Entry("a", number, 1700000000.0 + number, *one) for number, one in enumerate(entries, 1)])
        await database.close()

    asyncio.run(fill())
    code, text = said(capsys, "--record", "CA1", "--records", url)
    assert code == 0 and written(text).steps[1].act == Speak(kind=SpeechKind.SAY, text="A table.")
    code, text = said(capsys, "--record", "CA2", "--records", url)
    assert code == 1 and "no call CA2" in text
    nowhere = f"sqlite:///{tmp_path / 'none.db'}"
    code, text = said(capsys, "--record", "CA1", "--records", nowhere)
    assert code == 1 and "there is no call log at" in text and not (tmp_path / "none.db").exists()
    code, text = said(capsys, "--record", "CA2", "--records", "none")
    assert code == 1 and "no calls are kept" in text
