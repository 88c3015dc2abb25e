"""`bridge eval` as a command: the example's scenarios pass, what should fail fails, and each exit code is met."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from chat_server import Answer, ChatServer
from integration.server import serve

from bridge.commands.phone.call_report import MAX_LATE_MS
from bridge.commands.phone.pbx_lines import PBX_WIRES, has_bot

pytestmark = pytest.mark.timeout(300)  # several processes that load models
ROOT = Path(__file__).parents[2]
URL, TOKEN = "@URL", "t" * 20
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


CHAT = """
settings: {bot: echo, greeting: Hello there.}
steps:
  - chat: Say hello to the machine.
expect:
  - means: The bot repeats what it hears.
  - says: machine
"""


@dataclass(frozen=True, slots=True)
class Runs:
    """What became of runs that were made at the same time, by name; each had a folder of its name for its report."""

    folder: Path
    ran: dict[str, Ran]

    def calls(self, name: str) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = json.loads((self.folder / name / "report.json").read_text())["calls"]
        return calls


async def at_once(folder: Path, **runs: tuple[str | Path, ...]) -> Runs:
    """Write the scenarios, start a bridge, and make all `runs` at the same time; URL stands for its address."""
    written = {"fails": FAILS, "passes": PASSES, "tool": TOOL, "late": "steps: [{wait: begin}]\n", "token": TOKEN}
    for name, text in written.items():
        (folder / f"{name}.yaml").write_text(text)
    async with serve("--greeting", "Hello there.", env={"BRIDGE_API_TOKEN": TOKEN}) as server:
        made = [
            evaluate(*(str(each).replace(URL, f"--url=ws://{server.address}") for each in arguments))
            for arguments in runs.values()
        ]
        return Runs(folder, dict(zip(runs, await asyncio.gather(*made), strict=True)))


async def test_the_scenarios_of_the_example_pass_in_parallel_and_leave_their_reports(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="the extra openai is not installed")
    async with ChatServer(RULES) as model:
        env = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "sk-rules"}
        ran = await evaluate("examples/scenarios", "--parallel=4", IN_TIME, "--out", tmp_path / "example", env=env)
    calls, folder = Runs(tmp_path, {}).calls("example"), tmp_path / "example"
    assert len(calls) == 5 and all(call["own_record"] for call in calls), ran
    failed = [call for call in calls if call["status"] != "passed" and call["late_ms"]["p99_ms"] < MAX_LATE_MS]
    assert failed == [], "what a busy machine made of a call is no failure"
    suite = ElementTree.parse(folder / "junit.xml").find("testsuite")
    assert suite is not None and (suite.get("tests"), suite.get("errors")) == ("5", "0")
    names = [path.suffix for path in await asyncio.to_thread(lambda: list(folder.iterdir()))]
    assert [names.count(ending) for ending in (".html", ".wav", ".txt")] == [5, 5, 5]
    assert "[5/5]" in ran.err


@pytest.mark.slow
async def test_everything_that_can_fail_does_and_a_late_machine_has_no_verdict(tmp_path: Path) -> None:
    twilio, token = f"{URL}/twilio/stream", f"--token-file={tmp_path / 'token.yaml'}"
    runs = await at_once(
        tmp_path,
        fails=(tmp_path / "fails.yaml", twilio, token, IN_TIME, "--out", tmp_path / "fails"),
        late=(tmp_path / "late.yaml", twilio, "--allow-late=0.00001"),
    )
    assert runs.ran["fails"].code == 1, runs.ran["fails"]
    [call] = runs.calls("fails")
    assert [one["expected"] for one in call["verdicts"] if one["met"]] == []
    assert len(call["verdicts"]) == 13 and call["own_record"]
    late = runs.ran["late"]
    assert late.code == 3 and "void" in late.out and "too late to measure" in late.err


@pytest.mark.slow
async def test_without_the_record_what_the_bot_says_is_heard_and_what_cannot_be_judged_is_refused(
    tmp_path: Path,
) -> None:
    runs = await at_once(
        tmp_path,
        passes=(tmp_path / "passes.yaml", f"{URL}/twilio/stream", IN_TIME, "--out", tmp_path / "passes"),
        tool=(tmp_path / "tool.yaml", f"{URL}/twilio/stream"),
        refused=(tmp_path / "tool.yaml", f"{URL}/twilio/stream", f"--token-file={tmp_path / 'late.yaml'}"),
    )
    assert runs.ran["passes"].code == 0, runs.ran["passes"]
    assert [call["own_record"] for call in runs.calls("passes")] == [False]
    tool, refused = runs.ran["tool"], runs.ran["refused"]
    assert tool.code == 2 and "only the record of the bridge tells calls_tool" in tool.err
    assert refused.code == 1 and "refuses the API token" in refused.err


@pytest.mark.slow
async def test_every_wire_carries_a_scenario(tmp_path: Path) -> None:
    def over(wire: str) -> tuple[str | Path, ...]:
        place = (f"{URL}{PBX_WIRES[wire].path}", f"--wire={wire}", f"--token-file={tmp_path / 'token.yaml'}")
        return (tmp_path / "passes.yaml", *place, IN_TIME, "--out", tmp_path / wire)

    talking = [wire for wire in PBX_WIRES if has_bot(wire)]
    runs = await at_once(tmp_path, **{wire: over(wire) for wire in talking})
    assert {wire: ran for wire, ran in runs.ran.items() if ran.code} == {}
    assert all(runs.calls(wire)[0]["own_record"] for wire in talking)


@pytest.mark.slow
async def test_a_model_calls_and_another_judges(tmp_path: Path) -> None:
    (tmp_path / "chat.yaml").write_text(CHAT)
    rules = [
        ("(?s)^user: Requirement:", Answer('{"met": true, "why": "It does."}')),
        ("^user: .*[Yy]ou said", Answer("Thank you, goodbye. HANGUP")),
        ("^user: ", Answer("Hello, you machine.")),
    ]
    async with ChatServer(rules) as model:
        ran = await evaluate(tmp_path / "chat.yaml", f"--model-url={model.url}", IN_TIME)
    assert ran.code == 0, ran


@pytest.mark.slow
async def test_pytest_plays_scenarios(tmp_path: Path) -> None:
    (tmp_path / "good.scenario.yaml").write_text(
        PASSES.replace("\nsteps", "\nsettings: {greeting: Hello there.}\nsteps")
    )
    (tmp_path / "bad.scenario.yaml").write_text("steps:\n  - say: Hello?\n    expect: [{says: goodbye}]\n")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nbridge_eval = --bot echo {IN_TIME}\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    out, _ = await process.communicate()
    assert process.returncode == 1 and b"1 failed, 1 passed" in out, out.decode()
    assert b"bad.scenario.yaml:3: step 1: says goodbye: it said 'You said: Hello" in out, out.decode()
