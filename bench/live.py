"""Decodes alone, and decodes of callers who all speak at once."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from figures import Results, Row, spread
from sounds import words_wrong
from spoken_load import Listen, Metered, Outcome, Spoken, crowd

from bridge.speech.api import SAMPLE_RATE, Recogniser, Request, Samples

LENGTHS_S: Final = (1, 2, 4, 8, 16, 24)
SESSIONS: Final = (1, 2, 4, 8, 16, 24)
MORE_SESSIONS: Final = (32, 48, 64, 96)
LATE_MS: Final = 1000
"""A final that is later has lost the conversation."""
_LATE_PACE_MS: Final = 100
"""Callers that fall behind by more no longer speak in real time: the machine is full, whoever recognises."""


@dataclass(frozen=True, slots=True)
class Level:
    """What so many callers noticed."""

    sessions: int
    outcomes: Sequence[Outcome]
    partial_ms: Sequence[float]
    final_ms: Sequence[float]
    more: Mapping[str, float | str]
    """What only this way of listening can tell."""

    @property
    def row(self) -> Row:
        pace_ms = max(outcome.late_ms for outcome in self.outcomes)
        return {
            **spread([outcome.final_wait_ms for outcome in self.outcomes], "final wait ms "),
            **spread(self.final_ms, "final decode ms "),
            **spread(self.partial_ms, "partial decode ms "),
            "words wrong, %": words_wrong(self.outcomes),
            **self.more,
            "note": f"the callers themselves were {pace_ms:.0f} ms late" if pace_ms > _LATE_PACE_MS else "",
        }

    @property
    def late(self) -> bool:
        """Whether more than one final in twenty came later than it may."""
        return float(spread([outcome.final_wait_ms for outcome in self.outcomes])["p95"]) > LATE_MS


Climb = Callable[[int, float], Awaitable[Level]]
"""Lets so many callers speak for so many seconds."""


async def alone(asr: Recogniser, speech: Samples, *, rounds: int) -> Results:
    """One decode after the other, by length of audio: 8 new tokens where the engine lets itself be limited."""
    results: Results = {}
    for seconds in LENGTHS_S:
        took = []
        for turn in range(rounds + 1):  # the first warms up
            begin = turn * 1600  # a tenth of a second further: no cache knows it
            audio = speech[begin : begin + seconds * SAMPLE_RATE]
            begun = time.perf_counter()
            await asr.decode(Request(audio, language="English", final=True, max_new_tokens=8))
            took.append(1000 * (time.perf_counter() - begun))
        results[f"decode alone, {seconds} s of audio, ms"] = spread(took[1:])
    return results


async def ladder(climb: Climb, sessions: Sequence[int], *, seconds: float) -> AsyncIterator[Level]:
    """Load it with more and more callers; beyond `SESSIONS` only until finals are late."""
    for count in sessions:
        level = await climb(count, max(seconds, 16 / count))
        yield level
        if level.late and count >= SESSIONS[-1]:
            return


def ours(asr: Recogniser, listen_with: Callable[[Recogniser], Listen], said: Sequence[Spoken]) -> Climb:
    """Callers through our policy."""

    async def climb(sessions: int, seconds: float) -> Level:
        meter = Metered(asr)
        outcomes = await crowd(listen_with(meter), said, sessions=sessions, seconds=seconds)
        more: Row = {"partials skipped": meter.skipped, "given up": meter.dropped}
        return Level(sessions, outcomes, meter.partial_ms, meter.final_ms, more)

    return climb
