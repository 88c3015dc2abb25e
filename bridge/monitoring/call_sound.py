"""What both sides of a call sound like right now, for whoever watches. Pure.

The caller's audio keeps the time: as much of the bot's counts as heard as has come of the caller's since it left. What
is cleared was not heard.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, log10
from typing import Final, Self

import numpy as np

from bridge.legs.marked_audio import MarkedAudio
from bridge.speaking.audio_level import FRAME_MS, SILENT_DB
from bridge.speech.api import Samples
from bridge.speech.resample import make_resampler
from telephony.codec import decode, encode, silence
from telephony.events import AudioFormat, Encoding

LISTENER_HZ: Final = 8000
_LEVEL_MS: Final = 200
"""A level is that of the loudest 20 ms of so much audio."""
_LONGEST_AHEAD_MS: Final = 60_000
_LISTENER_MS: Final = 2000
"""So much may wait for a listener; the oldest goes first."""


class ListenerAudio:
    """What waits for one who listens in: both sides as they came. The call only puts it down here."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._waiting_bytes = 0
        self._most_bytes = audio.bytes_in(_LISTENER_MS)
        self._resampler = make_resampler(audio.sample_rate, LISTENER_HZ)
        self.lost_ms = 0
        """Audio that was not fetched in time."""

    def put(self, caller: bytes, bot: bytes) -> None:
        """Add audio of one moment, as long on both sides."""
        self._waiting.append((caller, bot))
        self._waiting_bytes += len(caller)
        while self._waiting_bytes > self._most_bytes and len(self._waiting) > 1:
            lost = len(self._waiting.popleft()[0])
            self._waiting_bytes -= lost
            self.lost_ms += lost * 1000 // self._audio.bytes_in(1000)

    def take(self) -> bytes:
        """Return both sides mixed, of all that waits: 16 bit samples, little-endian, LISTENER_HZ. b"" if none waits."""
        if not self._waiting:
            return b""
        pairs, self._waiting, self._waiting_bytes = self._waiting, deque(), 0
        caller, bot = (decode(b"".join(side), self._audio.encoding) for side in zip(*pairs, strict=True))
        return encode(self._resampler(caller + bot), Encoding.L16)


class CallSound:
    """Both sides of one call.

    While nobody watches only the bot's audio is kept, as far as the caller has yet to hear it: it left long before.
    """

    def __init__(self, audio: AudioFormat) -> None:
        """`audio`: what both sides are in."""
        self._audio = audio
        self._frame = max(1, audio.sample_rate * FRAME_MS // 1000)
        self._bot_ahead = MarkedAudio()
        self._most_ahead = audio.bytes_in(_LONGEST_AHEAD_MS)
        self._recent: deque[tuple[bytes, bytes]] = deque()
        self._recent_bytes, self._most_recent = 0, audio.bytes_in(_LEVEL_MS)
        self._listeners: list[ListenerAudio] = []
        self._watchers = 0

    @contextmanager
    def watched(self) -> Iterator[Self]:
        """Have what is heard kept, inside the `with`."""
        self._watchers += 1
        try:
            yield self
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._recent.clear()
                self._recent_bytes = 0

    @property
    def is_watched(self) -> bool:
        """Whether anybody does."""
        return self._watchers > 0

    @property
    def listeners(self) -> int:
        """How many listen in."""
        return len(self._listeners)

    def hear(self, payload: bytes) -> None:
        """Note the caller's next audio; what ends inside a sample is none, as whoever decodes it will say."""
        bot = self._bot_ahead.take(len(payload)) if self._bot_ahead else b""
        if not self._watchers or not payload or len(payload) % self._audio.encoding.sample_bytes:
            return
        if short := (len(payload) - len(bot)) // self._audio.encoding.sample_bytes:
            bot += silence(self._audio.encoding, short)
        self._recent.append((payload, bot))
        self._recent_bytes += len(payload)
        while self._recent_bytes - len(self._recent[0][0]) >= self._most_recent:
            self._recent_bytes -= len(self._recent.popleft()[0])
        for listener in self._listeners:
            listener.put(payload, bot)

    def play(self, payload: bytes) -> None:
        """Note audio of the bot that left."""
        self._bot_ahead.play(payload)
        if (beyond := len(self._bot_ahead) - self._most_ahead) > 0:  # the caller's audio, which is the clock, stands
            self._bot_ahead.take(beyond)

    def clear(self) -> None:
        """Note that the caller hears no more of what left."""
        self._bot_ahead.clear()

    def levels_db(self) -> tuple[float, float]:
        """Return the levels of the caller and of the bot in the last 200 ms, dBFS."""
        if not self._recent:
            return SILENT_DB, SILENT_DB
        caller, bot = (self._loudest(b"".join(side)) for side in zip(*self._recent, strict=True))
        return caller, bot

    def listen(self) -> ListenerAudio:
        """Return a new listener, who gets all from now on until `leave`."""
        listener = ListenerAudio(self._audio)
        self._listeners.append(listener)
        return listener

    def leave(self, listener: ListenerAudio) -> None:
        """Give `listener` nothing more."""
        self._listeners.remove(listener)

    def _loudest(self, payload: bytes) -> float:
        samples: Samples = decode(payload, self._audio.encoding)
        frames = samples[: len(samples) // self._frame * self._frame].reshape(-1, self._frame)
        power = float(np.einsum("ij,ij->i", frames, frames).max(initial=0)) / self._frame
        return max(SILENT_DB, 10 * log10(power)) if 0 < power < inf else SILENT_DB  # float samples may be anything
