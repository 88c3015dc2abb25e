"""`bridge eval` as a command: the example's scenarios pass, what should fail fails, and each exit code is met."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from chat_server import Answer, ChatServer
from integration.server import serve

ROOT = Path(__file__).parents[2]
IN_TIME = "--allow-late=500"
"""Other tests run on this machine, and what is expected here is not in seconds."""
RULES = [
    ("^user: .*[Tt]hursday", Answer(calls=[("free_times", '{"day": "Thursday"}')])),
    ("^user: .*[Ff]riday", Answer(calls=[("free_times", '{"day": "Friday"}')])),
    ("^user: .*(half past|two)", Answer(calls=[("ask_customer_number", "{}")])),
    ("^user: .*human", Answer(calls=[("put_through", "{}")])),
    ("^user: .*4711", Answer(calls=[("book", '{"day": "Friday", "time": "14:30", "customer": "4711"}')])),
    ('^tool: \\["9:00', Answer("On Thursday there is nine o'clock.")),
    (
        "^tool: \\[",
        Answer("On Friday you can come at ten, or in the afternoon at half past two. Which one do you want?"),
    ),
    ("^tool: Ask for", Answer("Please type your customer number.")),
    ("^tool: Booked", Answer("You are booked for Friday at half past two.")),
    ("^tool: Say that", Answer("I am putting you through.")),
]
"""What a language model would do in the example's place."""


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str


async def evaluate(*arguments: str | Path, env: dict[str, str] | None = None) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "eval", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


def files(folder: Path, ending: str) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ending]


async def test_the_scenarios_of_the_example_pass_in_parallel_and_leave_their_reports(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="the extra openai is not installed")
    async with ChatServer(RULES) as model:
        env = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "sk-rules"}
        ran = await evaluate("examples/scenarios", "--parallel", "4", IN_TIME, "--out", tmp_path, env=env)
    assert ran.code == 0, ran.out + ran.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["calls"]) == 5 and all(call["own_record"] for call in report["calls"])
    suite = ElementTree.parse(tmp_path / "junit.xml").find("testsuite")
    assert suite is not None and (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "0", "0")
    assert [len(files(tmp_path, ending)) for ending in (".html", ".wav", ".txt")] == [5, 5, 5]
    assert "[5/5]" in ran.err


FAILS = """
name: everything that can fail does
steps:
  - wait: end
    expect:
      - says: good evening
      - says_nothing: true
  - say: I would like an appointment on Friday.
    expect:
      - never_says: you said
      - matches: booked|sorry
      - within: 1ms
      - understands: Thursday
      - calls_tool: book
      - does: Hangup
      - transfers_to: "+4930123456"
  - backchannel: No, wait, stop it please.
    after: 900ms
    expect:
      - goes_on: true
  - say: Friday.
    expect:
      - yields_within: 100ms
expect:
  - ended_by: bot
  - end_reason: nobody knows
"""
PASSES = """
name: the echo answers
steps:
  - wait: end
    expect: [{says: hello there}]
  - say: I would like an appointment on Friday.
    expect:
      - says: appointment on Friday
      - within: 5s
expect:
  - ended_by: caller
  - no_repeated_question: true
  - no_talking_over: true
"""
TOOL = "steps:\n  - say: Hello?\n    expect: [{calls_tool: book}]\n"


async def test_a_bridge_that_runs_is_judged_by_its_record_or_by_what_is_heard(tmp_path: Path) -> None:
    """One server, four runs at a time: each has an exit code of its own."""
    written = {"fails": FAILS, "passes": PASSES, "tool": TOOL, "late": "steps: [{wait: begin}]\n", "token": "t" * 20}
    for name, text in written.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    token = f"--token-file={tmp_path / 'token.yaml'}"
    async with serve("--greeting", "Hello there.", env={"BRIDGE_API_TOKEN": "t" * 20}) as server:
        url = f"--url={server.twilio}"
        failed, heard, unjudged, void = await asyncio.gather(
            evaluate(tmp_path / "fails.yaml", url, token, IN_TIME, "--out", tmp_path / "out"),
            evaluate(tmp_path / "passes.yaml", url, IN_TIME, "--out", tmp_path / "heard"),
            evaluate(tmp_path / "tool.yaml", url),
            evaluate(tmp_path / "late.yaml", url, "--allow-late=0.00001"),
        )
        refused = await evaluate(tmp_path / "tool.yaml", url, f"--token-file={tmp_path / 'late.yaml'}")
    assert failed.code == 1, failed
    [call] = json.loads((tmp_path / "out" / "report.json").read_text())["calls"]
    assert [one["expected"] for one in call["verdicts"] if one["met"]] == []
    assert len(call["verdicts"]) == 13 and call["own_record"]
    assert heard.code == 0, heard
    [call] = json.loads((tmp_path / "heard" / "report.json").read_text())["calls"]
    assert not call["own_record"], "the recogniser heard it"
    assert unjudged.code == 2 and "only the record of the bridge tells calls_tool" in unjudged.err
    assert void.code == 3 and "void" in void.out and "too late to measure" in void.err
    assert refused.code == 1 and "refuses the API token" in refused.err
