"""What is known of a call once it is over: what the caller did and heard, and what the bridge recorded of it. Pure."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Final

from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS, is_voiced
from bridge.evals.caller.caller import DoneAct

_WINDOWS: Final = frozenset("say play interrupt press silence chat".split())
"""What begins a part of the call of its own; a cough and an "mm-hm" do not."""
_PAUSE_MS: Final = 300
"""Shorter silences are inside of what the bot says."""
_CLOCKS_MS: Final = 50
"""By so much the clocks of the bridge and of the caller may differ."""


@dataclass(frozen=True, slots=True)
class BotSaid:
    """What the caller heard of one reply."""

    at_ms: float
    text: str
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class BotDid:
    """A tool that was called, or an action."""

    at_ms: float
    name: str
    arguments: Mapping[str, str]
    outcome: str = ""
    """A tool's answer, or why an action failed."""


@dataclass(frozen=True, slots=True)
class Understood:
    """An utterance of the caller, as the bridge understood it."""

    from_ms: float
    to_ms: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """All of it. Times are milliseconds since the call began."""

    acts: Sequence[DoneAct]
    record: CallRecord
    said: Sequence[BotSaid] = ()
    understood: Sequence[Understood] = ()
    tools: Sequence[BotDid] = ()
    actions: Sequence[BotDid] = ()
    faults: Sequence[str] = ()
    ended_by: str = ""
    reason: str = ""
    kept: bool = False
    """Whether the bridge's record is known; what was said is else heard by a recogniser."""
    failed_step: tuple[int, str] | None = None
    """The step that could not be played, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPart:
    """A part of a call: what one act of the caller led to, up to the next."""

    act: DoneAct | None
    """None before the first."""
    from_ms: float
    to_ms: float


def parts(acts: Sequence[DoneAct]) -> list[CallPart]:
    """Return the parts of a call, the first being what came before the caller did anything."""
    begins = [act for act in acts if act.what in _WINDOWS]
    edges = [-inf, *(act.began_ms for act in begins), inf]
    return [
        CallPart(act=act, from_ms=edges[number], to_ms=edges[number + 1]) for number, act in enumerate([None, *begins])
    ]


def parts_of(facts: CallFacts, step: int | None) -> list[CallPart]:
    """Return the parts that belong to a step; None: the whole call. Of a cough: the part in which it was."""
    found = parts(facts.acts)
    if step is None:
        return [CallPart(act=None, from_ms=-inf, to_ms=inf)]
    if own := [part for part in found if part.act and part.act.step == step]:
        return own
    act = next((act for act in facts.acts if act.step == step), None)
    if act:
        return [part for part in found if part.from_ms <= act.began_ms < part.to_ms]
    before = [part for part in found if part.act is None or part.act.step < step]
    return before[-1:]


def text_in(facts: CallFacts, found: Sequence[CallPart]) -> str:
    """Return what the bot said in parts of the call."""
    return " ".join(said.text for said in facts.said if said.text and _in(said.at_ms, found))


def understood_in(facts: CallFacts, found: Sequence[CallPart]) -> str:
    """Return what the bridge understood in parts of the call."""
    return " ".join(one.text for one in facts.understood if _in(one.to_ms, found))


def done_in(done: Sequence[BotDid], found: Sequence[CallPart]) -> list[BotDid]:
    """Return what the bot did in parts of the call."""
    return [one for one in done if _in(one.at_ms, found)]


def _in(at_ms: float, found: Sequence[CallPart]) -> bool:
    return any(part.from_ms <= at_ms < part.to_ms for part in found)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, milliseconds since the call began."""

    from_ms: float
    to_ms: float


def bot_spans(record: CallRecord) -> list[Span]:
    """Return when the caller heard the bot speak; short pauses are inside."""
    spans: list[Span] = []
    for number in range(len(record.bot) // FRAME_BYTES):
        if not is_voiced(bytes(record.bot[number * FRAME_BYTES : (number + 1) * FRAME_BYTES])):
            continue
        at_ms = float(number * FRAME_MS)
        if spans and at_ms - spans[-1].to_ms <= _PAUSE_MS:
            spans[-1] = Span(spans[-1].from_ms, at_ms + FRAME_MS)
        else:
            spans.append(Span(at_ms, at_ms + FRAME_MS))
    return spans


def response_ms(facts: CallFacts, act: DoneAct) -> float | None:
    """Return how long after the end of `act` the caller first heard the bot; below 0 it cut in; None: never.

    Of an act over the bot's own speech: until what it says next, once it was silent.
    """
    after_ms = act.began_ms
    if act.over_bot:
        after_ms = facts.record.first("silence", after_ms=act.began_ms) or act.ended_ms
    until_ms = next((part.to_ms for part in parts(facts.acts) if part.act is act), inf)
    heard_ms = facts.record.first("audio-heard", after_ms=after_ms)
    return None if heard_ms is None or heard_ms >= until_ms else round(heard_ms - act.ended_ms, 1)


# ---------------------------------------------------------------- the bridge's own record


def begun(said: Sequence[tuple[float, float, BotSaid]], spans: Sequence[Span]) -> list[BotSaid]:
    """Return what the bot said, each with the time from which the caller heard it.

    A reply is written down when the next one begins, which may be long after its end: so its begin is looked for in
    what was heard, `spans`, from there back for as long as was played.
    """
    return [replace(one, at_ms=_begin_ms(written_ms, played_ms, spans)) for written_ms, played_ms, one in said]


def _begin_ms(written_ms: float, played_ms: float, spans: Sequence[Span]) -> float:
    left_ms, begin_ms = played_ms, written_ms - played_ms
    for span in reversed(spans):
        if span.from_ms >= written_ms + _CLOCKS_MS:
            continue
        begin_ms = span.from_ms
        left_ms -= min(span.to_ms, written_ms) - span.from_ms + _PAUSE_MS
        if left_ms <= 0:
            break
    return begin_ms


@dataclass(slots=True)
class RecordedFacts:
    """What the bridge's record says, in the shape of `CallFacts`."""

    said: list[tuple[float, float, BotSaid]] = field(default_factory=list)
    """With when it was written, and how much was heard, in milliseconds."""
    understood: list[Understood] = field(default_factory=list)
    tools: list[BotDid] = field(default_factory=list)
    actions: list[BotDid] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ended_by: str = ""
    reason: str = ""


def from_entries(entries: Sequence[Mapping[str, object]]) -> RecordedFacts:
    """Return what `entries` of a call say, as `GET /calls/ID` has them (docs/records.md).

    Raises:
        ValueError: they begin in the middle of the call, or are none.
    """
    if entries and entries[0]["kind"] != "started":
        raise ValueError("its begin is no longer held; a bridge that keeps calls (--records) has all of it")
    found, began_ms = RecordedFacts(), 0.0
    for entry in entries:
        kind, text, at_ms = str(entry["kind"]), str(entry["text"]), _wall_ms(str(entry["at"]))
        data = entry.get("data")
        data = data if isinstance(data, Mapping) else {}
        began_ms = at_ms if kind == "started" else began_ms
        at_ms -= began_ms
        match kind:
            case "bot":
                said = BotSaid(0.0, text, str(data.get("unheard", "")))
                found.said.append((at_ms, _number(data.get("played_ms")), said))
            case "caller" if "to" not in data:  # else it is not for the bot
                found.understood.append(Understood(_number(data.get("from_ms")), _number(data.get("to_ms")), text))
            case "tool":
                found.tools.append(
                    BotDid(at_ms, text, arguments_of(data.get("arguments")), str(data.get("result", "")))
                )
            case "action":
                given = _of_repr(str(data.get("action", "")))
                found.actions.append(BotDid(at_ms, text, given, str(data.get("failed", ""))))
            case "fault":
                found.faults.append(text)
            case "ended":
                found.ended_by, found.reason = str(data.get("ended_by", "")), text
    return found


def _wall_ms(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp() * 1000


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def arguments_of(arguments: object) -> dict[str, str]:
    """Return a tool's arguments, a mapping or JSON of one, with texts as values."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return {"": str(arguments)}
    if not isinstance(arguments, Mapping):
        return {}
    return {str(name): as_text(value) for name, value in arguments.items()}


def as_text(value: object) -> str:
    """Return `value` as scenario files write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _of_repr(action: str) -> dict[str, str]:
    """Return the fields of an action from its text: Transfer(target='+4930', consult='')."""
    try:
        call = ast.parse(action, mode="eval").body
        keywords = call.keywords if isinstance(call, ast.Call) else []
        return {keyword.arg: as_text(ast.literal_eval(keyword.value)) for keyword in keywords if keyword.arg}
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return {}  # it was cut, or holds what is no literal
