"""What tells the end of a turn from a pause, and what it costs: python bench/endofturn.py [--smart-turn FILE]

Recorded sentences over a mu-law line, at their real ends and at pauses of 0.3 to 1.2 s made inside single sentences,
at the quietest point of two stretches. The VAD is the live one; the recogniser hears what it would hear at the pause.
A pause cuts a turn short when the turn closes in it; that is heard when the reply begins before the caller goes on.
The rules were chosen on every other recording; the tables are of those in between. "marks" is what the recogniser
expects behind the last word, by the weights in force; bench/fit_ending.py has it for speakers who were not in the fit.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from pauses import PAUSES_MS, STOP_MS, WINDOW_MS, Listener, Silence, collect, read_out

from bot.api import Expect
from bridge.settings.eagerness import NAMED_MS
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.smart_turn import SmartTurn
from bridge.speech.backends.text_ending import PROBABILITY
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.dictation import Kind, Reading, read
from bridge.turns.end_probability import END_WEIGHTS
from bridge.turns.endpointing import Endpointing, EndpointRules, Expected
from bridge.turns.rolling_quantile import RollingQuantile

REPLY_MS: Final = 90
"""From the close of a turn to the reply at the caller's ear: bench/calls.py, echo bot and embedded voice."""
AHEAD_MS: Final = 30
"""The same where the reply was begun ahead, as that of the echo bot is."""
SLOW_REPLY_MS: Final = 700
"""The same with a language model that takes its time."""

Signal = Callable[[Silence], float]


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    rules: EndpointRules
    signal: Signal | None = None
    """P(end); None waits for nothing and closes after wait_ms."""
    judged_ms: int = 0
    """Silence at which the signal is there."""
    reads: bool = True
    """The rules for kinds of text are in force too."""
    calibrated: bool = False
    """The signal is weighed against the length of pauses, where the recogniser told what it expects."""

    def closes_ms(self, silence: Silence) -> int:
        """Return the silence after which the turn closes, on the grid of VAD windows."""
        if self.signal is None:
            return on_grid(self.rules.wait_ms)
        endpointing = Endpointing(self.rules, time_to_final=RollingQuantile(self.judged_ms - STOP_MS))
        endpointing.paused(0)
        if endpointing.wait_ms <= self.judged_ms:
            return on_grid(endpointing.wait_ms)
        endpointing.read(read(silence.text, silence.language) if self.reads else Reading(Kind.OPEN))
        calibrated = self.calibrated and silence.marks is not None
        endpointing.judged(self.signal(silence), speech_end_ms=0, calibrated=calibrated)
        return on_grid(max(self.judged_ms, endpointing.wait_ms))


def on_grid(ms: int) -> int:
    return -(-ms // WINDOW_MS) * WINDOW_MS


def area_under_curve(ends: Sequence[float], insides: Sequence[float]) -> float:
    """Return P(an end scores higher than a pause), ties as half."""
    a, b = np.array(ends)[:, None], np.array(insides)[None]
    return float((a > b).mean() + 0.5 * (a == b).mean())


def by_marks(silence: Silence) -> float:
    judged = END_WEIGHTS.probability(silence.marks, silence.kind_of_text) if silence.marks else None
    return silence.written if judged is None else judged


SIGNALS: Final[dict[str, Signal]] = {
    "text": lambda s: s.written,
    "marks": by_marks,
    "smart-turn": lambda s: s.voice,
    "text and smart-turn, mean": lambda s: (s.written + s.voice) / 2,
    "text and smart-turn, product": lambda s: s.voice * min(1.0, s.written / PROBABILITY[Kind.FINISHED]),
}


def row(policy: Policy, rows: Sequence[Silence], reply_ms: int = REPLY_MS) -> dict[str, float | str]:
    """Return what a caller would notice of `policy`, where the bot is heard `reply_ms` after the close."""
    ends = [s for s in rows if s.kind == "end"]
    inside = [s for s in rows if s.kind == "inside"]
    closes = [policy.closes_ms(s) + s.lag_ms for s in ends]
    audio = [close + reply_ms for close in closes]
    spoke = {p: [policy.closes_ms(s) + reply_ms < s.lasts_ms for s in inside if s.made_ms == p] for p in PAUSES_MS}
    own = [s for s in rows if s.kind == "natural"]
    return {
        "policy": policy.name,
        "close p50": round(float(np.percentile(closes, 50))),
        "close p95": round(float(np.percentile(closes, 95))),
        "audio p50": round(float(np.percentile(audio, 50))),
        "audio p95": round(float(np.percentile(audio, 95))),
        "audio mean": round(float(np.mean(audio))),
        "closed, %": percent([policy.closes_ms(s) <= s.lasts_ms for s in inside]),
        "cut short, %": percent([cut for cuts in spoke.values() for cut in cuts]),
        "by a slow bot, %": percent([policy.closes_ms(s) + SLOW_REPLY_MS < s.lasts_ms for s in inside]),
        **{f"{p / 1000} s": percent(cuts) for p, cuts in spoke.items()},
        "recordings cut": f"{len({s.name for s in own if policy.closes_ms(s) + reply_ms < s.lasts_ms})} of {len(ends)}",
    }


def percent(flags: Sequence[bool]) -> float:
    return round(100 * float(np.mean(flags)), 1) if flags else 0.0


def policies(rows: Sequence[Silence]) -> list[Policy]:
    decode_ms, voice_ms = (round(float(np.median([getattr(s, f) for s in rows]))) for f in ("decode_ms", "voice_ms"))
    plain = EndpointRules()
    line = dict.fromkeys(SIGNALS, (plain, STOP_MS + decode_ms + voice_ms))
    line["text"] = line["marks"] = plain, STOP_MS + decode_ms
    line["smart-turn"] = plain, STOP_MS + voice_ms
    line["text and smart-turn, mean"] = replace(plain, sure=0.85), STOP_MS + decode_ms + voice_ms
    flat = [Policy(f"flat {ms / 1000} s", EndpointRules(wait_ms=ms)) for ms in (350, 400, 500, 800)]
    return [
        *flat,
        *(
            Policy(name, rules, SIGNALS[name], judged_ms, reads=name != "smart-turn", calibrated=name == "marks")
            for name, (rules, judged_ms) in line.items()
        ),
    ]


def eagerness(rows: Sequence[Silence], before: Policy, marks: Policy, reply_ms: int) -> list[dict[str, float | str]]:
    """Return what each `--eagerness` does, for bots that are heard `reply_ms` after the close."""
    lines = [row(before, rows, reply_ms)]
    for name, cut_ms in NAMED_MS.items():
        if cut_ms:
            policy = replace(marks, name=name, rules=replace(marks.rules, cut_ms=cut_ms))
            lines.append(row(policy, rows, reply_ms))
    return lines


def steps(rows: Sequence[Silence], policy: Policy) -> list[dict[str, float | str]]:
    """Return what a step does instead of the line between `unsure` and `sure`."""
    lines = [row(replace(policy, name="line from 0.5 to 0.9"), rows)]
    for at in (0.5, 0.7, 0.8, 0.9, 0.95):
        rules = replace(policy.rules, sure=at, unsure=at)
        lines.append(row(replace(policy, name=f"step at {at}", rules=rules), rows))
    return lines


def trade(rows: Sequence[Silence], chosen: Sequence[Policy]) -> list[dict[str, float | str]]:
    """Return what other waits would do: the same pauses against the same ends."""
    lines = []
    for policy in chosen:
        for sure_ms, unsure_ms in ((350, 800), (400, 800), (400, 1500), (500, 1000), (800, 1600)):
            rules = replace(policy.rules, sure_ms=sure_ms, unsure_ms=unsure_ms)
            lines.append(row(replace(policy, name=f"{policy.name}, {sure_ms} to {unsure_ms} ms", rules=rules), rows))
    return lines


def dictated(numbers: Sequence[Sequence[Silence]]) -> list[dict[str, float | str]]:
    return [
        numbers_row(numbers, "flat 0.5 s", None),
        numbers_row(numbers, "text", Expected()),
        numbers_row(numbers, "text, digits expected", Expected(Expect.DIGITS)),
        numbers_row(numbers, "text, ten digits expected", Expected(Expect.DIGITS, digits=10)),
        numbers_row(numbers, "marks", Expected(), by_marks),
        numbers_row(numbers, "marks, ten digits expected", Expected(Expect.DIGITS, digits=10), by_marks),
    ]


def numbers_row(
    numbers: Sequence[Sequence[Silence]], name: str, expected: Expected | None, signal: Signal | None = None
) -> dict[str, float | str]:
    def closes_ms(silence: Silence) -> int:
        endpointing = Endpointing(EndpointRules(), time_to_final=RollingQuantile(150))
        if expected is None:
            return on_grid(500)
        endpointing.expect(expected)
        endpointing.paused(0)
        endpointing.read(read(silence.text, "English"))
        calibrated = signal is not None and silence.marks is not None
        endpointing.judged(signal(silence) if signal else silence.written, speech_end_ms=0, calibrated=calibrated)
        return on_grid(endpointing.wait_ms)

    cut = [any(closes_ms(s) + REPLY_MS < s.lasts_ms for s in number[:-1]) for number in numbers]
    last = [closes_ms(number[-1]) for number in numbers]
    return {
        "policy": name,
        "numbers cut short, %": percent(cut),
        "wait after the last digit, p50": round(float(np.median(last))),
        "p95": round(float(np.percentile(last, 95))),
        "n": len(numbers),
    }


def adapted(rows: Sequence[Silence]) -> list[dict[str, float | str]]:
    """Simulated callers with one pause a turn, judged by the text as the recorded ones were."""
    inside, ends = ([s for s in rows if s.kind == kind] for kind in ("inside", "end"))
    lines = []
    for usual_ms in (300, 500, 700):
        for most_ms in (0, EndpointRules().caller_pauses.most_ms):
            rng, waits = np.random.default_rng(2), list[int]()
            early, late = list[bool](), list[bool]()
            for _ in range(300):
                endpointing = make_endpointing(most_ms)
                for turn in range(20):
                    pause_ms = round(usual_ms * float(rng.lognormal(0, 0.35)))
                    cut = one_turn(endpointing, inside[rng.integers(len(inside))], pause_ms, 100_000 * turn)
                    (early if turn < 3 else late).append(cut)
                    waits.append(last_wait(endpointing, ends[rng.integers(len(ends))], 100_000 * turn + 50_000))
            lines.append(
                {
                    "pauses of about, ms": usual_ms,
                    "adapts": "yes" if most_ms else "no",
                    "cut short in turns 1-3, %": percent(early),
                    "in turns 4-20, %": percent(late),
                    "wait at the end p50": round(float(np.median(waits))),
                    "p95": round(float(np.percentile(waits, 95))),
                }
            )
    return lines


def make_endpointing(most_ms: int) -> Endpointing:
    plain = EndpointRules()
    rules = replace(plain, caller_pauses=replace(plain.caller_pauses, most_ms=most_ms))
    return Endpointing(rules, time_to_final=RollingQuantile(125))


def one_turn(endpointing: Endpointing, silence: Silence, pause_ms: int, at_ms: int) -> bool:
    """Return whether a pause of so long cut the caller short, and let the waits learn from it."""
    endpointing.paused(at_ms)
    endpointing.read(read(silence.text, "English"))
    endpointing.judged(silence.written, speech_end_ms=at_ms)
    closes_ms = on_grid(endpointing.wait_ms)
    if closes_ms > pause_ms:
        endpointing.resumed(at_ms + pause_ms)
        return False
    heard = closes_ms + REPLY_MS < pause_ms
    endpointing.closed(at_ms)
    endpointing.began(at_ms + pause_ms, bot_heard=heard)
    endpointing.worded()
    return heard


def last_wait(endpointing: Endpointing, silence: Silence, at_ms: int) -> int:
    endpointing.paused(at_ms)
    endpointing.read(read(silence.text, "English"))
    endpointing.judged(silence.written, speech_end_ms=at_ms)
    waited_ms = on_grid(endpointing.wait_ms)
    endpointing.closed(at_ms)
    endpointing.began(at_ms + 5000, bot_heard=True)
    endpointing.worded()
    return waited_ms


def table(rows: Sequence[dict[str, float | str]]) -> str:
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(line[head]) for head in heads] for line in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def report(rows: Sequence[Silence], *, voice: bool) -> None:
    names = sorted({s.name for s in rows})
    held_out = [s for s in rows if names.index(s.name) % 2]
    chosen = [policy for policy in policies(rows) if voice or "smart" not in policy.name]
    counts = {kind: sum(s.kind == kind for s in held_out) for kind in ("end", "inside", "natural")}
    print(f"{len(names)} recordings, of which every other is held out: {counts}\n")
    ends, inside = ([s for s in held_out if s.kind == kind] for kind in ("end", "inside"))
    signals = {p.name: p.signal for p in chosen if p.signal}
    areas = {name: area_under_curve(list(map(f, ends)), list(map(f, inside))) for name, f in signals.items()}
    print(table([{"signal": name, "AUC": round(area, 3)} for name, area in areas.items()]))
    print(table([row(policy, held_out) for policy in chosen]))
    named = {policy.name: policy for policy in chosen}
    for reply_ms in (AHEAD_MS, REPLY_MS):
        print(f"--eagerness, the reply heard {reply_ms} ms after the close; first: by the text alone")
        print(table(eagerness(held_out, named["text"], named["marks"], reply_ms)))
    print(table(trade(held_out, [p for p in chosen if p.name in {"text", "text and smart-turn, product"}])))
    print(table(steps(held_out, named.get("text and smart-turn, product", named["text"]))))
    print(table(adapted(held_out)))
    costs = {name: [getattr(s, name) for s in rows] for name in ("decode_ms", "voice_ms")}
    print({name: [round(float(np.percentile(v, q))) for q in (50, 95)] for name, v in costs.items()}, "CPU ms p50, p95")
    begun = time.process_time()
    for silence in rows:
        read(silence.text, "English")
    print(f"text: {1e6 * (time.process_time() - begun) / len(rows):.0f} us of CPU")


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--smart-turn", metavar="FILE", help="a smart-turn v3 ONNX file; without it only the text judges"
    )
    parser.add_argument("--prompts", type=int, default=400, metavar="N", help="recordings at most (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was collected; read back when it is there")
    options = parser.parse_args()
    asr = await asyncio.to_thread(WhisperAsr.load)
    voice = await asyncio.to_thread(SmartTurn.load, options.smart_turn) if options.smart_turn else None
    listener = Listener(asr, SileroVad.load(), voice)
    if options.json and options.json.exists():
        rows = [Silence(**entry) for entry in json.loads(options.json.read_text())]
    else:
        rows = await collect(listener, options.prompts)
    if options.json:
        options.json.write_text(json.dumps([asdict(silence) for silence in rows]))
    report(rows, voice=voice is not None)
    print(table(dictated(await read_out(listener, 30))))
    for model in (asr, voice):
        if model:
            await asyncio.to_thread(model.close)


if __name__ == "__main__":
    asyncio.run(main())
