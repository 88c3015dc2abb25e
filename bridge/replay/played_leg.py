"""The caller's side of a replay: it says what the caller said, when they did."""

from collections.abc import AsyncIterator

from bridge.capture.captured_leg import summary
from bridge.capture.notation import NotWritten, event_of
from bridge.leg import HangupCause
from bridge.replay.answers import Answers
from bridge.replay.wire_record import WireLine
from telephony.events import (
    AudioFormat,
    CallEnded,
    Capabilities,
    Clear,
    Command,
    Event,
    Mark,
    Play,
    Played,
    SendInfo,
    WarmTransfer,
)

_AFTER_S = 5.0
"""A call that goes on beyond its record is given so long to come to an end."""


class PlayedLeg:
    """The leg of a call that was kept."""

    def __init__(self, answers: Answers, capabilities: Capabilities, audio: AudioFormat) -> None:
        self.capabilities = capabilities
        self._answers, self._audio = answers, audio
        self._far = _ReturningMarks(answers.record.sent, answers.same_s)
        self._sent = 0

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Leg."""
        record, schedule = self._answers.record, self._answers.schedule
        for line in record.heard:
            await self._answers.at(line)
            for mark in self._far.reached(self._answers.now_s):
                yield Played(mark)
            try:
                event = event_of(line.body)
            except NotWritten as error:
                raise record.fault(line, error) from error
            if not isinstance(event, Played) or self._far.expects(event.mark):
                yield event
        await schedule.until(record.ends_s + _AFTER_S, 0)
        yield CallEnded("the record ends here")

    async def send(self, command: Command, /) -> None:
        """See Leg."""
        if isinstance(command, SendInfo | WarmTransfer):
            await self._ask(command)
            return
        number, self._sent = self._sent, self._sent + 1
        self._far.take(command, self._audio, self._answers.now_s)
        sent = self._answers.record.sent
        if number in self._answers.record.left and number < len(sent) and _same(sent[number], command):
            await self._answers.at(self._answers.record.left[number])

    async def _ask(self, command: Command) -> None:
        asked = summary(command, self._audio)
        found = self._answers.question("send", lambda each: each.line.body.get("command") == asked["command"])
        if found and found.end:
            await self._answers.at(found.end)
        elif not found:
            self._answers.guessed["send"] += 1
        else:
            await self._answers.schedule.until(self._answers.record.ends_s + _AFTER_S, 0)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Nothing is left open."""


def _same(line: WireLine, command: Command) -> bool:
    return line.body.get("command") == type(command).__name__


class _ReturningMarks:
    """Which marks come back when: those that were sent when they were, as in the record; others once all is played."""

    def __init__(self, sent: list[WireLine], same_s: float) -> None:
        self._same_s = same_s
        self._then = {line.text("name"): line.t_s for line in sent if line.body.get("command") == "Mark"}
        self._as_recorded = set[str]()
        self._dry_s = 0.0
        self._due: list[tuple[float, str]] = []

    def take(self, command: Command, audio: AudioFormat, now_s: float) -> None:
        """`command` has left."""
        match command:
            case Play(payload):
                self._dry_s = max(self._dry_s, now_s) + audio.duration_ms(payload) / 1000
            case Clear():
                self._dry_s = min(self._dry_s, now_s)
                self._due = [(now_s, name) for _, name in self._due]
            case Mark(name):
                if abs(self._then.get(name, -1.0) - now_s) <= self._same_s:
                    self._as_recorded.add(name)
                else:
                    self._due.append((max(self._dry_s, now_s), name))

    def expects(self, mark: str) -> bool:
        """Return whether `mark`, which comes back in the record, comes back here."""
        return mark in self._as_recorded

    def reached(self, now_s: float) -> list[str]:
        """Return the marks that come back now."""
        back = [name for due_s, name in self._due if due_s <= now_s]
        self._due = [(due_s, name) for due_s, name in self._due if due_s > now_s]
        return back
