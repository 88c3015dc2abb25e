"""What answers in a replay: the record, each question at its time; what it does not hold is guessed, and counted."""

import asyncio
import builtins
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Final

from bot.actions import ActionFailed
from bridge.leg import LegLost
from bridge.replay.virtual_time import Schedule
from bridge.replay.wire_record import Question, WireLine, WireRecord
from bridge.speech import api
from telephony.errors import RemoteProtocolError

_SPEECH_ERRORS = (
    api.EngineFailed,
    api.EngineLost,
    api.DeadlineExceeded,
    api.Overloaded,
    api.BadRequest,
    api.UnsupportedLanguage,
    api.ModelMissing,
)
_KNOWN: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (*_SPEECH_ERRORS, ActionFailed, RemoteProtocolError, LegLost)
}


UNCHANGED_S: Final = 0.5
CHANGED_S: Final = 0.05
"""What is asked for within so long of when it was in the record is answered when it was there. Where nothing is
changed, what differs is how late the server's loop was; where something is, an answer may be wanted a little earlier.
"""


class Answers:
    """The record of a call as its replay asks it."""

    def __init__(self, record: WireRecord, schedule: Schedule, *, same_s: float = CHANGED_S) -> None:
        """`same_s`: UNCHANGED_S or CHANGED_S."""
        self.record, self.schedule, self.same_s = record, schedule, same_s
        self.media_ms: Callable[[], int] = lambda: 0
        """Tells how much audio the call has been given; set by whoever makes the call."""
        self.guessed: Counter[str] = Counter()
        """How often the record did not hold what was asked for, by what: decode, speak ..."""
        self._first: Counter[str] = Counter()  # of the questions, by what: the first that may not be used
        for question in chain.from_iterable(record.questions.values()):
            question.used = False

    @property
    def now_s(self) -> float:
        """The time in the replay."""
        return asyncio.get_running_loop().time()

    async def at(self, line: WireLine) -> None:
        """Wait until `line` happens; raise what it says, where it is an error.

        What was asked for, and is asked for at another time now, takes as long as it took. The rest has its time.
        """
        if line.at_once and line.asked_s <= self.now_s + self.same_s:
            self.schedule.passed(line.number)
        else:
            asked_then = "asked" not in line.body or abs(self.now_s - line.asked_s) <= self.same_s
            due_s = line.t_s if asked_then else self.now_s + line.t_s - line.asked_s
            await self.schedule.until(due_s, line.number)
        if "error" in line.body:
            raise error_of(line)

    async def given_up(self, question: Question) -> None:
        """Wait for as long as the record's call did for an answer that it did not wait for to the end."""
        until_s = question.dropped.t_s if question.dropped else self.record.ends_s
        await self.schedule.until(until_s + self.same_s, 0)

    async def later(self, seconds: float) -> None:
        """Wait for an answer that the record does not hold."""
        await self.schedule.until(self.now_s + seconds, 0)

    def question(self, what: str, same: Callable[[Question], bool], *, again: bool = False) -> Question | None:
        """Return the first question of the record, not answered yet, that is the `same`, and take it.

        `again`: where there is none any more, one that was answered already.
        """
        asked, first = self.record.questions[what], self._first[what]
        while first < len(asked) and asked[first].used:
            first += 1
        self._first[what] = first
        unused = (question for question in islice(asked, first, None) if not question.used and same(question))
        found = next(unused, None)
        if found is None and again:
            answered = (question for question in asked if question.end and question.end.kind == "done")
            found = next(filter(same, answered), None)
        if found:
            found.used = True
        return found


class Readings:
    """What the call read of something that others change: it has the value that it had in the record by then."""

    def __init__(self, answers: Answers, what: str, first: object) -> None:
        self._schedule = answers.schedule
        self._lines: Sequence[WireLine] = [line for line in answers.record.read if line.body.get("what") == what]
        self._next, self._value = 0, first

    @property
    def now(self) -> object:
        while self._next < len(self._lines) and self._lines[self._next].after <= self._schedule.reached:
            self._value = self._lines[self._next].body.get("value")
            self._next += 1
        return self._value


def error_of(line: WireLine) -> Exception:
    """Return the error that a line tells of."""
    name, text = line.text("error"), line.text("text")
    kind = _KNOWN.get(name) or getattr(builtins, name, RuntimeError)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return RuntimeError(f"{name}: {text}")
    try:
        return kind(text)
    except TypeError:  # one that wants more than a text
        return RuntimeError(f"{name}: {text}")
