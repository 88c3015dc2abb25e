"""Asterisk AudioSocket: frames of kind, length and payload over TCP, signed 16 bit samples, one connection a call.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/ and Asterisk's res_audiosocket.c. Asterisk
connects to us, names the call by a UUID in its first frame and sends audio from then on, but none while the channel has
nothing to play; the caller's hang-up is the end of the stream. What we send is played as it comes: Asterisk has no
buffer worth the name, no clear and no mark, so the leg paces it (bridge/legs/pacer.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

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
    Hangup,
    Play,
    Problem,
    Reply,
    Transcript,
)
from telephony.malformed import Malformations, Refused
from telephony.media_time import MediaTime

HANGUP: Final = 0x00
IDENTITY: Final = 0x01
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
MAX_MALFORMED: Final = 100
"""Malformed frames a call survives."""
_KINDS: Final = {rate: kind for kind, rate in RATES.items()}
_HEADER_BYTES: Final = 3
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
        self._time: MediaTime | None = None  # set by the first audio, or by quiet
        self._ended = False
        self._malformations = Malformations(at_most=MAX_MALFORMED)

    def open(self) -> Sequence[bytes]:
        """Return nothing: Asterisk speaks first."""
        return ()

    def receive(self, data: bytes, /) -> Sequence[Event]:
        """Return what `data`, any piece of the stream, means.

        Raises:
            RemoteProtocolError: the stream is none of AudioSocket's, its rate is not that of a call that began quietly,
                or more than MAX_MALFORMED frames were malformed.
        """
        events: list[Event] = []
        for kind, payload in () if self._ended else self._frames.feed(data):  # what comes behind the end is not kept
            if self._ended:
                break
            try:
                events += self._understand(kind, payload)
            except Refused as why:
                events += self._malformations.tell(why)
        return events

    def quiet(self) -> Sequence[Event]:
        """No audio comes: return the start of a call that has a name and no rate yet."""
        return [self._start(self._quiet_rate)] if self._identity and not self._time and not self._ended else []

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
            self._name(kind, payload)
            return ()
        if kind in RATES:
            return self._audio(RATES[kind], payload)
        match kind:
            case _ if kind == DTMF:
                return [_dtmf(payload)]
            case _ if kind == HANGUP:
                self._ended = True
                return [CallEnded("caller hung up")]
            case _ if kind == ERROR:
                self._ended = True
                return [CallEnded(f"Asterisk reports error {payload.hex() or 'without a code'}")]
        raise Refused(f"kind: got 0x{kind:02x}; allowed: 00, 01, 03, 10 to 18, ff")

    def _name(self, kind: int, payload: bytes) -> None:
        if kind != IDENTITY or len(payload) != 16:
            raise RemoteProtocolError(f"no AudioSocket: the first frame is of kind 0x{kind:02x}, not the UUID's")
        self._identity = UUID(bytes=payload)

    def _audio(self, rate: int, payload: bytes) -> Sequence[Event]:
        if not payload or len(payload) % 2:
            raise Refused(f"audio: got {len(payload)} bytes; allowed: whole samples of two bytes")
        started = [] if self._time else [self._start(rate)]
        assert self._time
        if rate != (ours := self._time.audio.sample_rate):
            if not self._time.samples:
                raise RemoteProtocolError(
                    f"the call began quietly, at {ours} Hz, and is of {rate} Hz: say --audiosocket-rate {rate}"
                )
            raise Refused(f"audio: got {rate} Hz; allowed: {ours} Hz, as before")
        return [*started, self._time.place(payload)]

    def _start(self, rate: int) -> CallStarted:
        self._time = MediaTime(AudioFormat(Encoding.L16, rate))
        return CallStarted(str(self._identity), self._time.audio)

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
