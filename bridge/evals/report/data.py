"""A run as data: JSON for programs, JUnit XML for CI. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bridge.evals.facts import CallFacts, response_ms
from bridge.evals.report.table import failures, responses_ms, rows
from bridge.evals.report.transcript import as_text, transcript
from bridge.evals.run import CallResult, CallStatus

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write (section 2.2)."""


def as_json(results: Sequence[CallResult]) -> str:
    """Return the run: pass rates by scenario and line, and each call with its verdicts and transcript."""
    scenarios = [
        {
            "name": row.name,
            "fault": row.fault,
            "calls": len(row.results),
            **{status.value: row.count(status) for status in CallStatus},
            "pass_rate": _rate(row.count(CallStatus.PASSED), row.count(CallStatus.FAILED)),
            "responses_ms": row.responses_ms,
        }
        for row in rows(results)
    ]
    told = {"scenarios": scenarios, "calls": [_call(result) for result in results]}
    return json.dumps(told, indent=1) + "\n"


def _rate(passed: int, failed: int) -> float | None:
    return round(passed / (passed + failed), 4) if passed + failed else None


def _call(result: CallResult) -> dict[str, object]:
    made, job = result.made, result.made.job
    return {
        "scenario": job.scenario.name,
        "file": str(job.scenario.path),
        "fault": job.fault.value,
        "attempt": job.attempt,
        "call_id": made.call_id,
        "status": result.status.value,
        "error": made.error,
        "late_ms": asdict(result.lateness),
        "verdicts": [asdict(verdict) for verdict in result.verdicts],
        "responses_ms": responses_ms(result),
        **(_facts(made.facts) if made.facts else {}),
    }


def _facts(facts: CallFacts) -> dict[str, object]:
    return {
        "ended_by": facts.ended_by,
        "reason": facts.reason,
        "own_record": facts.kept,
        "acts": [
            {**asdict(act), "response_ms": response_ms(facts, act) if act.is_turn else None} for act in facts.acts
        ],
        "transcript": [asdict(line) for line in transcript(facts)],
        "tools": [asdict(tool) for tool in facts.tools],
        "actions": [asdict(action) for action in facts.actions],
        "timeline": [asdict(moment) for moment in facts.record.timeline if moment.what != "audio-received"],
    }


def as_junit(results: Sequence[CallResult]) -> str:
    """Return the run as JUnit XML: a test case a call. A void call is an error, as it proves nothing."""
    suite = Element("testsuite", name="bridge eval", tests=str(len(results)))
    bad = {CallStatus.ERROR, CallStatus.VOID}
    suite.set("failures", str(sum(result.status is CallStatus.FAILED for result in results)))
    suite.set("errors", str(sum(result.status in bad for result in results)))
    suite.set("time", f"{sum(map(_seconds, results)):.3f}")
    for result in results:
        job = result.made.job
        case = SubElement(suite, "testcase", name=_xml(job.name), classname=_xml(str(job.scenario.path)))
        case.set("time", f"{_seconds(result):.3f}")
        lines = [line.replace("\0", ": ") for line in failures(result)]
        if result.status is not CallStatus.PASSED:
            kind = "failure" if result.status is CallStatus.FAILED else "error"
            told = SubElement(case, kind, message=_xml(lines[0] if lines else ""), type=result.status.value)
            told.text = _xml("\n".join(lines))
        if result.made.facts:
            SubElement(case, "system-out").text = _xml(as_text(transcript(result.made.facts)))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _seconds(result: CallResult) -> float:
    return len(result.made.facts.record.bot) / 8000 if result.made.facts else 0.0


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
