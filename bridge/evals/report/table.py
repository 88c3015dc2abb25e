"""A run on a terminal: a line a scenario and line, and below it what failed. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.evals.facts import response_ms
from bridge.evals.run import CallResult, CallStatus
from bridge.logs import escape, short

_NAME_CHARS: Final = 44
_DETAIL_CHARS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One scenario over one line: all its calls."""

    name: str
    fault: str
    results: Sequence[CallResult]

    def count(self, status: CallStatus) -> int:
        """Return how many calls ended so."""
        return sum(result.status is status for result in self.results)

    @property
    def responses_ms(self) -> list[float]:
        """How long the caller waited for each answer, where one came after the end of speech."""
        return [ms for result in self.results for ms in responses_ms(result)]


def responses_ms(result: CallResult) -> list[float]:
    """Return how long the caller waited for each answer of a call; of a void one nothing is told."""
    facts = result.made.facts
    if facts is None or result.void:
        return []
    answers = (response_ms(facts, act) for act in facts.acts if act.is_turn and act.what != "press")
    return [ms for ms in answers if ms is not None and ms >= 0]


def rows(results: Iterable[CallResult]) -> list[Row]:
    """Return the calls by scenario and line."""
    found: dict[tuple[str, str], list[CallResult]] = {}
    for result in results:
        job = result.made.job
        found.setdefault((job.scenario.name, job.fault.value), []).append(result)
    return [Row(name=name, fault=fault, results=calls) for (name, fault), calls in found.items()]


def table(results: Sequence[CallResult]) -> str:
    """Return the table, and what failed, as text of several lines."""
    lines = [f"{'scenario':{_NAME_CHARS}}  {'line':9}  {'passed':>12}  {'answers p50 / p95':>19}"]
    for row in rows(results):
        name = escape(short(row.name, _NAME_CHARS))
        lines.append(f"{name:{_NAME_CHARS}}  {row.fault:9}  {_passed(row):>12}  {_waits(row.responses_ms):>19}")
        lines += [f"    {line}" for line in _failures(row)]
    return "\n".join(lines)


def summary(results: Sequence[CallResult]) -> str:
    """Return one line: how many calls passed, failed, could not be made."""
    counts = [(status, sum(result.status is status for result in results)) for status in CallStatus]
    told = ", ".join(f"{count} {status.value}" for status, count in counts if count)
    soft = sum(not verdict.met and verdict.soft for result in results for verdict in result.verdicts)
    return f"{len(results)} calls: {told}{f'; {soft} soft expectations not met' if soft else ''}"


def _passed(row: Row) -> str:
    judged = [result for result in row.results if result.status in {CallStatus.PASSED, CallStatus.FAILED}]
    passed = row.count(CallStatus.PASSED)
    if not judged:
        return row.results[0].status.value
    rate = f" ({100 * passed / len(judged):.0f} %)" if len(judged) > 1 else ""
    return f"{passed} of {len(judged)}{rate}"


def _waits(waits_ms: Sequence[float]) -> str:
    if not waits_ms:
        return "-"
    ordered = sorted(waits_ms)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{statistics.median(ordered):.0f} / {p95:.0f} ms"


def _failures(row: Row) -> list[str]:
    """Return what was not met in a row, the same failure of several calls once."""
    found: dict[str, list[str]] = {}
    for result in row.results:
        for line in failures(result):
            head, _, detail = line.partition("\0")
            found.setdefault(head, []).append(detail)
    several = len(row.results) > 1
    return [
        escape(
            short(
                f"{head}{f' ({len(details)} of {len(row.results)} calls)' if several else ''}{_first(details)}",
                _DETAIL_CHARS,
            )
        )
        for head, details in found.items()
    ]


def _first(details: Sequence[str]) -> str:
    detail = next((detail for detail in details if detail), "")
    return f": {detail}" if detail else ""


def failures(result: CallResult) -> list[str]:
    """Return what was not met in a call: what was expected, a NUL, and what was there instead."""
    made = result.made
    where = made.job.scenario.path
    if result.status is CallStatus.VOID:
        late = result.lateness
        return [f"void\0this machine was late: frames up to {late.worst_ms:.0f} ms, p99 {late.p99_ms:.1f} ms"]
    told = [f"{where}: error\0{made.error}"] if made.error else []
    return told + [
        f"{where}:{one.line}: {'soft, ' if one.soft else ''}{f'step {one.step}: ' if one.step else ''}{one.expected}"
        f"\0{one.detail}"
        for one in result.verdicts
        if not one.met
    ]
