"""Fits bridge/turns/end_probability.toml: python bench/fit_ending.py FILE.json ... [--write]

The files are what `bench/endofturn.py --json FILE` and `bench/callers.py FILE` keep. Each caller is judged by weights
that the other callers gave: what is printed is for speakers who were not in the fit. --write keeps those of all.
"""

import argparse
import datetime
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from endofturn import Policy, area_under_curve, percent, row, table
from pauses import STOP_MS, Silence

from bridge.speech.dictation import Kind
from bridge.turns.end_probability import EndWeights
from bridge.turns.endpointing import EndpointRules
from bridge.turns.expected_cost import CostRules

KINDS: Final = (Kind.FINISHED, Kind.QUESTION, Kind.OPEN)
"""The others have rules of their own."""
_LEAST: Final = 1e-4
_RIDGE: Final = 3.0
TARGET: Final = Path(__file__).parents[1] / "bridge/turns/end_probability.toml"

Array = npt.NDArray[np.float64]
Pair = tuple[Silence, float]
"""A silence and P(end) by weights of other callers."""


def signs(silence: Silence) -> list[float]:
    stop, comma = (min(1 - _LEAST, max(_LEAST, float(value or 0))) for value in (silence.stop, silence.comma))
    kind = silence.kind_of_text
    return [1.0, float(np.log(stop / (1 - stop))), float(np.log(comma)), *(float(kind is each) for each in KINDS)]


def fit_for(rows: Sequence[Silence], *, but: str = "") -> list[Silence]:
    """Return what weights may learn from: no pauses between sentences, which are ends of one."""
    return [each for each in rows if each.caller != but and each.kind != "natural" and each.kind_of_text in KINDS]


def fitted(rows: Sequence[Silence]) -> EndWeights:
    """Return the weights under which what was heard is likeliest (logistic regression, with a ridge), by `balanced`."""
    x = np.array([signs(row) for row in rows])
    y = np.array([float(row.kind == "end") for row in rows])
    weight = balanced([f"{row.caller} {row.recogniser}" for row in rows], y)
    scale = np.maximum(x.std(0), 1e-6)
    scale[0] = 1.0
    z, b = x / scale, np.zeros(x.shape[1])
    ridge = _RIDGE * np.eye(len(b))
    ridge[0, 0] = 1e-3
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ b))
        b += np.linalg.solve((z * (weight * p * (1 - p))[:, None]).T @ z + ridge, z.T @ (weight * (y - p)) - ridge @ b)
    b /= scale
    kinds = {kind: float(each) for kind, each in zip(KINDS, b[3:], strict=True)}
    return EndWeights(intercept=float(b[0]), stop=float(b[1]), comma=float(b[2]), kinds=kinds)


def balanced(callers: Sequence[str], y: Array) -> Array:
    """Return weights by which every caller counts alike, up to 40 silences, and ends as much as pauses."""
    names = np.array(callers)
    weight = np.ones(len(y))
    for name in set(callers):
        for value in (0.0, 1.0):
            mine = (names == name) & (y == value)
            weight[mine] = 20 / max(20, mine.sum())
    for value in (0.0, 1.0):
        weight[y == value] *= len(y) / 2 / weight[y == value].sum()
    return weight


def held_out(rows: Sequence[Silence]) -> dict[str, list[Pair]]:
    """Return each caller's silences with P(end) by the other callers' weights."""
    found: dict[str, list[Pair]] = {}
    for caller in sorted({each.caller for each in rows}):
        weights = fitted(fit_for(rows, but=caller))
        for silence in rows:
            if silence.caller == caller and silence.marks:
                judged = weights.probability(silence.marks, silence.kind_of_text)
                judged = silence.written if judged is None else judged
                found.setdefault(f"{caller}, {silence.language}, {silence.recogniser}", []).append((silence, judged))
    return found


def judged_rows(found: dict[str, list[Pair]]) -> list[dict[str, float | str]]:
    lines = []
    for name, pairs in found.items():
        ends, made, begun = (
            [p for p in pairs if p[0].kind == k and not p[0].phrase] for k in ("end", "inside", "begun")
        )
        phrases = [pair for pair in pairs if pair[0].kind == "end" and pair[0].phrase]
        line: dict[str, float | str] = {"caller": name, "ends": len(ends), "pauses": len(made)}
        line["text"], line["marks"] = area(ends, made, written), area(ends, made, by_marks)
        line["begun: text"], line["begun: marks"] = area(ends, begun, written), area(ends, begun, by_marks)
        line["phrases over begun: text"] = area(phrases, begun, written)
        line["marks "] = area(phrases, begun, by_marks)
        lines.append(line)
    return lines


def written(pair: Pair) -> float:
    return pair[0].written


def by_marks(pair: Pair) -> float:
    return pair[1]


DECODE_MS: Final = 100
"""What a final takes: the judgement comes so long after STOP_MS."""
EAGER_MS: Final = (300, 400, 600, 800, 1200, 1600)


def waits(found: dict[str, list[Pair]], least_ms: int, most_ms: int, reply_ms: int) -> list[dict[str, float | str]]:
    """Return what callers notice: today's rules, and the cheapest wait by the other callers' weights, in one run."""
    pairs = [pair for each in found.values() for pair in each]
    rows, judged = [pair[0] for pair in pairs], {id(pair[0]): pair[1] for pair in pairs}
    by_text = Policy("text", EndpointRules(), lambda s: s.written, STOP_MS + DECODE_MS)
    chosen = [by_text]
    for cut_ms in EAGER_MS:
        rules = EndpointRules(cut_ms=cut_ms, cost=CostRules(least_ms=least_ms, most_ms=most_ms))
        name = f"{cut_ms} ms, {least_ms} to {most_ms}"
        chosen.append(Policy(name, rules, lambda s: judged[id(s)], STOP_MS + DECODE_MS, calibrated=True))
    return [{**row(policy, rows, reply_ms), **short_turns(policy, rows)} for policy in chosen]


def short_turns(policy: Policy, rows: Sequence[Silence]) -> dict[str, float | str]:
    phrases = [policy.closes_ms(s) for s in rows if s.phrase and s.kind == "end"]
    begun = [policy.closes_ms(s) for s in rows if s.kind == "begun"]
    if not phrases:
        return {}
    return {
        "phrases wait p50": round(float(np.median(phrases))),
        "p95 ": round(float(np.percentile(phrases, 95))),
        "begun closed by 416, %": percent([ms <= 416 for ms in begun]),
        "by 640, %": percent([ms <= 640 for ms in begun]),
    }


def area(ends: Sequence[Pair], others: Sequence[Pair], score: Callable[[Pair], float]) -> float | str:
    if not ends or not others:
        return "-"
    return round(area_under_curve([score(pair) for pair in ends], [score(pair) for pair in others]), 2)


def written_out(weights: EndWeights, sources: str) -> str:
    lines = [
        "# Weights of end_probability.py, in log odds. Made by bench/fit_ending.py from bench/endofturn.py and",
        f"# bench/callers.py on {datetime.datetime.now(datetime.UTC).date()}, all callers of equal weight:",
        *(f"# {line}" for line in sources.splitlines()),
        "",
        *(f"{name} = {getattr(weights, name):.3f}" for name in ("intercept", "stop", "comma")),
        "",
        "[kinds]",
        *(f"{kind} = {weight:.3f}" for kind, weight in weights.kinds.items()),
    ]
    return "\n".join(lines) + "\n"


def load(files: Sequence[Path]) -> list[Silence]:
    rows = [Silence(**entry) for file in files for entry in json.loads(file.read_text())]
    once = {(row.caller, row.name, row.recogniser, row.kind, row.text, row.stop, row.made_ms): row for row in rows}
    return [row for row in once.values() if row.marks]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.json")
    parser.add_argument("--write", action="store_true", help=f"keep the weights of all callers in {TARGET.name}")
    parser.add_argument("--least-ms", type=int, default=CostRules().least_ms)
    parser.add_argument("--most-ms", type=int, default=CostRules().most_ms)
    parser.add_argument("--reply-ms", type=int, nargs="+", default=[30, 90], help="from the close to the bot's sound")
    options = parser.parse_args()
    rows = load(options.files)
    found = held_out(rows)
    print(table(judged_rows(found)))
    groups: dict[str, Callable[[Silence], bool]] = {
        "the English announcer": lambda s: s.caller == "announcer",
        "other announcers": lambda s: s.caller.startswith("announcer-"),
        "made callers, English, tiny.en": lambda s: (
            s.caller[2:3] == "_" and s.language == "English" and s.recogniser.endswith(".en")
        ),
        "made callers, others": lambda s: s.caller[2:3] == "_" and s.language != "English",
    }
    for name, belongs in groups.items():
        part = {caller: pairs for caller, pairs in found.items() if belongs(pairs[0][0])}
        if part:
            for reply_ms in options.reply_ms:
                print(f"{name}; the reply is heard {reply_ms} ms after the close")
                print(table(waits(part, options.least_ms, options.most_ms, reply_ms)))
    weights = fitted(fit_for(rows))
    callers = sorted({f"{row.caller} ({row.language}, {row.recogniser})" for row in rows})
    text = written_out(weights, "\n".join(callers))
    print(text)
    if options.write:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
