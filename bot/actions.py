"""What a reply may hold besides text: things to do, each at its place between the words.

    yield "One moment, I will put you through."
    yield Transfer("+4930123456")

An action is carried out when the caller has heard all that was said before it; an interruption before that drops it.
"""

import re
from dataclasses import dataclass
from typing import Final

_KEYS: Final = re.compile(r"[0-9*#A-Da-dwW]+")


class ActionFailed(RuntimeError):
    """An action did not happen; the text says why. Raised in a reply at the `yield` of the action.

    try:
        yield Transfer("+4930123456")
    except ActionFailed:
        yield "Nobody is free right now. Shall we call you back?"

    A reply that does not catch it is over, and the caller hears the fallback sentence.
    """


@dataclass(frozen=True, slots=True)
class PlayFile:
    """Play a recording: a WAV file of 16-bit samples, any rate; several channels are mixed."""

    path: str
    interruptible: bool = True
    keys_interrupt: bool = False
    """A key ends it."""


@dataclass(frozen=True, slots=True)
class SendDtmf:
    """Send keys to the caller's side: by the wire where it can, else as tones in the audio."""

    digits: str
    """0-9 * # A-D; w is half a second of silence."""

    def __post_init__(self) -> None:
        if not _KEYS.fullmatch(self.digits):
            raise ValueError(f"digits is {self.digits!r}, must be one or more of 0-9 * # A-D w")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the caller over to somebody else; it ends this call for the bot."""

    target: str
    """A number in E.164 ("+4930123456"), a SIP address, or what the PBX dials."""

    def __post_init__(self) -> None:
        if not self.target or any(character in self.target for character in "\r\n"):
            raise ValueError(f"target is {self.target!r}, must be a number or an address on one line")


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call, once the caller has heard what was said."""

    reason: str = "the bot hung up"


@dataclass(frozen=True, slots=True)
class SetLanguage:
    """From here on speak, and expect to hear, this language; "" leaves what is heard to the recogniser."""

    language: str | None
    """English name, e.g. "German"; None leaves what is expected as it is."""
    spoken: str | None = None
    """What is spoken, where it differs; "" is what the call began with."""


@dataclass(frozen=True, slots=True)
class SetContext:
    """From here on tell the recogniser what the call is about: names and words that the caller may say."""

    context: str
    """Instead of what the server's `--context` says, which "" goes back to. A few hundred characters are of use."""


@dataclass(frozen=True, slots=True)
class SetVoice:
    """From here on speak with another voice of those the server has loaded."""

    voice: str


@dataclass(frozen=True, slots=True)
class Collect:
    """Gather keys instead of handing each to `on_dtmf`; when they are complete, `reply` is asked with them as its text.

    `Turn.keys` holds them, too; it is "" where the time ran out without one. Words of the caller end it.
    """

    digits: int = 0
    """So many make it complete; 0: only the terminator or the time does."""
    terminator: str = "#"
    """The key that completes it, itself not kept; "" is none."""
    timeout_s: float = 5.0
    """So long after the newest key, or after what was said was heard, it is complete as it is."""

    def __post_init__(self) -> None:
        if self.digits < 0:
            raise ValueError(f"digits is {self.digits}, must be 0 or more")
        if len(self.terminator) > 1 or not (self.terminator or self.digits):
            raise ValueError(f"terminator is {self.terminator!r}, must be one key, or none where digits is given")
        if not 0.1 <= self.timeout_s <= 300:
            raise ValueError(f"timeout_s is {self.timeout_s}, must be from 0.1 to 300")


Action = PlayFile | SendDtmf | Transfer | Hangup | SetLanguage | SetContext | SetVoice | Collect
