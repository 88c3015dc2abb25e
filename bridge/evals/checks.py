"""What each kind of expectation looks for in the facts of a call. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.evals import wording
from bridge.evals.facts import (
    BotDid,
    CallFacts,
    CallPart,
    Span,
    bot_spans,
    done_in,
    response_ms,
    text_in,
    understood_in,
)
from bridge.evals.files.expectations import is_pattern
from bridge.evals.scenario import RESUMES_MS, Check, Expectation


@dataclass(frozen=True, slots=True)
class CheckedPart:
    """One expectation, and the parts of the call that it is about."""

    facts: CallFacts
    expected: Expectation
    step: int | None
    parts: Sequence[CallPart]

    @property
    def said(self) -> str:
        return text_in(self.facts, self.parts)

    @property
    def word(self) -> str:
        return self.expected.texts[0]


_Answer = tuple[bool, str]


def _says(asked: CheckedPart) -> _Answer:
    missing = [words for words in asked.expected.texts if not wording.holds(asked.said, words)]
    return not missing, f"it said {asked.said!r}" if missing else ""


def _never_says(asked: CheckedPart) -> _Answer:
    there = [words for words in asked.expected.texts if wording.holds(asked.said, words)]
    return not there, f"it said {asked.said!r}" if there else ""


def _matches(asked: CheckedPart) -> _Answer:
    found = re.search(asked.word, asked.said, re.IGNORECASE | re.DOTALL)
    return found is not None, "" if found else f"it said {asked.said!r}"


def _says_nothing(asked: CheckedPart) -> _Answer:
    begins = [max(part.from_ms, part.act.began_ms if part.act else 0.0) for part in asked.parts]
    edges = list(zip(begins, [part.to_ms for part in asked.parts], strict=True))
    heard = [span for span in bot_spans(asked.facts.record) if any(begin <= span.from_ms < end for begin, end in edges)]
    return not heard, f"the bot was heard at {heard[0].from_ms / 1000:.1f} s: {asked.said!r}" if heard else ""


def _understands(asked: CheckedPart) -> _Answer:
    heard = understood_in(asked.facts, asked.parts)
    missing = [words for words in asked.expected.texts if not wording.holds(heard, words)]
    return not missing, f"it understood {heard!r}" if missing else ""


def _within(asked: CheckedPart) -> _Answer:
    number = asked.step
    acts = [act for act in asked.facts.acts if act.is_turn and (number is None or act.step == number)]
    if not acts:
        return False, "the step was not played"
    answers = [(act, response_ms(asked.facts, act)) for act in acts]
    bad = [(act, ms) for act, ms in answers if ms is None or ms < 0 or ms > asked.expected.limit_ms]
    if not bad:
        return True, ", ".join(f"{ms:.0f} ms" for _, ms in answers if ms is not None)
    return False, ", ".join(f"step {act.step}: {_response(ms)}" for act, ms in bad)


def _response(ms: float | None) -> str:
    if ms is None:
        return "never answered"
    return f"it cut in {-ms:.0f} ms before the end" if ms < 0 else f"{ms:.0f} ms"


def _yields_within(asked: CheckedPart) -> _Answer:
    act = next((act for act in asked.facts.acts if act.step == asked.step), None)
    if act is None:
        return False, "the step was not played"
    if not _speaks_at(asked.facts, act.began_ms):
        return False, "the bot was not speaking"
    silent_ms = asked.facts.record.first("silence", after_ms=act.began_ms)
    if silent_ms is None:
        return False, "it spoke on"
    took_ms = silent_ms - act.began_ms
    return took_ms <= asked.expected.limit_ms, f"{took_ms:.0f} ms"


def _goes_on(asked: CheckedPart) -> _Answer:
    act = next((act for act in asked.facts.acts if act.step == asked.step), None)
    if act is None:
        return False, "the step was not played"
    if not _speaks_at(asked.facts, act.began_ms):
        return False, "the bot was not speaking"
    part = asked.parts[0]
    cut = [one for one in asked.facts.said if one.unheard and part.from_ms <= one.at_ms < part.to_ms]
    if cut:
        return False, f"it was interrupted, and {cut[0].unheard!r} was not heard"
    on = [span for span in bot_spans(asked.facts.record) if span.to_ms > act.ended_ms]
    if not on or on[0].from_ms > act.ended_ms + RESUMES_MS:
        return False, f"it was not heard for {RESUMES_MS} ms"
    return True, ""


def _speaks_at(facts: CallFacts, at_ms: float) -> bool:
    return any(span.from_ms <= at_ms < span.to_ms for span in bot_spans(facts.record))


def _calls_tool(asked: CheckedPart) -> _Answer:
    return _did(asked, asked.facts.tools, "called")


def _never_calls(asked: CheckedPart) -> _Answer:
    called = [one for one in done_in(asked.facts.tools, asked.parts) if one.name in asked.expected.texts]
    return not called, f"it called {_told(called)}" if called else ""


def _does(asked: CheckedPart) -> _Answer:
    return _did(asked, asked.facts.actions, "did")


def _transfers_to(asked: CheckedPart) -> _Answer:
    transfers = [one for one in done_in(asked.facts.actions, asked.parts) if one.name == "Transfer"]
    met = any(one.arguments.get("target") in asked.expected.texts for one in transfers)
    return met, "" if met else f"it did {_told(done_in(asked.facts.actions, asked.parts))}"


def _did(asked: CheckedPart, done: Sequence[BotDid], verb: str) -> _Answer:
    there = done_in(done, asked.parts)
    missing = [
        name for name in asked.expected.texts if not any(_is(one, name, asked.expected.arguments) for one in there)
    ]
    return not missing, f"it {verb} {_told(there)}" if missing else ""


def _is(one: BotDid, name: str, arguments: Mapping[str, str]) -> bool:
    return one.name == name and all(
        argument in one.arguments and _fits(one.arguments[argument], value) for argument, value in arguments.items()
    )


def _fits(value: str, expected: str) -> bool:
    if is_pattern(expected):
        return re.search(expected[1:-1], value, re.IGNORECASE) is not None
    return value.strip().casefold() == expected.strip().casefold()


def _told(done: Sequence[BotDid]) -> str:
    return ", ".join(f"{one.name}({', '.join(f'{k}={v}' for k, v in one.arguments.items())})" for one in done) or "none"


def _ended_by(asked: CheckedPart) -> _Answer:
    return asked.facts.ended_by == asked.word, f"{asked.facts.ended_by or 'nobody knows who'}: {asked.facts.reason}"


def _end_reason(asked: CheckedPart) -> _Answer:
    return re.search(asked.word, asked.facts.reason, re.IGNORECASE) is not None, f"it was {asked.facts.reason!r}"


def _no_talking_over(asked: CheckedPart) -> _Answer:
    spans = bot_spans(asked.facts.record)
    acts = [
        act
        for act in asked.facts.acts
        if act.is_turn and not act.over_bot and act.what != "press" and (asked.step is None or act.step == asked.step)
    ]
    over = [(act.step, sum(_shared_ms(span, Span(act.began_ms, act.ended_ms)) for span in spans)) for act in acts]
    bad = [f"step {step}: {ms:.0f} ms" for step, ms in over if ms > asked.expected.limit_ms]
    return not bad, f"it talked over the caller, {', '.join(bad)}" if bad else ""


def _shared_ms(one: Span, other: Span) -> float:
    return max(0.0, min(one.to_ms, other.to_ms) - max(one.from_ms, other.from_ms))


def _no_repeated_question(asked: CheckedPart) -> _Answer:
    heard = [question for one in asked.facts.said if not one.unheard for question in wording.questions(one.text)]
    again = list(wording.repeated(heard))
    return not again, f"it asked again: {', '.join(map(repr, again))}" if again else ""


def _no_gaps(asked: CheckedPart) -> _Answer:
    gaps = [moment for moment in asked.facts.record.timeline if moment.what == "gap"]
    return not gaps, f"{len(gaps)} gaps in its speech, the first at {gaps[0].at_ms / 1000:.1f} s" if gaps else ""


def _no_faults(asked: CheckedPart) -> _Answer:
    return not asked.facts.faults, "; ".join(asked.facts.faults)


CHECKS: Final[Mapping[Check, Callable[[CheckedPart], _Answer]]] = {
    Check.SAYS: _says,
    Check.NEVER_SAYS: _never_says,
    Check.MATCHES: _matches,
    Check.SAYS_NOTHING: _says_nothing,
    Check.UNDERSTANDS: _understands,
    Check.WITHIN: _within,
    Check.YIELDS_WITHIN: _yields_within,
    Check.GOES_ON: _goes_on,
    Check.CALLS_TOOL: _calls_tool,
    Check.NEVER_CALLS: _never_calls,
    Check.DOES: _does,
    Check.TRANSFERS_TO: _transfers_to,
    Check.ENDED_BY: _ended_by,
    Check.END_REASON: _end_reason,
    Check.NO_TALKING_OVER: _no_talking_over,
    Check.NO_REPEATED_QUESTION: _no_repeated_question,
    Check.NO_GAPS: _no_gaps,
    Check.NO_FAULTS: _no_faults,
}
NEEDS_RECORD: Final = frozenset(
    {
        *(Check.UNDERSTANDS, Check.CALLS_TOOL, Check.NEVER_CALLS, Check.DOES, Check.TRANSFERS_TO),
        *(Check.END_REASON, Check.NO_FAULTS),
    }
)
"""What only the bridge's own record can tell."""
