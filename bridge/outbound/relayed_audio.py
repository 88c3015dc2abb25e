"""What one leg of two says to the other while they are connected: in the other's format, and never far behind. Pure.

Nothing is queued for long. Each side plays at its own pace, and a stall of ours would else stay in the conversation as
a delay for as long as it lasts.
"""

import math
from typing import Final

from bridge.speaking.wire_encoder import WireEncoder
from telephony.codec import decode, silence
from telephony.events import AudioFormat

LEAD_MS: Final = 40
"""Silence in front of what comes after a gap, so that packets which come a little late make no new one."""
MOST_AHEAD_MS: Final = 240
"""What may wait at the far side; the audio of a burst beyond that is dropped. ITU-T G.114 wants 150 ms one way of a
whole connection, and calls more than 400 ms unacceptable."""


class RelayedAudio:
    """One direction."""

    def __init__(self, heard: AudioFormat, said: AudioFormat) -> None:
        """`heard`: what comes in; `said`: what the other leg plays.

        Raises:
            ValueError: there is no resampler between the two rates.
        """
        self._heard, self._said = heard, said
        self._encoder = WireEncoder(heard.sample_rate, said)
        self._until_ms = -math.inf  # when the far side will have played all that it got
        self.dropped_ms = 0
        """Audio that came too late to be of use."""

    def take(self, payload: bytes, now_ms: float) -> bytes:
        """Return what the other leg is to play now for `payload`, whole samples; b"" is nothing.

        `now_ms`: a clock that never goes back.
        """
        if self._until_ms - now_ms > MOST_AHEAD_MS:
            self.dropped_ms += self._heard.duration_ms(payload)
            return b""
        audio = self._converted(payload)
        if audio and self._until_ms < now_ms:
            audio = silence(self._said.encoding, self._said.sample_rate * LEAD_MS // 1000) + audio
            self._until_ms = now_ms
        self._until_ms += self._said.duration_ms(audio)
        return audio

    def _converted(self, payload: bytes) -> bytes:
        if self._heard == self._said:
            return payload
        return self._encoder.encode(decode(payload, self._heard.encoding))
