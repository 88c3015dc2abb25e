"""The one vocabulary of all wires: what a peer tells us (events) and what we ask of it (commands).

A wire is a `WireProtocol` (telephony/wire_protocol.py). All of it stands in one file, however long that gets: whoever
writes a wire, or reads what the call makes of one, goes through the whole list, and finds nothing else to look for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from telephony.bot_requests import BotRequest
from telephony.recognition import RecognitionOptions


class Encoding(StrEnum):
    """How one audio sample is written on a wire."""

    MULAW = "mulaw"  # G.711 mu-law, 1 byte
    ALAW = "alaw"  # G.711 A-law, 1 byte
    L16 = "l16"  # signed 16 bit, little-endian
    FLOAT32 = "float32"  # IEEE 754 single, little-endian, [-1, 1]

    @property
    def sample_bytes(self) -> int:
        return _SAMPLE_BYTES[self]


_SAMPLE_BYTES: Final = {Encoding.MULAW: 1, Encoding.ALAW: 1, Encoding.L16: 2, Encoding.FLOAT32: 4}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono audio on a wire."""

    encoding: Encoding
    sample_rate: int
    """Hertz."""

    def duration_ms(self, payload: bytes) -> int:
        """Whole milliseconds of audio in `payload`, rounded down."""
        return len(payload) * 1000 // (self.encoding.sample_bytes * self.sample_rate)

    def bytes_in(self, duration_ms: int) -> int:
        """Bytes of the whole samples in so many milliseconds, rounded down."""
        return self.encoding.sample_bytes * (self.sample_rate * duration_ms // 1000)

    def pieces(self, payload: bytes, *, at_most_ms: int) -> Iterator[bytes]:
        """Yield `payload` in pieces of so many milliseconds; the last may be shorter."""
        size = self.bytes_in(at_most_ms)
        for begin in range(0, len(payload), size):
            yield payload[begin : begin + size]


# ---------------------------------------------------------------- events: what the peer tells us


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The peer is ready; comes once, before any Media."""

    call_id: str
    format: AudioFormat
    """Audio in both directions."""
    caller: str = ""
    callee: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    options: RecognitionOptions | None = None
    """Set by wires whose clients configure recognition themselves."""
    direction: str = "inbound"
    """Or "outbound": we called."""
    caller_name: str = ""
    """The name that the network shows for the caller; anybody may have chosen it."""
    forwarded_from: str = ""
    """The number that was called first, where the call was forwarded to us."""
    stir_verstat: str = ""
    """How far the networks vouch for `caller` (STIR/SHAKEN), e.g. "TN-Validation-Passed-A"; "" is not known."""
    answers_when_asked: bool = False  # the bot answers an `AskReply` and nothing by itself
    early_ms: int = 0
    """Audio that came before the start. It follows the start at once, as Media."""


@dataclass(frozen=True, slots=True)
class Media:
    """Caller audio. Contiguous: each begins where the one before it ended."""

    payload: bytes
    at_ms: int
    """Media time of its first sample: milliseconds since the call began."""
    concealed: bool = False
    """True for silence that stands for audio lost on the way."""


KEYS: Final = frozenset("0123456789*#ABCD")
"""Of a telephone."""


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed."""

    digit: str
    """One of KEYS."""


@dataclass(frozen=True, slots=True)
class Played:
    """Everything sent before the mark of this name has been played, or was cleared."""

    mark: str


@dataclass(frozen=True, slots=True)
class Finalize:
    """The client wants the final of what is pending, now, even an empty one."""


@dataclass(frozen=True, slots=True)
class StillThere:
    """The client has nothing to send for now, and wants to stay."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that broke the rules but not the call: counted, answered where the wire can, and dropped."""

    message: str
    """Names the field, its value and what is allowed."""
    told: bool = True  # False: the peer knows already, and it is only counted


@dataclass(frozen=True, slots=True)
class Notice:
    """Something of the peer that whoever runs the bridge should know: it breaks no rule and goes to the log."""

    message: str


@dataclass(frozen=True, slots=True)
class FormatChanged:
    """From here on the peer's audio is in another format, both ways. The leg converts it: the call keeps its own."""

    format: AudioFormat


@dataclass(frozen=True, slots=True)
class NotTransferred:
    """The transfer that was asked for did not happen; the call goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    reason: str


@dataclass(frozen=True, slots=True)
class Owed:
    """What the rules of a wire have us say now. The leg sends it, and the call does not hear of it."""

    messages: Sequence[str | bytes]


Event = (
    CallStarted
    | Media
    | Dtmf
    | Played
    | Finalize
    | StillThere
    | BotRequest
    | Malformed
    | Notice
    | FormatChanged
    | NotTransferred
    | CallEnded
    | Owed
)

# ---------------------------------------------------------------- commands: what we ask of the peer


@dataclass(frozen=True, slots=True)
class Play:
    """Bot audio in the format of CallStarted; whole samples."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Ask to be told (Played) when all audio sent before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away bot audio that has not been played yet."""


@dataclass(frozen=True, slots=True)
class Hangup:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    target: str


@dataclass(frozen=True, slots=True)
class WarmTransfer:
    """Ask somebody whether they take the caller, and connect the two; the leg's `send` lasts until they have hung up.

    Where the caller stays with us it is an OSError of `send`, and its text says why.
    """

    target: str
    consult: str
    """What they are told first."""
    accept: str = ""
    """The key by which they take the call; "" asks for none."""
    hold: str = ""
    """What the caller hears meanwhile: a WAV file, a text, or "" for music."""
    returns: bool = False
    """The caller is to be ours again when they hang up."""


@dataclass(frozen=True, slots=True)
class Join:
    """Put the call into `room`, where it hears those who are in it, and no longer us; for legs with `joins`.

    Where it stays with us it is a RuntimeError of the leg's `send`, and its text says why.
    """

    room: str
    """Names one at the far side; who comes first makes it."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Take the call back from the room that it is in, if it is in one, or end it there where it cannot come back.

    It is a RuntimeError where that fails.
    """


@dataclass(frozen=True, slots=True)
class SendDtmf:
    digits: str


@dataclass(frozen=True, slots=True)
class SendInfo:
    """Tell the peer something within the call; what it answers is an OSError of the leg's `send` where it refuses."""

    body: str
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript for peers that want text."""

    text: str
    language: str  # English name, "" when nothing was recognised
    final: bool
    timestamp: float  # Unix time, seconds
    words: Sequence[tuple[str, int, int]] = ()  # each with the media time at which it begins and ends
    span_ms: tuple[int, int] | None = None  # media time of what a final says
    ends_turn: bool = True  # False for the final of an utterance that was cut, as it was too long


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The peer began to speak, for wires with `speech_events`."""

    at_ms: int  # media time, as below


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The peer is done; the final of what they said follows, if it was words."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A sentence of the bot whose audio follows, for peers that want text."""

    text: str


@dataclass(frozen=True, slots=True)
class ReplyOver:
    """All of a reply has been sent, or nothing more of it will be; for wires with `speech_events`."""

    cut: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the peer should know; the session goes on."""

    message: str


Command = (
    Play
    | Mark
    | Clear
    | Hangup
    | Transfer
    | WarmTransfer
    | Join
    | Leave
    | SendDtmf
    | SendInfo
    | Transcript
    | SpeechStarted
    | SpeechStopped
    | Reply
    | ReplyOver
    | Problem
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a wire can do; the session asks this and never which carrier it is."""

    audio_out: bool = False
    clear: bool = False
    mark: bool = False
    hangup: bool = False
    transfer: bool = False
    warm_transfer: bool = False
    """It can ask somebody first whether they take the caller: `WarmTransfer`."""
    joins: str = ""
    """Who can put calls together, so that their audio passes us by: `Join`, for calls with the same name here."""
    leaves: bool = False  # a call comes back from there: `Leave`; else it is gone for us once it joined
    joins_at_once: bool = False  # with the second call; until then, and where that is refused, both are ours as before
    dtmf_out: bool = False
    info: bool = False  # it carries messages of the bot to the peer: `SendInfo`
    transcripts: bool = False
    speech_events: bool = False  # it is told when its peer begins and ends to speak, and when a reply is over
    steady: bool = False
    """Caller audio never stops while the call lasts, silence included: a peer that sends nothing is gone."""
    hangs_up_by_socket: bool = False
    """Its peer has no message for the end of a call but to close the socket. It resets one in which audio of ours is
    unread, and its close frame may be lost with it."""
    send_ahead_ms: int = 0
    """Bot audio that may lie at the far side unplayed."""
