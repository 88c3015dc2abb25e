"""What is measured of a call, from when each side was heard to speak. Pure.

Definitions follow tau-voice (sierra-research/tau2-bench, its methodology of the speech timeline)
and EVA (ServiceNow/eva, docs/metrics/turn_taking.md) where they have one; docs/benchmark.md says which is whose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from phone.ear import Span

CLICK_MS: Final = 20.0
"""Voice that is shorter is a click."""
EDGE_MS: Final = 60.0
"""A sound is made over the bot where voice is so close to its begin: not in a pause, in which nothing can stop."""
QUIET_MS: Final = 400.0
"""A bot that is silent for so long has stopped; shorter are the pauses inside what it says."""
YIELD_MS: Final = 2000.0
"""tau-voice: a bot that was interrupted has so long to stop."""
WRONG_YIELD_MS: Final = 1000.0
"""tau-voice: a stop so soon after a backchannel, a cough or side talk is a mistake."""
KEPT_MS: Final = 5000.0
"""A bot that speaks so long after one of these has kept its answer, and did not answer the sound instead. Ours:
tau-voice has no such measure. What is asked for must be told for longer."""
EARLY_MS: Final = 200.0
LATE_MS: Final = 4000.0
"""EVA: an answer from EARLY_MS to below LATE_MS after the end of the turn is on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One thing that the caller did, and what came of it. None: it did not happen, or does not apply."""

    group: str
    name: str
    kind: str
    """turn, interruption, backchannel, cough, side-talk, nothing or silence."""
    response_ms: float | None = None
    """End of the caller's speech to the first voice of the bot behind it."""
    cut_ms: float | None = None
    """Where the bot spoke before the turn was over: how long after the last word before it; 0 inside a word."""
    yield_ms: float | None = None
    """Begin of what the caller said over the bot to the bot's silence."""
    kept: bool | None = None
    """The bot was speaking KEPT_MS after it."""
    tested: bool = True
    """False: the bot did not speak when it was to be spoken over, so there is nothing to say about it."""
    spoke: int = 0
    """Times that the bot spoke into a silence."""
    digits: str = ""
    """What was dictated."""
    heard: str = ""
    """What the bot said back."""
    recognised: str = ""
    """What the server's own transcripts say, where they are told."""


def first_voice(voice: Sequence[Span], after_ms: float, before_ms: float = float("inf")) -> float | None:
    """Return when the bot begins to speak at or after `after_ms`; what began before that is not meant."""
    for begin, end in voice:
        if after_ms <= begin < before_ms and end - begin >= CLICK_MS:
            return begin
    return None


def heard_at(voice: Sequence[Span], at_ms: float) -> bool:
    """Return whether the bot is speaking at `at_ms`, pauses inside what it says included."""
    return any(begin - QUIET_MS / 2 < at_ms < end + QUIET_MS for begin, end in voice)


def silent_from(voice: Sequence[Span], onset_ms: float, within_ms: float) -> float | None:
    """Return how long after `onset_ms` the bot stopped; None where it had not within `within_ms`."""
    quiet_ms = onset_ms
    for begin, end in voice:
        if end <= onset_ms:
            continue
        if begin - quiet_ms >= QUIET_MS:
            break
        quiet_ms = max(quiet_ms, end)
        if quiet_ms > onset_ms + within_ms:
            return None
    return quiet_ms - onset_ms


def cut_short(voice: Sequence[Span], said: Sequence[Span]) -> float | None:
    """Return how long after a word of `said`, a turn's stretches of speech, the bot spoke before the turn was over.

    Behind the last stretch nothing is cut short; a bot that spoke before the first word is not meant either.
    """
    begins_ms = first_voice(voice, said[0][0], said[-1][1])
    if begins_ms is None:
        return None
    last_word_ms = max(min(end, begins_ms) for begin, end in said if begin <= begins_ms)
    return begins_ms - last_word_ms


def turn(group: str, name: str, voice: Sequence[Span], said: Sequence[Span], *, digits: str = "") -> Trial:
    """Judge a turn of the caller, spoken in the stretches `said`, up to the next one."""
    ends_ms = said[-1][1]
    heard_ms = first_voice(voice, ends_ms)
    if heard_ms is None and any(begin < ends_ms < end for begin, end in voice):
        heard_ms = ends_ms  # it had begun before, and speaks on
    return Trial(
        group=group,
        name=name,
        kind="turn",
        response_ms=None if heard_ms is None else round(heard_ms - ends_ms, 1),
        cut_ms=rounded(cut_short(voice, said)),
        digits=digits,
    )


def spoken_over(group: str, name: str, kind: str, voice: Sequence[Span], said: Span) -> Trial:
    """Judge what the bot did when the caller made a sound, `said`, while it spoke."""
    onset_ms, ends_ms = said
    limit_ms = YIELD_MS if kind == "interruption" else WRONG_YIELD_MS
    stopped_ms = silent_from(voice, onset_ms, limit_ms)
    return Trial(
        group=group,
        name=name,
        kind=kind,
        yield_ms=rounded(stopped_ms),
        kept=None if kind == "interruption" else heard_at(voice, ends_ms + KEPT_MS),
        tested=any(begin < onset_ms + EDGE_MS and end > onset_ms - EDGE_MS for begin, end in voice),
    )


def silence(group: str, name: str, voice: Sequence[Span], span: Span) -> Trial:
    """Judge a stretch in which the caller says nothing."""
    begun = [begin for begin, end in voice if span[0] <= begin < span[1] and end - begin >= CLICK_MS]
    spoke = sum(not n or begin - begun[n - 1] > 2 * QUIET_MS for n, begin in enumerate(begun))
    return Trial(group=group, name=name, kind="silence", spoke=spoke)


def rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)
