"""The panel of figures of one server, and the table of several. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from phone.confidence import Estimate, quantile, share
from phone.measures import EARLY_MS, LATE_MS, Trial
from phone.numbers import digits_in
from phone.play import Played

CLEAN: Final = ("single", "two-part", "yes-no", "dictated-number")
"""Groups on a quiet line: of these are the figures of turns as a whole."""
CONDITIONS: Final = ("noise-10", "noise-5", "loss", "jitter")
BEGIN: Final = "<!-- panel -->"
END: Final = "<!-- end of the panel -->"
LATE_LIMIT_MS: Final = 5.0
"""A caller whose own frames are later than this (p99) says nothing true about a server."""


@dataclass(slots=True)
class Usage:
    """What a local server used."""

    cpu_s: float = 0.0
    seconds: float = 0.0
    rss_mb: float = 0.0
    """The most."""


@dataclass(slots=True)
class Measured:
    """All calls to one server."""

    server: str
    about: dict[str, str] = field(default_factory=dict)
    calls: list[Played] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    load: list[float] = field(default_factory=list)
    """Load average of the machine, one minute, at each call."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the panel: a name and, where there is any, a figure."""

    name: str
    value: Estimate | float | None
    unit: str = ""
    """ms, %, or what stands behind a plain number."""


def rows(measured: Measured) -> list[Row]:
    """Return the panel of one server."""
    trials = [trial for call in measured.calls for trial in call.trials]
    turns = [trial for trial in trials if trial.kind == "turn" and trial.tested]
    clean = [trial for trial in turns if trial.group in CLEAN]
    return [
        *_of_turns(clean),
        *(row for group in CLEAN for row in _of_group(group, turns)),
        Row("two-part: cut short", share([t.cut_ms is not None for t in turns if t.group == "two-part"]), "%"),
        *(row for group in CONDITIONS for row in _of_group(group, turns)),
        *_of_interruptions(trials),
        *_of_selectivity(trials),
        *_of_numbers(turns),
        *_of_the_line(measured, trials),
    ]


def answered(turns: Sequence[Trial]) -> list[float]:
    """Return the response times of turns that were answered and not cut short."""
    return [t.response_ms for t in turns if t.response_ms is not None and t.cut_ms is None]


def on_time(turn: Trial) -> bool:
    """Return whether EVA calls the answer on time."""
    return turn.cut_ms is None and turn.response_ms is not None and EARLY_MS <= turn.response_ms < LATE_MS


def _of_turns(turns: Sequence[Trial]) -> list[Row]:
    times = answered(turns)
    early = [t.cut_ms is not None or (t.response_ms is not None and t.response_ms < EARLY_MS) for t in turns]
    return [
        Row("response as heard, p50", quantile(times, 0.5), "ms"),
        Row("response as heard, p95", quantile(times, 0.95), "ms"),
        Row("turns cut short", share([t.cut_ms is not None for t in turns]), "%"),
        Row("turns never answered", share([t.response_ms is None for t in turns]), "%"),
        Row("on time (EVA: 0.2 to 4 s)", share([on_time(t) for t in turns]), "%"),
        Row("early (EVA)", share(early), "%"),
    ]


def _of_group(group: str, turns: Sequence[Trial]) -> list[Row]:
    own = [turn for turn in turns if turn.group == group]
    return [
        Row(f"{group}: response p50", quantile(answered(own), 0.5), "ms"),
        Row(f"{group}: on time", share([on_time(t) for t in own]), "%"),
    ]


def _of_interruptions(trials: Sequence[Trial]) -> list[Row]:
    own = [trial for trial in trials if trial.kind == "interruption" and trial.tested]
    stops = [t.yield_ms for t in own if t.yield_ms is not None]
    then = [t.response_ms for t in own if t.response_ms is not None]
    return [
        Row("interruption: yield rate (2 s)", share([t.yield_ms is not None for t in own]), "%"),
        Row("interruption: yield latency, p50", quantile(stops, 0.5), "ms"),
        Row("interruption: yield latency, p95", quantile(stops, 0.95), "ms"),
        Row("interruption: response then, p50", quantile(then, 0.5), "ms"),
    ]


def _of_selectivity(trials: Sequence[Trial]) -> list[Row]:
    found = []
    for kind in ("backchannel", "cough", "side-talk", "nothing"):
        own = [trial for trial in trials if trial.kind == kind and trial.tested]
        name = "no sound, as a control" if kind == "nothing" else kind
        found.append(Row(f"{name}: spoke on (1 s)", share([t.yield_ms is None for t in own]), "%"))
        found.append(Row(f"{name}: kept its answer", share([bool(t.kept) for t in own]), "%"))
    return found


def _of_numbers(turns: Sequence[Trial]) -> list[Row]:
    own = [turn for turn in turns if turn.digits]
    told = [turn for turn in own if turn.recognised]
    return [
        Row("numbers right, as the bot says them back", share([digits_in(t.heard) == t.digits for t in own]), "%"),
        Row("numbers right, in the transcripts", share([digits_in(t.recognised) == t.digits for t in told]), "%"),
    ]


def _of_the_line(measured: Measured, trials: Sequence[Trial]) -> list[Row]:
    calls, used = measured.calls, measured.usage
    minutes = sum(call.seconds for call in calls) / 60
    late_ms = max((call.late_p99_ms for call in calls), default=0.0)
    silences = [trial for trial in trials if trial.kind == "silence"]
    over = sum(trial.kind == "turn" and not trial.tested for trial in trials)
    per_minute = 60 * used.cpu_s / used.seconds if used.seconds else None
    return [
        Row("spoke into 7 s of silence", float(sum(t.spoke for t in silences)), f"times in {len(silences)}"),
        Row("turns said over a bot that did not end", float(over), ""),
        Row("audible gaps", float(sum(len(call.gaps_ms) for call in calls)), f"in {minutes:.1f} min"),
        Row("steps lost to calls that broke off", float(sum(call.not_reached for call in calls)), ""),
        Row("messages that are none", float(sum(call.malformed for call in calls)), ""),
        Row("CPU a call-minute", per_minute, "s"),
        Row("memory at most", used.rss_mb or None, "MB"),
        Row("our own frames late, p99 of the worst call", late_ms, "ms"),
        Row("load average", float(np.mean(measured.load)) if measured.load else None, ""),
    ]


def shown(row: Row) -> str:
    """Return a figure as text: value, interval and count."""
    match row.value:
        case None:
            return "-"
        case float(value):
            return f"{value:.3g} {row.unit}".strip()
        case Estimate(value, low, high, n):
            scale = 100 if row.unit == "%" else 1
            shown_as = [f"{scale * each:.0f}" for each in (value, low, high)]
            return f"{shown_as[0]} {row.unit} [{shown_as[1]}, {shown_as[2]}] n={n}"


def table(servers: Sequence[Measured]) -> str:
    """Return the panels side by side, as Markdown."""
    panels: list[Mapping[str, str]] = [{row.name: shown(row) for row in rows(each)} for each in servers]
    heads = ["", *(each.server for each in servers)]
    lines = [heads, ["---"] * len(heads)]
    lines += [[name, *(panel.get(name, "-") for panel in panels)] for name in panels[0]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(servers: Sequence[Measured]) -> str:
    """Return the table with what it was taken on above it, and its doubts below."""
    about = [f"{each.server}: {', '.join(f'{name} {value}' for name, value in each.about.items())}" for each in servers]
    return "\n\n".join([*about, table(servers), *doubts(servers)])


def published(document: str, servers: Sequence[Measured]) -> str:
    """Return `document` with `text` between its marks.

    Raises:
        ValueError: they are not there.
    """
    begin, mark, behind = document.partition(BEGIN)
    _, end_mark, end = behind.partition(END)
    if not (mark and end_mark):
        raise ValueError(f"the document has no {BEGIN} and {END}")
    return f"{begin}{BEGIN}\n{text(servers)}\n{END}{end}"


def doubts(servers: Sequence[Measured]) -> list[str]:
    """Return what takes the trust from a run: one sentence each."""
    found = []

    if len({each.about.get("sounds", "") for each in servers}) > 1:
        found.append("The callers were not the same: the sounds differ.")
    for each in servers:
        late_ms = max((call.late_p99_ms for call in each.calls), default=0.0)
        if late_ms > LATE_LIMIT_MS:
            found.append(
                f"{each.server}: the caller's own frames were up to {late_ms:.0f} ms late (p99 of a call): "
                "its times are upper bounds."
            )
    return found
