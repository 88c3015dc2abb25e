"""What a replay did otherwise than its record. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import median
from typing import Final

Event = Mapping[str, object]

_TIMES: Final = ("media_ms", "silence_ms", "wait_ms", "played_ms", "from_ms", "to_ms")
_NEAR_MS: Final = 3000
_ALONE: Final = 1.0
"""Cost of an event that has no counterpart; one that has costs 1 for each `_NEAR_MS` between them."""
_STAMPS: Final = frozenset({"t", "is", *_TIMES})


@dataclass(frozen=True, slots=True)
class Difference:
    """One event that is otherwise."""

    at_ms: int
    """Media time, in the replay where it is there."""
    before: Event | None
    """As it was; None where there was none."""
    after: Event | None
    """As it is; None where there is none."""

    @property
    def what(self) -> str:
        """What kind of event it is."""
        return str((self.after or self.before or {}).get("what"))


@dataclass(frozen=True, slots=True)
class Figures:
    """A call in numbers."""

    turns: int
    barge_ins: int
    replies: int
    waits_ms: Sequence[int]
    """From the end of the caller's speech to the first audio that answers."""
    words: Sequence[str]
    """Of all finals."""
    spans: Sequence[tuple[int, int]]
    """Of all finals, in media time."""

    @property
    def wait_ms(self) -> int | None:
        """The median of the waits."""
        return round(median(self.waits_ms)) if self.waits_ms else None


def differences(before: Sequence[Event], after: Sequence[Event], *, tolerance_ms: int) -> Sequence[Difference]:
    """Return what is otherwise, in the order of the call. Times that differ by `tolerance_ms` at most are equal."""
    found: list[Difference] = []
    for what in dict.fromkeys(str(event.get("what")) for event in (*before, *after)):
        old, new = ([event for event in events if event.get("what") == what] for events in (before, after))
        for then, now in _aligned(old, new):
            if then is None or now is None or not _equal(then, now, tolerance_ms):
                found.append(Difference(_ms(now or then or {}, "media_ms"), then, now))
    return sorted(found, key=lambda difference: difference.at_ms)


def _aligned(before: Sequence[Event], after: Sequence[Event]) -> Iterator[tuple[Event | None, Event | None]]:
    """Yield what belongs together of events of one kind, in their order: what says the same, or is near in time."""
    rows, columns = len(before) + 1, len(after) + 1
    cost = [[_ALONE * (rows - i + columns - j - 2) for j in range(columns)] for i in range(rows)]
    for i in range(len(before) - 1, -1, -1):
        for j in range(len(after) - 1, -1, -1):
            pair = cost[i + 1][j + 1] + _apart(before[i], after[j])
            cost[i][j] = min(pair, _ALONE + cost[i + 1][j], _ALONE + cost[i][j + 1])
    i = j = 0
    while i < len(before) or j < len(after):
        if i < len(before) and cost[i][j] == _ALONE + cost[i + 1][j]:
            yield before[i], None
            i += 1
        elif j < len(after) and cost[i][j] == _ALONE + cost[i][j + 1]:
            yield None, after[j]
            j += 1
        else:
            yield before[i], after[j]
            i, j = i + 1, j + 1


def _apart(before: Event, after: Event) -> float:
    """Return how little two events of a kind have to do with each other: two that stand alone cost 2."""
    far = abs(_ms(before, "media_ms") - _ms(after, "media_ms")) / _NEAR_MS
    return far if _essence(before) == _essence(after) else 0.5 + far


def figures(events: Sequence[Event]) -> Figures:
    """Return `events` in numbers."""
    finals = [event for event in events if event.get("what") == "final" and event.get("text")]
    waits = [event.get("wait_ms") for event in events if event.get("what") == "answered"]
    return Figures(
        turns=_count(events, "turn closed"),
        barge_ins=_count(events, "barge-in"),
        replies=_count(events, "reply asked"),
        waits_ms=[wait for wait in waits if isinstance(wait, int)],
        words=[word for event in finals for word in str(event["text"]).casefold().split()],
        spans=[(_ms(event, "from_ms"), _ms(event, "to_ms")) for event in finals],
    )


def cut_and_merged(before: Figures, after: Figures) -> tuple[int, int]:
    """Return how many more pieces what was one utterance is in, and how many utterances became part of another."""
    cut = sum(max(0, _within(span, after.spans) - 1) for span in before.spans)
    merged = sum(max(0, _within(span, before.spans) - 1) for span in after.spans)
    return cut, merged


def words_changed(before: Figures, after: Figures) -> int:
    """Return how many words of the finals are others, missing or new."""
    matcher = SequenceMatcher(None, list(before.words), list(after.words), False)
    return sum(max(i_end - i, j_end - j) for kind, i, i_end, j, j_end in matcher.get_opcodes() if kind != "equal")


def _essence(event: Event) -> tuple[tuple[str, str], ...]:
    """Return what an event says, but for its times."""
    return tuple((name, str(value)) for name, value in sorted(event.items()) if name not in _STAMPS)


def _equal(before: Event, after: Event, tolerance_ms: int) -> bool:
    same_time = all(abs(_ms(before, name) - _ms(after, name)) <= tolerance_ms for name in _TIMES)
    return same_time and _essence(before) == _essence(after)


def _within(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> int:
    """Return of how many of `others` at least half lies in `span`."""

    def shared(other: tuple[int, int]) -> int:
        return min(span[1], other[1]) - max(span[0], other[0])

    return sum(2 * shared(other) >= max(1, other[1] - other[0]) for other in others)


def _count(events: Sequence[Event], what: str) -> int:
    return sum(event.get("what") == what for event in events)


def _ms(event: Event, name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0
