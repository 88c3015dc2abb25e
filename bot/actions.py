"""What a reply may hold besides text: things to do, each at its place between the words.

    yield "One moment, I will put you through."
    yield Transfer("+4930123456")

An action is carried out when the caller has heard all that was said before it; an interruption before that drops it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bot.api import Bot

_KEYS: Final = re.compile(r"[0-9*#A-Da-dwW]+")

_KEY: Final = re.compile(r"[0-9*#A-D]?")

_LONGEST_INFO: Final = 8000
"""Bytes; one message over UDP holds little more."""
_LONGEST_HEADER: Final = 1000
_TOKEN: Final = r"[A-Za-z0-9.!%*_+`'~-]+"  # RFC 3261, section 25.1
_HEADER: Final = re.compile(_TOKEN)
_MEDIA_TYPE: Final = re.compile(rf"{_TOKEN}/{_TOKEN}(?:;\s?{_TOKEN}=(?:{_TOKEN}|\"[^\"\\\r\n]*\"))*")
_CALLS_OWN: Final = frozenset(
    "authorization call-id contact content-encoding content-length content-type cseq from max-forwards "
    "proxy-authorization proxy-require record-route require route supported to via c e f i k l m t v".split()
)
"""Headers by which a message belongs to its call; a second one would make another message of it."""


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
    """Hand the caller over to somebody else; it ends this call for the bot.

    With `consult` that one is asked first, and the caller waits with music: a warm transfer. Who is not there, is busy
    or does not want to is an `ActionFailed`, and the caller is the bot's again.

    yield Transfer("+4930123456", consult="A caller about an invoice. Press 1 to take the call.", accept="1")
    """

    target: str
    """A number in E.164 ("+4930123456"), a SIP address, or what the PBX dials."""
    consult: str = ""
    """What the one called hears before they are connected; "" puts the caller through unasked."""
    accept: str = ""
    """The key by which they take the call; "" asks for none: who has heard `consult` to its end has the caller."""
    hold: str = ""
    """What the caller hears meanwhile: a WAV file (its name ends in .wav), or a text, again and again; "" is music."""
    returns: bool = False
    """When the one called hangs up the caller comes back, and the reply goes on. False: that ends the call."""

    def __post_init__(self) -> None:
        if not self.target or any(character in self.target for character in "\r\n"):
            raise ValueError(f"target is {self.target!r}, must be a number or an address on one line")
        if not _KEY.fullmatch(self.accept):
            raise ValueError(f"accept is {self.accept!r}, must be one key of 0-9 * # A-D")
        if not self.consult.strip() and (self.consult or self.accept or self.hold or self.returns):
            raise ValueError("consult is empty: accept, hold and returns are for a transfer that says something first")


@dataclass(frozen=True, slots=True)
class SendInfo:
    """Tell the other side something within the call, where the wire can: over SIP an INFO (RFC 6086).

    yield SendInfo({"intent": "billing"}, headers={"X-Session": "7"})

    The reply goes on once the other side has taken it; what it refuses is an `ActionFailed`.
    """

    body: str | Mapping[str, object] = field(repr=False)  # it may hold what is in no log
    """A text, or what becomes a JSON object; at most 8000 bytes of UTF-8."""
    content_type: str = ""
    """What the body is; "" is application/json for a mapping and text/plain for a text."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the message besides those of the call itself."""

    def __post_init__(self) -> None:
        if len(self.text.encode()) > _LONGEST_INFO:
            raise ValueError(f"body is {len(self.text.encode())} bytes, must be at most {_LONGEST_INFO}")
        if self.content_type and not _MEDIA_TYPE.fullmatch(self.content_type):
            raise ValueError(f"content_type is {self.content_type!r}, must be like application/json")
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or name.lower() in _CALLS_OWN:
                raise ValueError(f"headers: {name!r} is no header that a bot may set, as X-Session is")
            if len(value) > _LONGEST_HEADER or not value.isprintable():
                raise ValueError(f"headers.{name}: must be one line of at most {_LONGEST_HEADER} characters")

    @property
    def text(self) -> str:
        """The body as it is sent.

        Raises:
            TypeError: it is a mapping of what JSON does not know.
        """
        return self.body if isinstance(self.body, str) else json.dumps(dict(self.body), ensure_ascii=False)

    @property
    def media_type(self) -> str:
        """What the body is."""
        return self.content_type or ("text/plain" if isinstance(self.body, str) else "application/json")


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
    secret: bool = False
    """The keys are in `Turn.keys` alone: in no text, history, log or recording, which is silent meanwhile."""

    def __post_init__(self) -> None:
        if self.digits < 0:
            raise ValueError(f"digits is {self.digits}, must be 0 or more")
        if len(self.terminator) > 1 or not (self.terminator or self.digits):
            raise ValueError(f"terminator is {self.terminator!r}, must be one key, or none where digits is given")
        if not 0.1 <= self.timeout_s <= 300:
            raise ValueError(f"timeout_s is {self.timeout_s}, must be from 0.1 to 300")


@dataclass(frozen=True, slots=True)
class Handoff:
    """Let another bot take the call, with its history; it comes last in a reply.

    The other's `on_takeover` may speak behind what was said. From then on it is told and asked all; this one gets an
    `on_end` now.
    """

    bot: "Bot | Callable[[], Bot]"
    """A bot, or its class."""
    carry: Mapping[str, object] = field(default_factory=dict)
    """What the other is to know: it is in each of its `Turn.carry`."""


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """From here on the recording of the call, where there is one, is silent on both sides."""


@dataclass(frozen=True, slots=True)
class ResumeRecording:
    """Go on after a `PauseRecording`. It does not stand for the consent of a caller who has yet to give it."""


Action = (
    PlayFile
    | SendDtmf
    | SendInfo
    | Transfer
    | Hangup
    | SetLanguage
    | SetContext
    | SetVoice
    | Collect
    | Handoff
    | PauseRecording
    | ResumeRecording
)
