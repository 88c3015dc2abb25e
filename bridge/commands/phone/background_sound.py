"""What is heard behind a caller, mixed into each frame that leaves. Pure: no clock."""

import numpy as np

from bot.api import Samples
from bridge.commands.phone.carrier_buffer import FRAME_BYTES
from telephony.codec import decode, encode
from telephony.events import Encoding


class BackgroundSound:
    """A sound that goes on and on."""

    def __init__(self, sound: Samples) -> None:
        """`sound`: float32 at 8 kHz, as loud as it is heard; it is repeated.

        Raises:
            ValueError: it is empty.
        """
        if not len(sound):
            raise ValueError("the background is empty")
        self._sound = np.tile(sound, -(-FRAME_BYTES // len(sound)))
        self._at = 0

    def mix(self, frame: bytes) -> bytes:
        """Return `frame`, mu-law at 8 kHz, with the next of the sound behind it."""
        behind = np.take(self._sound, range(self._at, self._at + len(frame)), mode="wrap")
        self._at = (self._at + len(frame)) % len(self._sound)
        mixed = np.clip(decode(frame, Encoding.MULAW) + behind, -1, 1)
        return encode(mixed.astype(np.float32), Encoding.MULAW)
