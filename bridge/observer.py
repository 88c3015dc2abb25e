"""What is noted of one call besides its numbers, and what is recorded. The call tells it and waits for nothing."""

from collections.abc import Mapping
from enum import StrEnum

from bot.actions import Action
from bot.api import CallNote, Final


class TransferSide(StrEnum):
    """Who speaks while a caller is put through."""

    CALLER = "caller"
    TARGET = "target"
    """The one to whom they are put through."""


class CallObserver:
    """Notes nothing: the base of what does. No method may block or raise; all run on the event loop."""

    record = ""
    """Names the record of the call, where one is kept."""

    def started(self, facts: Mapping[str, object]) -> None:
        """The call begins. `facts`: who calls whom, over what, and what answers (docs/records.md)."""

    def stopped(self) -> None:
        """We end the call, the bot or the bridge; `ended` follows."""

    def ended(self, reason: str, *, fault: str) -> None:
        """The call is over, if it began. `fault`: "ours", "remote" or ""."""

    def speech_ended(self, *, ago_ms: int) -> None:
        """The caller's turn is judged to be over; their speech ended `ago_ms` ago."""

    def nothing_said(self) -> None:
        """What ended was a noise, or no question: nothing answers it."""

    def said(self, final: Final) -> None:
        """The caller said something, settled; the text may be empty."""

    def overheard(self, side: TransferSide, final: Final) -> None:
        """The caller, who is being put through, or the one to whom, said something that is not for the bot."""

    def pressed(self, keys: str) -> None:
        """The caller pressed `keys`, which are no secret."""

    def barged_in(self) -> None:
        """The caller spoke over the bot, which stopped."""

    def asked(self) -> None:
        """A reply begins: the bot, or a prompt, is asked for it. It may be thrown away."""

    def text_came(self) -> None:
        """The first words, or the first action, of a reply are there."""

    def made(self) -> None:
        """Audio of a sentence begins to be made."""

    def sent(self) -> None:
        """Audio of the bot has left."""

    def heard(self, *, ago_ms: int) -> None:
        """The caller began to hear a sentence `ago_ms` ago: the far side returned its mark."""

    def mark_returned(self, *, late_ms: int) -> None:
        """A mark came back `late_ms` after its audio should have ended by our clock; below 0 it was early."""

    def ran_dry(self, *, gap_ms: int) -> None:
        """In the middle of a sentence the far side had nothing to play for `gap_ms`, by our clock."""

    def spoke(self, text: str, *, unheard: str, played_ms: int) -> None:
        """A reply is over: `text` was heard of it, `unheard` was made and was not."""

    def acted(self, action: Action, failure: str = "") -> None:
        """The bot did `action`; `failure` says why it did not happen, where it did not."""

    def noted(self, note: CallNote) -> None:
        """The bot wants something kept."""

    def fault(self, what: str) -> None:
        """Something went wrong that the caller may have noticed."""


class Observers(CallObserver):
    """Tells several, in their order."""

    def __init__(self, *observers: CallObserver) -> None:
        self._observers = observers
        self.record = next((observer.record for observer in observers if observer.record), "")

    def started(self, facts: Mapping[str, object]) -> None:
        for observer in self._observers:
            observer.started(facts)

    def stopped(self) -> None:
        for observer in self._observers:
            observer.stopped()

    def ended(self, reason: str, *, fault: str) -> None:
        for observer in self._observers:
            observer.ended(reason, fault=fault)

    def speech_ended(self, *, ago_ms: int) -> None:
        for observer in self._observers:
            observer.speech_ended(ago_ms=ago_ms)

    def nothing_said(self) -> None:
        for observer in self._observers:
            observer.nothing_said()

    def said(self, final: Final) -> None:
        for observer in self._observers:
            observer.said(final)

    def overheard(self, side: TransferSide, final: Final) -> None:
        for observer in self._observers:
            observer.overheard(side, final)

    def pressed(self, keys: str) -> None:
        for observer in self._observers:
            observer.pressed(keys)

    def barged_in(self) -> None:
        for observer in self._observers:
            observer.barged_in()

    def asked(self) -> None:
        for observer in self._observers:
            observer.asked()

    def text_came(self) -> None:
        for observer in self._observers:
            observer.text_came()

    def made(self) -> None:
        for observer in self._observers:
            observer.made()

    def sent(self) -> None:
        for observer in self._observers:
            observer.sent()

    def heard(self, *, ago_ms: int) -> None:
        for observer in self._observers:
            observer.heard(ago_ms=ago_ms)

    def mark_returned(self, *, late_ms: int) -> None:
        for observer in self._observers:
            observer.mark_returned(late_ms=late_ms)

    def ran_dry(self, *, gap_ms: int) -> None:
        for observer in self._observers:
            observer.ran_dry(gap_ms=gap_ms)

    def spoke(self, text: str, *, unheard: str, played_ms: int) -> None:
        for observer in self._observers:
            observer.spoke(text, unheard=unheard, played_ms=played_ms)

    def acted(self, action: Action, failure: str = "") -> None:
        for observer in self._observers:
            observer.acted(action, failure)

    def noted(self, note: CallNote) -> None:
        for observer in self._observers:
            observer.noted(note)

    def fault(self, what: str) -> None:
        for observer in self._observers:
            observer.fault(what)


class RecordingSwitch:
    """What a call says to its recording; this one is none. No method may block or raise."""

    secret = False
    """True while the caller is asked for what is nobody's but the bot's: who listens in hears nothing of them."""

    announcement = ""
    """What the caller has to hear before anything is recorded."""

    @property
    def records_others(self) -> bool:
        """Whether somebody else on the call may be recorded, once they have heard `announcement`."""
        return False

    @property
    def announcing(self) -> bool:
        """True until they have, while they may."""
        return False

    def announced(self) -> None:
        """The caller has heard the announcement."""

    def unannounced(self) -> None:
        """The announcement cannot be heard: nothing is recorded."""

    def press(self, key: str) -> bool:
        """The caller pressed `key`; return whether it is the one by which they agree, and is meant for nothing else."""
        return False

    def pause(self) -> None:
        """Record silence from now on, by the bot's wish."""

    def resume(self) -> None:
        """Go on after `pause`."""

    def hide(self) -> None:
        """Record silence from now on: the caller presses a secret."""
        self.secret = True

    def show(self) -> None:
        """The secret is complete, or nobody asks for it any more."""
        self.secret = False
