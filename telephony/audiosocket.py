"""Asterisk AudioSocket: frames of kind, length and payload over TCP, signed 16 bit samples, one connection a call.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/ and Asterisk's res_audiosocket.c. Asterisk
connects to us, names the call by a UUID in its first frame and sends audio from then on, but none while the channel has
nothing to play. Other peers say so by a frame of kind 02, or by one without audio; both mean nothing. The caller's
hang-up is the end of the stream. What we send is played as it comes: Asterisk has no buffer worth the name, no clear
and no mark, so the leg paces it (bridge/legs/pacer.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from telephony.early import Early, with_early
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    KEYS,
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Dtmf,
    Encoding,
    Event,
    FormatChanged,
    Hangup,
    Notice,
    Play,
    Problem,
    Reply,
    Transcript,
)
from telephony.malformed import MAX_MALFORMED, Malformations, Refused, understood_late
from telephony.media_time import MediaTime
from telephony.whole_samples import WholeSamples

HANGUP: Final = 0x00
IDENTITY: Final = 0x01
SILENCE: Final = 0x02
"""Of the protocol's first description; Asterisk itself never sends it."""
DTMF: Final = 0x03
ERROR: Final = 0xFF
RATES: Final[Mapping[int, int]] = {
    0x10: 8000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
"""Sample rates, hertz, by the kind of frame that carries them."""
_HUNG_UP: Final = 0x01
ERRORS: Final[Mapping[int, str]] = {
    _HUNG_UP: "the channel was hung up",
    0x02: "a frame could not be forwarded",
    0x04: "there was no memory",
}
"""What an error frame says, by its code; codes of the Go library at https://github.com/CyCoreSystems/audiosocket"""
MAX_EARLY_BYTES: Final = 128 * 1024
"""What is kept for a UUID that does not come first: 4 s at 16 kHz."""
_KINDS: Final = {rate: kind for kind, rate in RATES.items()}
_HEADER_BYTES: Final = 3
_MOST_KEYS: Final = 100
_MAX_PAYLOAD_BYTES: Final = 0xFFFE  # whole samples


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return one frame; `payload` has at most 65535 bytes."""
    return bytes((kind,)) + len(payload).to_bytes(2, "big") + payload


class Frames:
    """Bytes of a stream into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the frames, kind and payload, that `data` makes whole."""
        self._bytes += data
        while len(self._bytes) >= _HEADER_BYTES:
            end = _HEADER_BYTES + int.from_bytes(self._bytes[1:_HEADER_BYTES], "big")
            if len(self._bytes) < end:
                return
            whole = self._bytes[0], bytes(self._bytes[_HEADER_BYTES:end])
            del self._bytes[:end]
            yield whole


class AudioSocketProtocol:
    """One connection: CREATED -UUID-> NAMED -first audio, which tells the rate, or quiet-> STARTED -hangup-> ENDED."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, send_ahead_ms=2000)
    """Clear, mark and what is sent ahead are the leg's: it keeps the buffer that Asterisk has not."""

    def __init__(self, *, quiet_rate: int = 8000) -> None:
        """`quiet_rate`: hertz of a call that begins before its first audio."""
        self._quiet_rate = quiet_rate
        self._frames = Frames()
        self._identity: UUID | None = None  # set by the first frame
        self._early = Early[tuple[int, bytes]](at_most=MAX_EARLY_BYTES)  # frames before it
        self._keys: list[Dtmf] = []  # pressed before the call has started
        self._whole = WholeSamples()
        self._time: MediaTime | None = None  # set by the first audio, or by quiet
        self._ended = False
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[bytes]:
        """Return nothing: Asterisk speaks first."""
        return ()

    def receive(self, data: bytes, /) -> Sequence[Event]:
        """Return what `data`, any piece of the stream, means.

        Raises:
            RemoteProtocolError: the stream is none of AudioSocket's, or MAX_MALFORMED more frames were malformed than
                good.
        """
        events: list[Event] = []
        for kind, payload in () if self._ended else self._frames.feed(data):  # what comes behind the end is not kept
            if self._ended:
                break
            events += self._malformations.weigh(partial(self._understand, kind, payload))
        return events

    def quiet(self) -> Sequence[Event]:
        """No audio comes: return the start of a call that has a name and no rate yet."""
        return self._start(self._quiet_rate) if self._identity and not self._time and not self._ended else ()

    def send(self, command: Command, /) -> Sequence[bytes]:
        """Return the bytes that carry out `command`; nothing clears what was sent.

        Raises:
            LocalProtocolError: audio before the call began, or what an AudioSocket cannot do.
        """
        match command:
            case Play(payload):
                return list(self._audio_frames(payload))
            case Hangup():
                return [frame(HANGUP)]
            case Problem() | Transcript() | Reply():
                return ()
            case _:
                raise LocalProtocolError(f"an AudioSocket cannot carry {type(command).__name__}")

    def _understand(self, kind: int, payload: bytes) -> Sequence[Event]:
        if self._identity is None:
            return self._named(kind, payload)
        if kind in RATES:
            return self._audio(RATES[kind], payload)
        match kind:
            case _ if kind in {SILENCE, IDENTITY}:  # nothing to hear, and a name that is known
                return ()
            case _ if kind == DTMF:
                return self._pressed(_dtmf(payload))
            case _ if kind == HANGUP:
                self._ended = True
                return [CallEnded("caller hung up")]
            case _ if kind == ERROR:
                return self._error(payload)
        raise Refused(f"kind: got 0x{kind:02x}; allowed: 00 to 03, 10 to 18, ff")

    def _named(self, kind: int, payload: bytes) -> Sequence[Event]:
        """Take the name of the call; what comes before it waits, where it is of this protocol at all."""
        if kind == HANGUP and not payload:
            self._ended = True
            return [CallEnded("caller hung up")]
        if kind in RATES or kind in {SILENCE, DTMF, ERROR}:
            self._early.keep((kind, payload), size=_HEADER_BYTES + len(payload))
            return ()
        if kind != IDENTITY or len(payload) != 16:
            raise RemoteProtocolError(f"no AudioSocket: the first frame is of kind 0x{kind:02x}, not the UUID's")
        self._identity = UUID(bytes=payload)
        events = understood_late(self._early.take(), lambda frame: self._understand(*frame))
        return [with_early(event, events) if isinstance(event, CallStarted) else event for event in events]

    def _error(self, payload: bytes) -> Sequence[Event]:
        """Tell of an error; whoever cannot go on after one closes the connection."""
        code = payload[0] if payload else 0
        told = f"Asterisk reports error {payload.hex()[:16] or 'without a code'}"
        if code in ERRORS:
            told += f": {ERRORS[code]}"
        if code != _HUNG_UP:
            return [Notice(told)]
        self._ended = True
        return [Notice(told), CallEnded("caller hung up")]

    def _audio(self, rate: int, payload: bytes) -> Sequence[Event]:
        samples = self._whole.take(payload)
        if not samples:
            return ()
        started = () if self._time else self._start(rate)
        assert self._time
        if rate != (ours := self._time.audio.sample_rate):
            if self._time.samples:
                raise Refused(f"audio: got {rate} Hz; allowed: {ours} Hz, as before")
            started = self._begun_at_another(rate)
        return [*started, self._time.place(samples)]

    def _begun_at_another(self, rate: int) -> Sequence[Event]:
        """Go on at the rate of the first audio, where the call began quietly at another."""
        assert self._time
        ours, theirs = self._time.audio.sample_rate, AudioFormat(Encoding.L16, rate)
        self._time.change(theirs)
        why = f"the call began quietly, at {ours} Hz, and is of {rate} Hz: say --audiosocket-rate {rate}"
        return [Notice(why), FormatChanged(theirs)]

    def _start(self, rate: int) -> Sequence[Event]:
        self._time = MediaTime(AudioFormat(Encoding.L16, rate))
        return [CallStarted(str(self._identity), self._time.audio), *self._keys]

    def _pressed(self, key: Dtmf) -> Sequence[Event]:
        if self._time:
            return [key]
        if len(self._keys) < _MOST_KEYS:
            self._keys.append(key)
        return ()

    def _audio_frames(self, payload: bytes) -> Iterator[bytes]:
        if self._time is None:
            raise LocalProtocolError("audio before Asterisk's first: its rate is not known yet")
        for start in range(0, len(payload), _MAX_PAYLOAD_BYTES):
            yield frame(_KINDS[self._time.audio.sample_rate], payload[start : start + _MAX_PAYLOAD_BYTES])


def _dtmf(payload: bytes) -> Dtmf:
    digit = payload.decode("latin-1").upper()
    if digit not in KEYS:
        raise Refused(f"DTMF: got {payload[:8]!r}; allowed: one of 0-9 * # A-D")
    return Dtmf(digit)
