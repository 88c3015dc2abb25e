"""Ways to end a turn on real calls: python bench/waits.py [--smart-turn FILE] [--sentences N] [--json FILE]

The same recordings over the Twilio wire against a server for each way, in turn, so that all of them share what the
machine does meanwhile: whole sentences for the time to the answer, and the same with a pause of 0.3 to 1.2 s made
inside for turns cut short, which is when the caller heard the bot before going on. Echo bot, embedded models.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from gauge import Row, spread
from integration.recordings import Prompt, prompts
from integration.server import Server, serve
from pauses import PAUSES_MS, noise, quiet_points

from bridge.commands.call import call
from bridge.commands.phone.call_report import TurnFigures
from bridge.commands.recording import Recording, speech_span
from bridge.evals.caller.voices import recording
from telephony.codec import encode
from telephony.events import Encoding

FLAT: Final = ("--ending", "none")
ALONE: Final = ("--speculation-attempts", "0")
WAYS: Final[Mapping[str, Sequence[str]]] = {
    "flat 0.35 s": (*FLAT, "--turn-silence", "0.35"),
    "flat 0.5 s": (*FLAT, "--turn-silence", "0.5"),
    "text, no speculation": ALONE,
    "text": (),
}
LATE_MS: Final = 1000
BATCH: Final = 4
"""Sentences a call: whole ones first, so that what is learnt from the others' pauses does not slow them."""


@dataclass(slots=True)
class Tally:
    """What callers of one server noticed."""

    whole: list[TurnFigures] = field(default_factory=list)
    broken: dict[int, list[TurnFigures]] = field(default_factory=lambda: {ms: [] for ms in PAUSES_MS})
    late_ms: float = 0.0

    def row(self, name: str) -> Row:
        cut = {ms: [t.heard_ms is not None and t.heard_ms < 0 for t in turns] for ms, turns in self.broken.items()}
        every = [flag for flags in cut.values() for flag in flags]
        heard = spread([t.heard_ms for t in self.whole])
        return {
            "turns end": name,
            "heard p50": heard.get("p50", ""),
            "p95": heard.get("p95", ""),
            "later than 1 s, %": percent([t.heard_ms is None or t.heard_ms > LATE_MS for t in self.whole]),
            "cut short, %": percent(every),
            **{f"{ms / 1000:g} s": percent(flags) for ms, flags in cut.items()},
            "n": f"{len(self.whole)} + {len(every)}",
            "telephone late, ms": round(self.late_ms),
        }


def percent(flags: Sequence[bool]) -> float:
    return round(100 * float(np.mean(flags)), 1) if flags else 0.0


def whole(said: Prompt) -> Recording:
    return recording(said.audio, said.name)


def broken(said: Prompt, pause_ms: int) -> Recording:
    """Return `said` with a pause at its quietest point, which counts as a part of it."""
    begins_ms, ends_ms = speech_span(said.audio)
    point = next(quiet_points(said.audio, begins_ms, ends_ms))
    line = noise(pause_ms, np.random.default_rng(7))
    audio = np.concatenate([said.audio[:point], line, said.audio[point:]])
    return Recording(said.name, encode(audio, Encoding.MULAW), begins_ms, ends_ms + pause_ms)


async def listen(servers: Mapping[str, Server], said: Sequence[Prompt]) -> dict[str, Tally]:
    """Say some sentences to every server, first whole and then each with another pause, before the next ones."""
    tallies = {name: Tally() for name in servers}
    for number in range(0, len(said) // BATCH * BATCH, BATCH):
        batch = said[number : number + BATCH]
        pauses_ms = [PAUSES_MS[i % len(PAUSES_MS)] for i in range(BATCH)]
        lines = [*map(whole, batch), *map(broken, batch, pauses_ms)]
        for name, server in servers.items():
            figures, _ = await call(server.twilio, lines, number=number)
            tally = tallies[name]
            tally.whole += figures.turns[:BATCH]
            for ms, turn in zip(pauses_ms, figures.turns[BATCH:], strict=True):
                tally.broken[ms].append(turn)
            tally.late_ms = max(tally.late_ms, figures.late_p99_ms)
        print(f"{number + BATCH} sentences\n{table(rows(tallies))}\n", flush=True)
    return tallies


def rows(tallies: Mapping[str, Tally]) -> list[Row]:
    return [tally.row(name) for name, tally in tallies.items()]


def table(lines_of: Sequence[Row]) -> str:
    heads = list(lines_of[0])
    lines = [heads, ["---"] * len(heads), *([str(row[head]) for head in heads] for row in lines_of)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smart-turn", type=Path, metavar="FILE", help="a smart-turn v3 ONNX file, to be compared too")
    parser.add_argument("--sentences", type=int, default=20, metavar="N", help="four take about a minute a way")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    options = parser.parse_args()
    ways = dict(WAYS)
    if options.smart_turn:
        ways["smart-turn"] = ("--ending", "smart-turn", "--ending-model-path", str(options.smart_turn))
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(serve("--log-level", "WARNING", *flags))
            for name, flags in ways.items()
        }
        tallies = await listen(servers, prompts(options.sentences, shortest_s=1.5, longest_s=3.5))
    if options.json:
        options.json.write_text(json.dumps(rows(tallies), indent=1))


if __name__ == "__main__":
    asyncio.run(main())
