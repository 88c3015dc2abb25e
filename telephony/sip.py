"""A SIP call between the bridge and the process that holds the SIP stack, in frames (`telephony/sip_frames.py`).

An inbound call:

    stack   INCOMING {caller, callee, ...}      answered with ANSWER, or with REFUSE where there is no line
            STARTED {call_id, rate, ...}        it is answered and has audio
            AUDIO, SILENCE, DIGIT, PLAYED, TROUBLE, NOT_TRANSFERRED
            ENDED {reason, answer, redirect, statistics}  the last of each call; `answer` is the other side's, and
                                                `redirect` where it says that the call should go instead
    bridge  PLAY, MARK, CLEAR, HANGUP, TRANSFER, SEND_DIGITS
            SEND_INFO {body, content_type, headers}, answered with INFO_ANSWERED {reason}, "" where the peer took it
            JOIN {room}, answered with JOINED {reason}, "" where it happened: the first call in a room waits there, the
            second is put through to the other side of the first, and both end by it

An outbound one begins with DIAL {target, headers} instead. Audio is L16 at the rate of the codec in both directions.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from telephony.codec import silence
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Dtmf,
    Encoding,
    Event,
    Hangup,
    Join,
    Malformed,
    Mark,
    Media,
    NotTransferred,
    Play,
    Played,
    SendDtmf,
    SendInfo,
    Transfer,
)
from telephony.media_time import MediaTime
from telephony.outcome import sip_outcome
from telephony.sip_frames import LONGEST_FRAME, FrameError, Kind, fields, frame, json_frame, split
from telephony.sip_identity import CALLER_NAME, FORWARDED_FROM, STIR_VERSTAT

LONGEST_TEXT: Final = 1000
"""Characters of one text that a peer has written: an address, a header, a reason."""
MAX_RATE: Final = 192_000
"""Hertz."""

_COUNT: Final = struct.Struct("!I")
_KEYS: Final = frozenset("0123456789*#ABCD")


class SipProtocol:
    """One SIP call, as the bridge sees it: ANSWER or DIAL -> STARTED -> ENDED. Media time is counted from the audio."""

    capabilities = Capabilities(
        audio_out=True,
        clear=True,
        mark=True,
        hangup=True,
        transfer=True,
        joins="sip",
        joins_at_once=True,
        dtmf_out=True,
        info=True,
        steady=True,
        send_ahead_ms=10_000,
    )

    def __init__(self, call: int, *, dial: str = "", headers: Mapping[str, str] | None = None) -> None:
        """`call`: its number. `dial`: whom to call; "" answers a call that came in."""
        self._call, self._dial, self._headers = call, dial, dict(headers or {})
        self._time: MediaTime | None = None  # set by STARTED

    def open(self) -> Sequence[str | bytes]:
        if self._dial:
            return [json_frame(Kind.DIAL, self._call, target=self._dial, headers=self._headers)]
        return [frame(Kind.ANSWER, self._call)]

    def refuse(self, reason: str) -> Sequence[str | bytes]:
        """Return what tells a caller, whose call has not begun, that there is no line."""
        return [json_frame(Kind.REFUSE, self._call, reason=reason)]

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message`, a frame without its length, means.

        Raises:
            RemoteProtocolError: it is no frame of a call.
            NotAnswered: whom we called did not answer.
        """
        try:
            kind, _, body = split(message.encode() if isinstance(message, str) else message)
            match kind:
                case Kind.STARTED:
                    return [self._started(fields(body))]
                case Kind.AUDIO:
                    return [self._media(body, concealed=False)]
                case Kind.SILENCE:
                    return [self._media(silence(Encoding.L16, _count(body)), concealed=True)]
                case Kind.DIGIT:
                    return [_key(body.decode())]
                case Kind.PLAYED:
                    return [Played(body.decode())]
                case Kind.TROUBLE:
                    return [Malformed(_text(body.decode(errors="replace")))]
                case Kind.NOT_TRANSFERRED:
                    return [NotTransferred(_text(body.decode(errors="replace")))]
                case Kind.ENDED:
                    return [self._ended(fields(body))]
        except (FrameError, UnicodeDecodeError, struct.error) as error:
            raise RemoteProtocolError(f"the SIP stack sent no frame: {error}") from error
        raise RemoteProtocolError(f"the SIP stack sent {kind.name} to a call")

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the frames that carry out `command`.

        Raises:
            LocalProtocolError: audio before the call started.
        """
        if self._time is None and isinstance(command, Play | Mark | Clear):
            raise LocalProtocolError(f"{type(command).__name__} before the call started")
        match command:
            case Play(payload):
                return [frame(Kind.PLAY, self._call, payload)]
            case Mark(name):
                return [frame(Kind.MARK, self._call, name.encode())]
            case Clear():
                return [frame(Kind.CLEAR, self._call)]
            case Hangup(reason):
                return [json_frame(Kind.HANGUP, self._call, reason=reason)]
            case Transfer(target):
                return [json_frame(Kind.TRANSFER, self._call, target=target)]
            case Join(room):
                return [json_frame(Kind.JOIN, self._call, room=room)]
            case SendDtmf(digits):
                return [json_frame(Kind.SEND_DIGITS, self._call, digits=digits)]
            case SendInfo(body, content_type, headers):
                info = {"body": body, "content_type": content_type, "headers": dict(headers)}
                return [json_frame(Kind.SEND_INFO, self._call, **info)]
        return ()

    def _started(self, told: Mapping[str, object]) -> CallStarted:
        if self._time:
            raise FrameError("a second STARTED")
        rate, parameters = told.get("rate"), told.get("parameters")
        if not isinstance(rate, int) or not 0 < rate <= MAX_RATE or not isinstance(parameters, dict):
            raise FrameError(f"STARTED without rate or parameters: {dict(told)}")
        self._time = MediaTime(AudioFormat(Encoding.L16, rate))
        texts = {_text(name): _text(value) for name, value in parameters.items()}
        return CallStarted(
            _text(told.get("call_id", "")),
            self._time.audio,
            caller=_text(told.get("caller", "")),
            callee=_text(told.get("callee", "")),
            parameters=texts,
            direction="outbound" if self._dial else "inbound",
            caller_name=texts.get(CALLER_NAME, ""),
            forwarded_from=texts.get(FORWARDED_FROM, ""),
            stir_verstat=texts.get(STIR_VERSTAT, ""),
        )

    def _ended(self, told: Mapping[str, object]) -> CallEnded:
        reason = _text(told.get("reason", "")) or "the call ended"
        if self._dial and self._time is None:
            raise sip_outcome(_text(told.get("answer", "")) or reason, redirect=_text(told.get("redirect", "")))
        return CallEnded(reason)

    def _media(self, payload: bytes, *, concealed: bool) -> Media:
        if self._time is None:
            raise FrameError("audio before STARTED")
        if len(payload) % Encoding.L16.sample_bytes:
            raise FrameError(f"audio of {len(payload)} bytes")
        return self._time.place(payload, concealed=concealed)


def _count(body: bytes) -> int:
    """Return the samples that silence lasts."""
    (count,) = _COUNT.unpack(body)
    if count * Encoding.L16.sample_bytes > LONGEST_FRAME:
        raise FrameError(f"silence of {count} samples")
    return int(count)


def _key(digit: str) -> Event:
    if digit.upper() not in _KEYS:  # e.g. a hook flash, which is an event of RFC 4733 too
        return Malformed(f"key: got {digit[:8]!r}; allowed: one of 0-9 * # A-D")
    return Dtmf(digit.upper())


def _text(value: object) -> str:
    """Return `value` as text that can be logged and sent on: bounded, and without halves of surrogate pairs."""
    return str(value)[:LONGEST_TEXT].encode(errors="replace").decode()
