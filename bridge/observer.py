"""What is noted of one call besides its numbers, and what is recorded. The call tells it and waits for nothing."""

from bot.actions import Action
from bot.api import CallNote, Final


class CallObserver:
    """Notes nothing: the base of what does. No method may block or raise; all run on the event loop."""

    def speech_ended(self, *, ago_ms: int) -> None:
        """The caller's turn is judged to be over; their speech ended `ago_ms` ago."""

    def nothing_said(self) -> None:
        """What ended was a noise, or no question: nothing answers it."""

    def said(self, final: Final) -> None:
        """The caller said something, settled; the text may be empty."""

    def pressed(self, keys: str) -> None:
        """The caller pressed `keys`, which are no secret."""

    def barged_in(self) -> None:
        """The caller spoke over the bot, which stopped."""

    def text_came(self) -> None:
        """The first words, or the first action, of a reply are there."""

    def made(self) -> None:
        """Audio of a sentence begins to be made."""

    def sent(self) -> None:
        """Audio of the bot has left."""

    def heard(self, *, ago_ms: int) -> None:
        """The caller began to hear a sentence `ago_ms` ago: the far side returned its mark."""

    def spoke(self, text: str, *, unheard: str, played_ms: int) -> None:
        """A reply is over: `text` was heard of it, `unheard` was made and was not."""

    def acted(self, action: Action, failure: str = "") -> None:
        """The bot did `action`; `failure` says why it did not happen, where it did not."""

    def noted(self, note: CallNote) -> None:
        """The bot wants something kept."""

    def fault(self, what: str) -> None:
        """Something went wrong that the caller may have noticed."""


class RecordingSwitch:
    """What a call says to its recording; this one is none. No method may block or raise."""

    announcement = ""
    """What the caller has to hear before anything is recorded."""

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

    def show(self) -> None:
        """The secret is complete, or nobody asks for it any more."""
