"""Asterisk chan_websocket: raw audio in binary messages, control in text ones, one WebSocket a call.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/ and chan_websocket.c of 22. Control is plain
text or, with f(json) in the dialplan, JSON; we answer in the form that the peer's first message has. Asterisk sends
audio only while the channel has some. What we send it plays from a queue of its own, in whole frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from reprlib import repr as shown
from typing import Final

from telephony.asterisk_text import command, is_json, parsed
from telephony.codec import silence
from telephony.early import with_early
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    KEYS,
    AudioFormat,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Dtmf,
    Encoding,
    Event,
    Hangup,
    Join,
    Leave,
    Malformed,
    Mark,
    Owed,
    Play,
    Played,
    Problem,
    Reply,
    ReplyOver,
    SendDtmf,
    SendInfo,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    Transfer,
    WarmTransfer,
)
from telephony.jsontext import Fields
from telephony.malformed import MAX_MALFORMED, Malformations, Refused
from telephony.stream_audio import StreamAudio

FORMATS: Final[Mapping[str, AudioFormat]] = {
    "ulaw": AudioFormat(Encoding.MULAW, 8000),
    "alaw": AudioFormat(Encoding.ALAW, 8000),
    "slin": AudioFormat(Encoding.L16, 8000),
    "slin12": AudioFormat(Encoding.L16, 12_000),
    "slin16": AudioFormat(Encoding.L16, 16_000),
    "slin24": AudioFormat(Encoding.L16, 24_000),
    "slin32": AudioFormat(Encoding.L16, 32_000),
    "slin44": AudioFormat(Encoding.L16, 44_100),
    "slin48": AudioFormat(Encoding.L16, 48_000),
    "slin96": AudioFormat(Encoding.L16, 96_000),
    "slin192": AudioFormat(Encoding.L16, 192_000),
}
"""What the dialplan may ask for: c(slin16)."""
MAX_BINARY_BYTES: Final = 65_500
"""Asterisk ends a call that sends it more in one message."""
MAX_MESSAGE_CHARS: Final = 64 * 1024
"""What we read of it; its start message has the channel's variables."""
MAX_EARLY_BYTES: Final = 256 * 1024
"""What is kept for a MEDIA_START that comes late: 1.3 s of slin96, 8 s of slin16."""
_USUAL_FRAME_MS: Final = 20
MAX_HELD_MS: Final = 60_000
"""Audio kept for an Asterisk that wants none for now; what is beyond it nobody would hear in time."""


class AsteriskProtocol:
    """One call: CREATED -MEDIA_START-> STARTED. The socket's end is the call's.

    Asterisk may send audio and text before MEDIA_START: what comes too early is kept, and means what it would have
    meant behind it.
    """

    capabilities = Capabilities(
        audio_out=True, clear=True, mark=True, hangup=True, hangs_up_by_socket=True, send_ahead_ms=10_000
    )
    """Asterisk asks for a pause when 18 s are queued, at packets of 20 ms."""

    def __init__(self, parameters: Mapping[str, str] | None = None) -> None:
        """`parameters`: what is known of the call beside its messages; "from" and "to" are the numbers."""
        self._parameters = dict(parameters or {})
        self._audio = StreamAudio[str | bytes](waits_for="MEDIA_START", at_most=MAX_EARLY_BYTES)
        self._frame_bytes = 0  # set by MEDIA_START, as is the next
        self._json = False
        self._rest = bytearray()  # bot audio that is no whole frame yet
        self._marks: list[str] = []  # sent and not back
        self._cleared: list[str] = []  # of those, what a Clear took: Asterisk says nothing of them
        self._paused = False  # from MEDIA_XOFF to MEDIA_XON
        self._held: list[str | bytes] = []  # meanwhile
        self._held_bytes = 0  # of audio in it
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[str | bytes]:
        """Return nothing: Asterisk speaks first."""
        return ()

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means; unknown events and a repeated start mean nothing.

        Raises:
            RemoteProtocolError: the start is unusable, or MAX_MALFORMED more messages were malformed than good.
        """
        events: list[Event] = [Played(name) for name in self._cleared]
        self._cleared.clear()
        return [*events, *self._malformations.weigh(lambda: self._understand(message))]

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`; none while Asterisk wants none, then they follow as Owed.

        Raises:
            LocalProtocolError: something before the call began, or what this wire cannot do.
        """
        if isinstance(command, Problem | Transcript | SpeechStarted | SpeechStopped | Reply | ReplyOver):
            return ()
        self._audio.check_begun()
        match command:
            case Play(payload):
                return self._or_held(list(self._frames(payload)))
            case Mark(name):
                self._marks.append(name)
                return self._or_held([*self._padding(), self._command("MARK_MEDIA", name)])
            case Clear():
                return self._clear()
            case Hangup():
                return [self._command("HANGUP")]
            case Transfer() | WarmTransfer() | SendDtmf() | SendInfo() | Join() | Leave():
                raise LocalProtocolError(f"chan_websocket cannot carry {command}: use Asterisk's dialplan or ARI")

    # ------------------------------------------------------------ what Asterisk says

    def _understand(self, message: str | bytes) -> Sequence[Event]:
        return self._media(message) if isinstance(message, bytes) else self._control(message)

    def _media(self, payload: bytes) -> Sequence[Event]:
        if not self._audio.begun:
            return self._audio.keep(payload, size=len(payload))
        return self._audio.take(payload)

    def _control(self, message: str) -> Sequence[Event]:
        if len(message) > MAX_MESSAGE_CHARS:
            raise Refused(f"message: got {len(message)} characters; allowed: at most {MAX_MESSAGE_CHARS}")
        event, fields = parsed(message)
        if not self._audio.begun:
            if event == "MEDIA_START":
                self._json = is_json(message)
                return self._start(fields)
            return self._audio.keep(message, size=len(message))
        match event:
            case "DTMF_END":
                return (_dtmf(fields),)
            case "MEDIA_MARK_PROCESSED":
                return self._played(fields.get("correlation_id"))
            case "MEDIA_XOFF":
                self._paused = True
            case "MEDIA_XON":
                return self._resumed()
            case "ERROR":  # of ours, most likely; it must not end the call
                return (Malformed(f"Asterisk reports an error: {shown(fields.get('error_text', ''))}"),)
        return ()

    def _start(self, fields: Fields) -> Sequence[Event]:
        name, size = str(fields.get("format")), fields.get("optimal_frame_size")
        call_id = fields.get("channel_id") or fields.get("connection_id")
        if name not in FORMATS:
            raise RemoteProtocolError(
                f"MEDIA_START: format: got {shown(name)}; allowed: {', '.join(FORMATS)}: say c(slin16) in the dialplan"
            )
        if not isinstance(call_id, str):
            raise RemoteProtocolError("MEDIA_START: channel_id is missing")
        audio = FORMATS[name]
        self._frame_bytes = audio.bytes_in(_USUAL_FRAME_MS) if size is None else _frame_size(size, audio)
        parameters = {**_texts(fields.get("channel_variables")), **self._parameters}
        early = self._audio.begin(audio, self._understand)
        started = CallStarted(
            call_id=call_id,
            format=audio,
            caller=parameters.get("from") or parameters.get("From") or "",
            callee=parameters.get("to") or parameters.get("To") or "",
            caller_name=parameters.get("caller_name", ""),
            forwarded_from=parameters.get("forwarded_from", ""),
            parameters=parameters,
        )
        answer = Owed((self._command("ANSWER"),))  # does nothing where the dialplan has answered
        return with_early(started, early), answer, *early

    def _played(self, name: object) -> Sequence[Event]:
        if not isinstance(name, str) or name not in self._marks:  # of a cleared one: it was told before
            return ()
        self._marks.remove(name)
        return (Played(name),)

    def _resumed(self) -> Sequence[Event]:
        held, self._held = tuple(self._held), []
        self._paused, self._held_bytes = False, 0
        return (Owed(held),) if held else ()

    # ------------------------------------------------------------ what we say

    def _command(self, name: str, about: str = "") -> str:
        return command(name, about, as_json=self._json)

    def _frames(self, payload: bytes) -> Iterator[bytes]:
        """Yield what is whole: Asterisk throws away what remains of a message."""
        self._rest += payload
        whole = len(self._rest) - len(self._rest) % self._frame_bytes
        step = MAX_BINARY_BYTES - MAX_BINARY_BYTES % self._frame_bytes
        for start in range(0, whole, step):
            yield bytes(self._rest[start : min(start + step, whole)])
        del self._rest[:whole]

    def _padding(self) -> Iterator[bytes]:
        """Yield what is not whole, filled up with silence: what a mark is behind must be heard."""
        if self._rest:
            encoding = self._audio.time.audio.encoding
            missing = (self._frame_bytes - len(self._rest)) // encoding.sample_bytes
            yield from self._frames(silence(encoding, missing))

    def _or_held(self, messages: list[str | bytes]) -> Sequence[str | bytes]:
        if not self._paused:
            return messages
        for message in messages:
            size = len(message) if isinstance(message, bytes) else 0
            if size and self._held_bytes + size > self._audio.time.audio.bytes_in(MAX_HELD_MS):
                continue
            self._held.append(message)
            self._held_bytes += size
        return ()

    def _clear(self) -> Sequence[str]:
        """Have the queue emptied. Its marks go with it, and nobody says so: the answer to GET_STATUS lets us tell."""
        self._cleared += self._marks
        self._rest.clear()
        self._marks.clear()
        self._held.clear()
        self._held_bytes = 0
        return [self._command("FLUSH_MEDIA"), self._command("GET_STATUS")]


def _texts(variables: object) -> dict[str, str]:
    if not isinstance(variables, dict):
        return {}
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def _frame_size(size: object, audio: AudioFormat) -> int:
    """Return the bytes of a frame; plain text has them as digits."""
    try:
        number = size if isinstance(size, int) else int(str(size))
    except ValueError:
        number = 0
    if not 0 < number <= MAX_BINARY_BYTES or number % audio.encoding.sample_bytes:
        raise RemoteProtocolError(
            f"MEDIA_START: optimal_frame_size: got {shown(size)}; allowed: bytes of whole samples, "
            f"at most {MAX_BINARY_BYTES}"
        )
    return number


def _dtmf(fields: Fields) -> Dtmf:
    digit = str(fields.get("digit")).upper()
    if digit not in KEYS:
        raise Refused(f"DTMF_END: digit: got {shown(digit)}; allowed: one of 0-9 * # A-D")
    return Dtmf(digit)
