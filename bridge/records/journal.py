"""One call, as it goes: what is told here is stamped, numbered, and handed on to be kept. It never waits.

session, conversation, speech output -> Journal -Entry-> Keeper -> spool on disk -> database
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

from bot.actions import Action, Hangup, Transfer
from bot.api import CallNote, Final
from bridge.observer import CallObserver, TransferSide
from bridge.records.answer_times import AnswerTimes
from bridge.records.engine_use import EngineUse
from bridge.records.entries import LONGEST_TEXT, Entry, EntryKind, storable
from bridge.records.redacting.call_redaction import CallRedaction, Words
from bridge.redaction.redactor import Redactor

_NOTED = {"tool": EntryKind.TOOL, "model": EntryKind.MODEL}
"""What bots note by these names has a kind of its own."""


class Journal(CallObserver):
    """The record of one call while it is made."""

    def __init__(
        self,
        keep: Callable[[Entry], None],
        *,
        on_answer: Callable[[Mapping[str, int]], None] = lambda times: None,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        new_name: Callable[[], str] = lambda: uuid4().hex,
        redactor: Redactor | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        """`keep` gets each entry, `on_answer` the parts of each answer (`AnswerTimes.take`). `wall`: seconds since
        1970. `clock`: seconds of any that never goes back. `redactor`: takes out of each entry what is not to be kept.
        `prices`: of what the engines do, by the names of `engine_use.UNITS`.
        """
        self.record = new_name()
        self.facts: Mapping[str, object] = {}
        """What the record began with."""
        self._keep, self._on_answer, self._wall, self._clock = keep, on_answer, wall, clock
        self._redaction, self._prices = CallRedaction(redactor or Redactor()), prices or {}
        self._silence: Callable[[int, int], None] = lambda from_ms, to_ms: None
        self._number = 0
        self._began_s = clock()
        self._times, self._usage = AnswerTimes(clock), EngineUse()
        self._first_audio_ms: list[int] = []
        self._turns = self._replies = self._barge_ins = self._faults = 0
        self._language = ""
        self._ended_by_bot = self._ended_by_operator = False
        self._stopped = False

    # ------------------------------------------------------------ the call

    def started(self, facts: Mapping[str, object]) -> None:
        self._began_s = self._clock()
        self.facts = facts
        self._add(EntryKind.STARTED, data=facts)

    def stopped(self) -> None:
        self._stopped = True

    def fault(self, what: str) -> None:
        self._faults += 1
        self._add(EntryKind.FAULT, what)

    def listened(self, what: str, *, peer: str, by: str) -> None:
        """An operator at `peer` "began" to listen in to the call, or "ended" it. `by`: the name of their token."""
        self._add(EntryKind.LISTENER, what, {"peer": peer, "by": by})

    def ended(self, reason: str, *, fault: str) -> None:
        if not self._number:
            return
        self._answered()
        waits = sorted(self._first_audio_ms)
        data: dict[str, object] = {
            "fault": fault,
            "ended_by": self._ended_by(fault),
            "duration_ms": round((self._clock() - self._began_s) * 1000),
            "language": self._language,
            "turns": self._turns,
            "replies": self._replies,
            "barge_ins": self._barge_ins,
            "faults": self._faults,
            "first_audio_ms": waits[len(waits) // 2] if waits else None,
            **self._usage.told(self._prices),
        }
        self._add(EntryKind.ENDED, reason, data)

    @contextmanager
    def heard_by(self, silence: Callable[[int, int], None]) -> Iterator[None]:
        """Inside the `with`, have `silence` told from which media time to which the caller said what is not kept."""
        self._silence = silence
        try:
            yield
        finally:
            self._silence = lambda from_ms, to_ms: None

    def recorded(self, what: Mapping[str, object]) -> None:
        """The recording is complete, or there is none: where it is, or why (docs/records.md)."""
        self._add(EntryKind.RECORDING, data=what)

    # ------------------------------------------------------------ the caller

    def speech_ended(self, *, ago_ms: int) -> None:
        self._answered()
        self._times.speech_ended(ago_ms=ago_ms)

    def nothing_said(self) -> None:
        self._times.forget()

    def said(self, final: Final) -> None:
        self._times.stamp("final")
        if final.text:
            self._turns += 1
            self._language = final.language or self._language
            self._add(EntryKind.CALLER, final.text, self._heard(final), words=final.words)

    def overheard(self, side: TransferSide, final: Final) -> None:
        if not final.text:
            return
        heard = self._heard(final)
        if side is TransferSide.CALLER:
            self._turns += 1
            self._add(EntryKind.CALLER, final.text, {**heard, "to": TransferSide.TARGET.value}, words=final.words)
        else:
            self._add(EntryKind.TARGET, final.text, heard)

    def pressed(self, keys: str) -> None:
        self._add(EntryKind.KEYS, keys)

    def barged_in(self) -> None:
        self._barge_ins += 1

    # ------------------------------------------------------------ the bot

    def asked(self) -> None:
        self._times.asked()

    def text_came(self) -> None:
        self._times.stamp("text")

    def made(self) -> None:
        self._times.stamp("made")

    def sent(self) -> None:
        self._times.stamp("sent")

    def heard(self, *, ago_ms: int) -> None:
        self._times.heard(ago_ms=ago_ms)

    def spoke(self, text: str, *, unheard: str, played_ms: int) -> None:
        if text or unheard:
            self._replies += 1
            self._usage.spoken_chars += len(text) + len(unheard)
            cut = {"unheard": unheard[:LONGEST_TEXT]} if unheard else {}
            self._add(EntryKind.BOT, text, {"played_ms": played_ms, **cut})

    def acted(self, action: Action, failure: str = "") -> None:
        if isinstance(action, Hangup | Transfer):
            self._ended_by_bot = not failure
        failed = {"failed": failure} if failure else {}
        self._add(EntryKind.ACTION, type(action).__name__, {"action": str(action)[:LONGEST_TEXT], **failed})

    def operated(self, what: str, *, by: str, text: str = "") -> None:
        """Somebody with a token had something said or done. `what`: say, transfer or hangup; `by`: the token's name."""
        self._ended_by_operator = self._ended_by_operator or what != "say"
        self._add(EntryKind.OPERATOR, text, {"what": what, "by": by})

    def noted(self, note: CallNote) -> None:
        kind = _NOTED.get(note.name, EntryKind.NOTE)
        if kind is EntryKind.MODEL:
            self._usage.ask(note.data)
        self._add(kind, note.text, {"name": note.name, **note.data} if kind is EntryKind.NOTE else note.data)

    # ------------------------------------------------------------ inside

    def _heard(self, final: Final) -> dict[str, object]:
        """Count what was recognised; return what is kept of it besides the words."""
        self._usage.heard_ms += max(0, final.ended_ms - final.began_ms)
        return {"from_ms": final.began_ms, "to_ms": final.ended_ms, "language": final.language}

    def _answered(self) -> None:
        """Keep how long the caller waited for the newest answer, where there was one."""
        if times := self._times.take():
            self._first_audio_ms.append(times.get("heard_ms", times["sent_ms"]))
            self._add(EntryKind.LATENCY, data=times)
            self._on_answer(times)

    def _ended_by(self, fault: str) -> str:
        if self._ended_by_bot:
            return "operator" if self._ended_by_operator else "bot"
        return "bridge" if self._stopped or fault == "ours" else "caller"

    def _add(
        self, kind: EntryKind, text: str = "", data: Mapping[str, object] | None = None, words: Words = ()
    ) -> None:
        told = {str(key): storable(value) for key, value in (data or {}).items()}
        taken = self._redaction.take(self._entry(kind, str(storable(text[:LONGEST_TEXT])), told), words)
        self._keep(taken.entry)
        for entry in taken.amended:
            self._keep(self._entry(EntryKind.REDACTED, entry.text, {**entry.data, "of": entry.number}))
        for from_ms, to_ms in taken.silent_ms:
            self._silence(from_ms, to_ms)

    def _entry(self, kind: EntryKind, text: str, data: Mapping[str, object]) -> Entry:
        self._number += 1
        return Entry(self.record, self._number, round(self._wall(), 3), kind, text, data)
