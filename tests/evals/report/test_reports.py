"""The table, JUnit, JSON, page and transcript of a run; what was said is text in all of them and nothing else."""

import json
import wave
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from evals_support import act, heard, result

from bridge.commands.phone.line_faults import Fault
from bridge.evals.facts import BotDid, BotSaid, CallFacts, Understood
from bridge.evals.report import data, folder, table
from bridge.evals.report.page import page
from bridge.evals.report.transcript import as_text, transcript
from bridge.evals.run import CallResult

SAYS = """name: books {n}
steps:
  - say: x
    expect:
      - says: booked
      - within: 500ms
        soft: true
"""
EVIL = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\x00\x1b[31m\ud800\u202e]]>"


def facts(said: str = "You are booked.", **more: object) -> CallFacts:
    given: dict[str, object] = {
        "acts": [act(1, 2000, 4000)],
        "record": heard((4700, 6000)),
        "said": [BotSaid(4700, said, "and more")],
        "understood": [Understood(2050, 4000, "a table")],
        "tools": [BotDid(4100, "book", {"day": "Friday"}, "done")],
        "ended_by": "caller",
        "reason": "hung up",
        "kept": True,
        **more,
    }
    return CallFacts(**given)  # type: ignore[arg-type]


def run(*texts: str) -> list[CallResult]:
    """Return a run: one call that passes, one that fails, one that could not be made, one that proves nothing."""
    return [
        result(SAYS.format(n=1), facts()),
        result(SAYS.format(n=2), facts("Sorry.")),
        result(SAYS.format(n=3), None, error="ServerFailed: refused"),
        result(SAYS.format(n=4), facts(), void=True, fault=Fault.JITTER),
    ]


def test_the_table_has_a_line_a_scenario_and_what_failed_below_it() -> None:
    text = table.table(run())
    lines = text.splitlines()
    assert lines[1].split() == ["books", "1", "none", "1", "of", "1", "700", "/", "700", "ms"]
    assert lines[2].strip() == "scenarios/one.yaml:6: soft, step 1: within 500 ms: step 1: 700 ms"
    assert "0 of 1" in lines[3] and lines[4].strip().startswith(
        "scenarios/one.yaml:5: step 1: says booked: it said 'Sorry.'"
    )
    assert any("ServerFailed: refused" in line for line in lines)
    [void] = [line for line in lines if line.startswith("books 4")]
    assert void.split() == ["books", "4", "jitter", "void", "-"], "of a void call no figure is told"
    assert table.summary(run()) == "4 calls: 1 passed, 1 failed, 1 error, 1 void; 3 soft expectations not met"


def test_calls_of_one_scenario_are_a_pass_rate_and_their_failures_are_told_once() -> None:
    one = [result(SAYS.format(n=1), facts(said)) for said in ("Booked.", "Sorry.", "Booked.", "Sorry!")]
    text = table.table(one)
    assert "2 of 4 (50 %)" in text and "says booked (2 of 4 calls): it said 'Sorry.'" in text
    assert json.loads(data.as_json(one))["scenarios"][0]["pass_rate"] == 0.5


def test_junit_is_what_ci_reads() -> None:
    suite = ElementTree.fromstring(data.as_junit(run())).find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4", "failures": "1", "errors": "2"
    }  # fmt: skip
    good, bad, error, void = suite.findall("testcase")
    assert [child.tag for child in good] == ["system-out"]
    failure = bad.find("failure")
    assert failure is not None and "says booked: it said 'Sorry.'" in (failure.get("message") or "")
    assert error.find("error") is not None
    told = void.find("error")
    assert told is not None and told.get("type") == "void"
    assert (good.get("classname"), good.get("time")) == ("scenarios/one.yaml", "20.000")


def test_json_has_each_call_with_verdicts_transcript_and_times() -> None:
    told = json.loads(data.as_json(run()))
    first = told["calls"][0]
    assert (first["status"], first["responses_ms"], first["acts"][0]["response_ms"]) == ("passed", [700.0], 700.0)
    assert [verdict["met"] for verdict in first["verdicts"]] == [True, False]
    assert [line["who"] for line in first["transcript"]] == ["caller", "understood", "tool", "bot"]
    assert told["calls"][3]["responses_ms"] == [] and told["scenarios"][3]["pass_rate"] is None


def test_the_transcript_is_in_the_order_of_the_call() -> None:
    assert as_text(
        transcript(facts(acts=[act(1, 2000, 4000), act(2, 5000, 5100, "cough", text="cough")]))
    ).splitlines() == [
        "    2.00  caller      Hello?",
        "    2.05  understood  a table",
        "    4.10  tool        book(day=Friday) -> done",
        "    4.70  bot         You are booked. [not heard: and more]",
        "    5.00  caller      (cough)",
    ]


class Tags(HTMLParser):
    """What a browser would make elements of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nothing_that_was_said_becomes_part_of_the_page() -> None:
    hostile = facts(EVIL, tools=[BotDid(4100, EVIL, {EVIL: EVIL}, EVIL)], reason=EVIL, ended_by=EVIL, faults=[EVIL])
    one = result(f"name: {json.dumps(EVIL[:60])}\nabout: x\n" + SAYS.partition("\n")[2], hostile, error=EVIL)
    tags = Tags()
    tags.feed(html := page(one))
    assert tags.tags.count("script") == 1 and "img" not in tags.tags and tags.handlers == []
    assert [link[:22] for link in tags.links] == ["data:audio/wav;base64,"]
    assert "alert(1)" in tags.text, "it is told, as text"
    assert "default-src 'none'" in html.replace("&#x27;", "'")


def test_hostile_words_break_neither_xml_nor_json_nor_the_terminal(tmp_path: Path) -> None:
    hostile = [result(SAYS.format(n=1), facts(EVIL), error=EVIL)]
    assert ElementTree.fromstring(data.as_junit(hostile)) is not None
    assert json.loads(data.as_json(hostile))
    text = table.table(hostile)
    assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text
    folder.write(hostile, tmp_path)


def test_the_folder_holds_the_report_and_sound_page_and_transcript_of_each_call(tmp_path: Path) -> None:
    folder.write(run(), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "001-books-1.html", "001-books-1.txt", "001-books-1.wav",
        "002-books-2.html", "002-books-2.txt", "002-books-2.wav",
        "003-books-3.html",
        "004-books-4-over-jitter.html", "004-books-4-over-jitter.txt", "004-books-4-over-jitter.wav",
        "junit.xml", "report.json",
    ]  # fmt: skip
    with wave.open(str(tmp_path / "out" / "001-books-1.wav")) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 160_000)


def test_names_of_files_are_safe_whatever_a_scenario_is_called() -> None:
    for name in ("../../etc/passwd", "नमस्ते", "a" * 110, "con:x*y?"):
        stem = folder.file_stem(7, result(f"name: {json.dumps(name)}\nsteps: [say: x]", None))
        assert stem.startswith("007-") and len(stem) < 70 and stem.replace("-", "").isalnum() and stem.isascii()
