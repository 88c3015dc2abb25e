"""Samples from the bytes of an answer, however the network cut them. Pure: bytes in, samples out."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Final

import numpy as np

from bridge.speech.api import EngineFailed, Samples
from telephony import codec
from telephony.events import Encoding

_MULAW: Final = frozenset(f"audio/{name}" for name in ("basic", "pcmu", "mulaw", "x-mulaw", "ulaw", "x-ulaw"))
_ALAW: Final = frozenset(f"audio/{name}" for name in ("pcma", "alaw", "x-alaw"))
_L16: Final = frozenset({"audio/l16", "audio/pcm_s16le", "audio/x-l16"})
_FLOAT: Final = frozenset({"audio/pcm_f32le", "audio/l32f"})
_COMPRESSED: Final = ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/opus", "audio/webm", "audio/aac", "audio/flac")
_MAGIC: Final = (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3")
"""How files of MP3, Ogg, FLAC and WebM begin."""
_LONGEST_HEAD: Final = 1 << 16
_WAV_KINDS: Final = {
    (1, 16): Encoding.L16,
    (3, 32): Encoding.FLOAT32,
    (6, 8): Encoding.ALAW,
    (7, 8): Encoding.MULAW,
}
"""Encodings by format tag (RFC 2361) and bits a sample."""
_EXTENSIBLE: Final = 0xFFFE
_UNTOLD: Final = 0x7FFF_0000
"""Bytes of audio from which on a head says that its writer did not know."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What the head of an answer says of its audio; None is nothing."""

    encoding: Encoding | None = None
    sample_rate: int | None = None
    compressed: bool = False
    text: bool = False
    """It is no audio but JSON, a page or plain words: an error, where audio was asked for."""


def announced(headers: Mapping[str, str]) -> Announced:
    """Return what the Content-Type says, with its parameter `rate`, and X-Sample-Rate.

    audio/L16 is taken as little-endian, against RFC 2586: so does everybody who sends it.
    """
    message = Message()
    message["Content-Type"] = headers.get("Content-Type", "")
    kind = message.get_content_type() if headers.get("Content-Type") else ""
    told = message.get_param("rate") or message.get_param("sample_rate") or headers.get("X-Sample-Rate", "")
    rate = int(told) if isinstance(told, str) and told.isdecimal() and len(told) < 7 else None
    rate = rate if rate and 8000 <= rate <= 48_000 else None
    if kind in _MULAW | _ALAW:
        return Announced(Encoding.MULAW if kind in _MULAW else Encoding.ALAW, rate or 8000)
    encoding = Encoding.L16 if kind in _L16 else Encoding.FLOAT32 if kind in _FLOAT else None
    text = kind == "application/json" or kind.startswith("text/")
    return Announced(encoding, rate, compressed=kind in _COMPRESSED, text=text)


class AudioStream:
    """Decodes one answer. A WAV head, of which each piece may have one, says more than what was announced."""

    def __init__(self, encoding: Encoding, sample_rate: int, *, compressed: bool = False) -> None:
        """`compressed`: so it was announced, which some do who send none."""
        self.sample_rate = sample_rate
        self._encoding, self._compressed = encoding, compressed
        self._channels = 1
        self._head: bytearray | None = bytearray()  # None: past it
        self._carry = b""
        self._left: int | None = None  # bytes of audio to come, where a head says it

    def begin_piece(self) -> None:
        """Note that the next bytes begin a piece of their own."""
        if not self._carry:
            self._head, self._left = bytearray(), None

    def feed(self, data: bytes) -> Samples:
        """Return what `data` completes: float32 in [-1, 1], shape (n,), at `sample_rate`.

        Raises:
            EngineFailed: it is compressed, or its head makes no sense.
        """
        if self._head is not None:
            self._head += data
            data = self._past_head(bytes(self._head))
        return self._samples(data)

    def flush(self) -> Samples:
        """Return what was held; half a sample at the end is dropped."""
        held, self._head = bytes(self._head or b""), None
        return self._samples(held)

    def _past_head(self, data: bytes) -> bytes:
        """Return the audio in `data`, which holds all so far; b"" while it cannot be told."""
        if len(data) < 4:
            return b""
        if data.startswith(_MAGIC) or (self._compressed and data[0] == 0xFF and data[1] & 0xE0 == 0xE0):
            raise EngineFailed(f"answers compressed audio ({data[:4]!r}): it must be asked for PCM, WAV or mu-law")
        if data[:4] != b"RIFF":
            self._head = None
            return data
        at = self._wav_data(data)
        if at is None:
            if len(data) > _LONGEST_HEAD:
                raise EngineFailed(f"answers a WAV file whose head is longer than {_LONGEST_HEAD} bytes")
            return b""
        self._head = None
        return data[at:]

    def _wav_data(self, data: bytes) -> int | None:
        """Read the head in `data`; return where the audio begins, None while that is still to come."""
        at = 12
        while at + 8 <= len(data):
            name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
            if name == b"data":
                self._left = None if size == 0 or size >= _UNTOLD else size
                return at + 8
            if name == b"fmt " and at + 8 + min(size, 26) <= len(data):
                self._read_format(data[at + 8 : at + 8 + size])
            at += 8 + size + size % 2
        return None

    def _read_format(self, chunk: bytes) -> None:
        if len(chunk) < 16:
            raise EngineFailed("answers a WAV file that does not say what is in it")
        tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
        if tag == _EXTENSIBLE and len(chunk) >= 26:
            tag = struct.unpack_from("<H", chunk, 24)[0]
        if (tag, bits) not in _WAV_KINDS or not 1 <= channels <= 8 or not 8000 <= rate <= 192_000:
            raise EngineFailed(
                f"answers WAV of kind {tag} with {bits} bits, {channels} channels, {rate} Hz; "
                "allowed: 16 bit, 32 bit float, mu-law, A-law from 8 kHz on"
            )
        self._encoding, self._channels, self.sample_rate = _WAV_KINDS[tag, bits], channels, rate

    def _samples(self, data: bytes) -> Samples:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        data = self._carry + data
        frame = self._encoding.sample_bytes * self._channels
        whole = len(data) // frame * frame
        self._carry = data[whole:]
        samples = codec.decode(data[:whole], self._encoding)
        if self._encoding is Encoding.FLOAT32:
            samples = np.clip(np.nan_to_num(samples), -1, 1)
        return samples if self._channels == 1 else samples.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
