"""The books of a soak: what the server counts and holds, what its bots and its callers say, whether it all agrees."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from integration.recordings import word_error_rate
from integration.sip_peers import PROCESS
from prometheus_client.parser import text_string_to_metric_families

from soaking.bots import FAILING, Census
from soaking.lines import NAMED_BY_US, WRITTEN_DOWN

_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6
_WORDS_WRONG: Final = 0.5
"""Of one sentence: more than the recogniser mistakes, less than any other sentence would be."""

HEALTHY: Final = frozenset({"healthy", "healthy-sip", "barge-in"})

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""A scrape: value by name and labels."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a process holds."""

    rss_mb: float
    descriptors: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server holds when nobody is on the line."""

    calls: int
    """Made so far."""
    server: Process
    sip: Process | None
    census: Census


@dataclass(slots=True)
class Call:
    """One call as its caller knows it."""

    kind: str
    wire: str
    name: str = ""
    said: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """Finals that the caller was told."""
    heard_ms: list[float | None] = field(default_factory=list)
    """End of each thing said to the first audio of the answer; None where none was heard."""
    gaps: int = 0
    let_down: int = 0
    """Gaps beside those, near which the machine let the server wait for a processor."""
    late_ms: float = 0.0
    """How late the phone itself was, at worst."""
    failed: str = ""
    """What went otherwise than this kind of call goes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a soak shows, or does not."""

    text: str
    holds: bool
    detail: str


# ---------------------------------------------------------------- what the server holds and counts


def process(pid: int) -> Process:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Process(round(pages * _PAGE_MB, 1), len(os.listdir(f"/proc/{pid}/fd")))


def sip_process(server: int) -> int | None:
    """Return the process in which a server runs its SIP stack; None where it runs none."""
    children = (child for path in Path(f"/proc/{server}/task").glob("*/children") for child in path.read_text().split())
    wanted = PROCESS[-1].encode()
    return next((int(pid) for pid in children if wanted in Path(f"/proc/{pid}/cmdline").read_bytes()), None)


def scrape(text: str) -> Series:
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def total(series: Series, name: str, **labels: str) -> int:
    """Return the sum of all series of that name with these labels."""
    return int(sum(value for (n, has), value in series.items() if n == name and labels.items() <= dict(has).items()))


class Book:
    """What the bots wrote down."""

    def __init__(self, path: Path) -> None:
        self.finals: dict[str, list[str]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.replies: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.census: list[Census] = []
        for call, what, detail in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            self._enter(call, what, detail)

    def _enter(self, call: str, what: str, detail: object) -> None:
        self.counts[what] += 1
        match what, detail:
            case "final", str(text):
                self.finals[call].append(text)
            case "reply", _:
                self.replies[call] += 1
            case "ended", _:
                self.ended[call] += 1
            case "census", dict(found):
                self.census.append(Census(**found))

    @property
    def failing(self) -> int:
        """How many answers were asked of bots that give none."""
        return sum(n for call, n in self.replies.items() if any(call.startswith(f"CA-{does}-") for does in FAILING))


# ---------------------------------------------------------------- claims


def claims(
    calls: Sequence[Call], samples: Sequence[Sample], series: Series, book: Book, *, answer_ms: float, growth_mb: float
) -> list[Claim]:
    """Return all that is claimed. `growth_mb`: that memory may grow by in 1,000 calls, and in all in fewer."""
    return [*_flat(samples, growth_mb), *_accounted(calls, series, book), *_unharmed(calls, series, book, answer_ms)]


def warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples after the warm-up, which is the first quarter."""
    return [sample for sample in samples if sample.calls >= samples[-1].calls / 4]


def _flat(samples: Sequence[Sample], growth_mb: float) -> Iterator[Claim]:
    after = warm(samples)
    first, last = after[0], after[-1]
    thousands = max(1.0, (last.calls - first.calls) / 1000)
    yield _grows("memory of the server", [s.server.rss_mb for s in after], growth_mb * thousands, "MB")
    if all(sample.sip for sample in after):
        yield _grows("memory of the SIP process", [s.sip.rss_mb for s in after if s.sip], growth_mb * thousands, "MB")
        yield _grows("descriptors of the SIP process", [s.sip.descriptors for s in after if s.sip], 2, "")
    yield _grows("descriptors of the server", [s.server.descriptors for s in after], 2, "")
    yield _grows("tasks", [s.census.tasks for s in after], 0, "")
    yield _grows("threads", [s.census.threads for s in after], 4, "")
    risen = Counter(last.census.by_type)
    risen.subtract(first.census.by_type)
    most = ", ".join(f"{name} +{more}" for name, more in risen.most_common(4) if more > 0)
    claim = _grows("objects", [s.census.objects for s in after], 2 * (last.calls - first.calls) + 2000, "")
    yield Claim(claim.text, claim.holds, f"{claim.detail}; most: {most}")


def _grows(what: str, values: Sequence[float], allowed: float, unit: str) -> Claim:
    """Claim that `values` do not rise by more than `allowed`: the median of the end is above that of the beginning."""
    third = max(1, len(values) // 3)
    begin, end = float(np.median(values[:third])), float(np.median(values[-third:]))
    row = " ".join(f"{value:g}" for value in values)
    return Claim(f"{what}: flat", end - begin <= allowed, f"{end - begin:+.1f} {unit} of {allowed:g} ({row})")


def _accounted(calls: Sequence[Call], series: Series, book: Book) -> Iterator[Claim]:
    made = Counter(call.wire for call in calls if call.kind not in {"stranger", "refused"})
    never = Counter(call.wire for call in calls if call.kind == "never-begun")
    hasty = Counter(call.wire for call in calls if call.kind == "at-once")
    for wire in sorted(made):
        ended = total(series, "bridge_calls_ended_total", wire=wire)
        started = total(series, "bridge_calls_started_total", wire=wire)
        theirs = total(series, "bridge_calls_ended_total", wire=wire, fault="remote")
        ours = total(series, "bridge_calls_ended_total", wire=wire, fault="ours")
        left = total(series, "bridge_calls", wire=wire)
        good = (
            ended == made[wire]
            and never[wire] <= theirs <= never[wire] + hasty[wire]
            and started + theirs == ended
            and ours == 0
            and left == 0
        )
        detail = f"made {made[wire]}, started {started}, ended {ended}: faults of the peer {theirs}, ours {ours}"
        yield Claim(f"calls over {wire} accounted for", good, f"{detail}; on the line {left}")
    strangers, busy = sum(call.kind == "stranger" for call in calls), sum(call.kind == "refused" for call in calls)
    out = total(series, "bridge_refused_total", reason="origin")
    yield Claim("refusals counted", out == strangers, f"by origin {out} of {strangers}")
    full = total(series, "bridge_calls_refused_total", reason="busy")
    yield Claim("calls refused for want of a line, none else", full == busy, f"busy {full} of {busy}")
    yield from _told(calls, series, book)


def _told(calls: Sequence[Call], series: Series, book: Book) -> Iterator[Claim]:
    began = _of_bots(series, "bridge_calls_started_total")
    bots, ended = book.counts["began"], book.counts["ended"]
    twice = sum(times != 1 for times in book.ended.values())
    yield Claim(
        "each bot told once of the end", began == bots == ended and not twice, f"calls {began}, {bots}, {ended}"
    )
    finals = _of_bots(series, "bridge_finals_total")
    echoes, told = total(series, "bridge_echoes_total"), book.counts["final"]
    lost = total(series, "bridge_finals_lost_total")
    detail = f"finals {finals} = told {told} + echoes {echoes}; lost {lost}"
    yield Claim("finals of bots: all told", finals == told + echoes and not lost, detail)
    yield from _told_to_clients(calls, series)
    failed, failing = total(series, "bridge_replies_failed_total"), book.failing
    yield Claim("failed answers: all counted", failed == failing, f"{failed} of {failing}")


def _told_to_clients(calls: Sequence[Call], series: Series) -> Iterator[Claim]:
    for wire in WRITTEN_DOWN:
        made = sum(total(series, f"bridge_{what}_total", wire=wire) for what in ("finals", "partials_taken_back"))
        heard = sum(len(call.told) for call in calls if call.wire == wire)
        cut = sum(call.wire == wire and call.kind in {"abrupt", "mid-word", "killed"} for call in calls)
        detail = f"finals {made}, told {heard}, callers gone before {cut}"
        yield Claim(f"finals of clients over {wire}: all told", heard <= made <= heard + cut, detail)


def _of_bots(series: Series, name: str) -> int:
    """Return the sum over the wires that bots speak over."""
    return total(series, name) - sum(total(series, name, wire=wire) for wire in WRITTEN_DOWN)


def _unharmed(calls: Sequence[Call], series: Series, book: Book, answer_ms: float) -> Iterator[Claim]:
    failed = Counter(f"{call.kind} over {call.wire}: {call.failed}" for call in calls if call.failed)
    yield Claim("each call went as its kind goes", not failed, "; ".join(f"{n} x {what}" for what, n in failed.items()))
    healthy = [call for call in calls if call.kind in HEALTHY]
    late = [call for call in healthy if any(ms is None or ms > answer_ms + call.late_ms for ms in call.heard_ms)]
    heard = [ms for call in healthy for ms in call.heard_ms if ms is not None]
    p50, p95, most = map(float, np.percentile(heard, (50, 95, 100)) if heard else (0.0, 0.0, 0.0))
    usual_ms = answer_ms / 2
    spread = f"p50 {p50:.0f}, p95 {p95:.0f}, max {most:.0f} ms"
    detail = f"{len(heard)} answers, {spread}; not so: {_names(late)}"
    bound = f"{answer_ms:g} ms, 19 of 20 within {usual_ms:g} ms"
    yield Claim(f"healthy calls answered within {bound}", not late and p95 <= usual_ms, detail)
    gaps = [call for call in healthy if call.gaps]
    sip = total(series, "bridge_sip_late_frames_total")
    let_down = sum(call.let_down for call in healthy)
    told = f"told only: frames late over SIP {sip}, gaps for want of a processor {let_down}"
    detail = f"{len(healthy)} calls; {_names(gaps)}; {told}"
    yield Claim("no gap in what healthy callers heard", not gaps, detail)
    wrong = [call for call in healthy if not _understood(call, book)]
    what = "; ".join(f"{each.name} ({each.wire}) said {each.said}, {_finals(each, book)}" for each in wrong[:5])
    yield Claim("each sentence of healthy callers told once, in order", not wrong, f"{len(wrong)} not: {what}")


def _finals(call: Call, book: Book) -> list[str]:
    return call.told if call.wire in WRITTEN_DOWN else book.finals[call.name]


def _understood(call: Call, book: Book) -> bool:
    finals = _finals(call, book)
    told = [finals, call.told] if call.wire in NAMED_BY_US else [finals]
    return all(
        len(each) == len(call.said)
        and all(word_error_rate([a], [b]) <= _WORDS_WRONG for a, b in zip(call.said, each, strict=True))
        for each in told
    )


def _names(calls: Sequence[Call]) -> str:
    return ", ".join(
        f"{call.name or call.wire} ({call.wire}, {call.heard_ms}, gaps {call.gaps}, phone late {call.late_ms:.0f} ms)"
        for call in calls[:8]
    )


def as_json(calls: Sequence[Call], samples: Sequence[Sample], found: Sequence[Claim]) -> str:
    """Return all of it, for those who look closer."""
    kinds = Counter(f"{call.kind} over {call.wire}" for call in calls)
    parts = {"claims": [asdict(c) for c in found], "calls": kinds, "samples": [asdict(s) for s in samples]}
    return json.dumps(parts, indent=1)
