"""Replays in words: what is otherwise, call by call, and a table over many."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from statistics import median
from typing import Final

from bridge.replay.comparison import Difference, Event, cut_and_merged, words_changed
from bridge.replay.judging import Comparison, Outcome

_STAMPS: Final = frozenset({"t", "is", "what", "media_ms"})
_COLUMNS: Final = ("call", "outcome", "turns", "cut", "merged", "barge-ins", "words", "answered after, ms", "guessed")


def told(verdict: Comparison) -> Iterator[str]:
    """Yield what came of one call, line by line."""
    speed = verdict.call_s / verdict.took_s if verdict.took_s else 0
    name = f"{verdict.path.name} ({verdict.call_id})" if verdict.call_id else verdict.path.name
    yield f"{name}: {verdict.call_s:.1f} s of a call in {verdict.took_s:.2f} s, {speed:.0f} times as fast"
    for remark in verdict.remarks:
        yield f"  note: {remark}"
    if not verdict.differences:
        yield f"  no difference in {len(verdict.events)} events"
        return
    yield f"  {len(verdict.differences)} differences; - as it was, + as it is"
    for difference in verdict.differences:
        yield from _lines(difference)


def table(verdicts: Sequence[Comparison]) -> Iterator[str]:
    """Yield what changed over many calls, a line each, and all together."""
    rows = [_COLUMNS, *map(_row, verdicts), _sum(verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def summary(verdicts: Sequence[Comparison]) -> str:
    """Return how many calls did what they did."""
    counts = {outcome: sum(verdict.outcome is outcome for verdict in verdicts) for outcome in Outcome}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def listed(events: Sequence[Event]) -> Iterator[str]:
    """Yield the events of a call, a line each."""
    for event in events:
        yield f"  {_at(event)}  {event.get('what')!s:<12} {_said(event, event)}".rstrip()


def _lines(difference: Difference) -> Iterator[str]:
    before, after = difference.before, difference.after
    for sign, event, other in (("-", before, after), ("+", after, before)):
        if event is not None:
            yield f"  {sign} {_at(event)}  {difference.what:<12} {_said(event, other or event)}".rstrip()


def _at(event: Event) -> str:
    at_ms = event.get("media_ms")
    return f"{at_ms / 1000:8.2f} s" if isinstance(at_ms, int) else " " * 10


def _said(event: Event, other: Event) -> str:
    """Return what `event` says that `other` does not; all of it where they are the same."""
    differing = {name: value for name, value in event.items() if name not in _STAMPS and other.get(name) != value}
    shown: Mapping[str, object] = {**({"text": event["text"]} if event.get("text") else {}), **differing}
    if event is other:
        shown = {name: value for name, value in event.items() if name not in _STAMPS}
    return ", ".join(f"{name} {value!r}" for name, value in shown.items())


def _row(verdict: Comparison) -> tuple[str, ...]:
    before, after = verdict.before, verdict.after
    cut, merged = cut_and_merged(before, after)
    return (
        verdict.path.name.partition(".")[0][:12],
        verdict.outcome.value,
        _change(before.turns, after.turns),
        str(cut or "-"),
        str(merged or "-"),
        _change(before.barge_ins, after.barge_ins),
        str(words_changed(before, after) or "-"),
        _change(before.wait_ms, after.wait_ms),
        str(sum(verdict.guessed.values()) or "-"),
    )


def _sum(verdicts: Sequence[Comparison]) -> tuple[str, ...]:
    parts = [cut_and_merged(each.before, each.after) for each in verdicts]
    waits_before = list(chain.from_iterable(each.before.waits_ms for each in verdicts))
    waits_after = list(chain.from_iterable(each.after.waits_ms for each in verdicts))
    return (
        f"{len(verdicts)} calls",
        "",
        _change(sum(each.before.turns for each in verdicts), sum(each.after.turns for each in verdicts)),
        str(sum(cut for cut, _ in parts) or "-"),
        str(sum(merged for _, merged in parts) or "-"),
        _change(sum(each.before.barge_ins for each in verdicts), sum(each.after.barge_ins for each in verdicts)),
        str(sum(words_changed(each.before, each.after) for each in verdicts) or "-"),
        _change(_median(waits_before), _median(waits_after)),
        str(sum(sum(each.guessed.values()) for each in verdicts) or "-"),
    )


def _change(before: int | None, after: int | None) -> str:
    then, now = ("-" if value is None else str(value) for value in (before, after))
    return then if then == now else f"{then} -> {now}"


def _median(values: Sequence[int]) -> int | None:
    return round(median(values)) if values else None
