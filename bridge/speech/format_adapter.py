"""Between the format that a call has and the one that its peer has changed to."""

from bridge.speech.resample import make_resampler
from telephony.codec import decode, encode
from telephony.events import AudioFormat, Media
from telephony.media_time import MediaTime


class FormatAdapter:
    """Converts the audio of one call, both ways. Stateful: the pieces of each direction follow each other."""

    def __init__(self, call: AudioFormat, peer: AudioFormat) -> None:
        """`call`: the format that the call has, and keeps; `peer`: what the peer sends and wants."""
        self._call, self._peer = call, peer
        self._time = MediaTime(call)
        self._begin_ms: int | None = None  # media time of the first audio
        self._heard = make_resampler(peer.sample_rate, call.sample_rate)
        self._said = make_resampler(call.sample_rate, peer.sample_rate)

    def heard(self, media: Media) -> Media:
        """Return audio of the peer in the format of the call."""
        if self._begin_ms is None:
            self._begin_ms = media.at_ms
        samples = self._heard(decode(media.payload, self._peer.encoding))
        placed = self._time.place(encode(samples, self._call.encoding))
        return Media(placed.payload, self._begin_ms + placed.at_ms, concealed=media.concealed)

    def said(self, payload: bytes) -> bytes:
        """Return audio of the bot, in the format of the call, as the peer wants it."""
        return encode(self._said(decode(payload, self._call.encoding)), self._peer.encoding)
