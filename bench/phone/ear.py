"""What the caller hears: audio put in a row as a carrier plays it, and where in it somebody speaks. Pure: no clock.

Time is not cut into frames here. Audio begins to play when it arrives, or when what came before it has ended, so that a
response time is as exact as the arrival, and not as the next tick of 20 ms.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from telephony.codec import decode
from telephony.events import Encoding

BYTES_A_MS: Final = 8
WINDOW_MS: Final = 5
"""The grid on which voice is found."""
VOICED_DBFS: Final = -42.0
"""A window louder than this is voice. A telephone voice is at -25 dBFS, a line's noise below -55."""
PAUSE_MS: Final = 20.0
"""Voice goes on over shorter pauses."""
LONGEST_MS: Final = 600_000.0
"""So much may wait to be played; Twilio drops what is more (its warning 31931)."""
GAP_MS: Final = (20.0, 1500.0)
"""Shorter is no gap that anybody hears, longer is a pause."""
_EDGE_MS: Final = 60
"""A gap is audible where there is voice so close before it and behind it."""

Span = tuple[float, float]
"""Begin and end, milliseconds since the call began."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of audio, and when the caller began to hear it."""

    at_ms: float
    mulaw: bytes

    @property
    def ends_ms(self) -> float:
        return self.at_ms + len(self.mulaw) / BYTES_A_MS


class Ear:
    """The far end of a call. The times that are handed in never fall."""

    def __init__(self) -> None:
        self.sounds: list[Sound] = []
        self.gaps_ms: list[float] = []
        """Breaks inside what the bot said: it ran dry in the middle of a sound and went on."""
        self.clears_ms: list[float] = []
        self.dropped = 0
        """Messages with audio beyond LONGEST_MS."""
        self._voice: list[Span] = []
        self._marks: deque[tuple[float, str]] = deque()
        self._whole = False  # what ran dry ended where the server meant it to: at a mark, or by a clear

    @property
    def free_ms(self) -> float:
        """When all that has arrived will have been heard."""
        return self.sounds[-1].ends_ms if self.sounds else 0.0

    @property
    def last_voice_ms(self) -> float:
        """When the last voice of all that has arrived will have been heard."""
        return self._voice[-1][1] if self._voice else 0.0

    def play(self, mulaw: bytes, now_ms: float) -> None:
        """Take audio that arrived now."""
        if self.free_ms - now_ms > LONGEST_MS:
            self.dropped += 1
            return
        sound = Sound(max(now_ms, self.free_ms), mulaw)
        spans = voiced(sound)
        self._look_for_a_gap(sound, spans)
        self.sounds.append(sound)
        join(self._voice, spans)
        self._whole = False

    def mark(self, name: str, now_ms: float) -> None:
        """Take a mark: it comes back once all before it was heard."""
        self._marks.append((max(now_ms, self.free_ms), name))
        self._whole = True

    def reached(self, now_ms: float) -> list[str]:
        """Return the marks that have been reached since it was last asked."""
        names = []
        while self._marks and self._marks[0][0] <= now_ms:
            names.append(self._marks.popleft()[1])
        return names

    def clear(self, now_ms: float) -> list[str]:
        """Drop what was not heard yet; return the marks in it, which come back at once."""
        self.clears_ms.append(now_ms)
        while self.sounds and self.sounds[-1].at_ms >= now_ms:
            self.sounds.pop()
        if self.sounds and self.sounds[-1].ends_ms > now_ms:
            last = self.sounds.pop()
            self.sounds.append(Sound(last.at_ms, last.mulaw[: round((now_ms - last.at_ms) * BYTES_A_MS)]))
        self._voice = [(begin, min(end, now_ms)) for begin, end in self._voice if begin < now_ms]
        self._whole = True
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def voice(self, until_ms: float = float("inf")) -> list[Span]:
        """Return where the bot was heard to speak, up to `until_ms`; pauses below 20 ms are none."""
        return [(begin, min(end, until_ms)) for begin, end in self._voice if begin < until_ms]

    def track(self, length_ms: float) -> bytes:
        """Return what was heard in the first `length_ms`, mu-law at 8 kHz."""
        heard = bytearray(b"\xff" * round(length_ms * BYTES_A_MS))
        for sound in self.sounds:
            at = round(sound.at_ms * BYTES_A_MS)
            piece = sound.mulaw[: max(0, len(heard) - at)]
            heard[at : at + len(piece)] = piece
        return bytes(heard)

    def _look_for_a_gap(self, sound: Sound, spans: list[Span]) -> None:
        gap_ms = sound.at_ms - self.free_ms
        if not self.sounds or self._whole or not GAP_MS[0] <= gap_ms < GAP_MS[1]:
            return
        voice_before = bool(self._voice) and self._voice[-1][1] > self.free_ms - _EDGE_MS
        voice_behind = bool(spans) and spans[0][0] < sound.at_ms + _EDGE_MS
        if voice_before and voice_behind:
            self.gaps_ms.append(gap_ms)


def voiced(sound: Sound) -> list[Span]:
    """Return where in `sound` there is voice."""
    audio = decode(sound.mulaw, Encoding.MULAW)
    step = WINDOW_MS * BYTES_A_MS
    padded = np.zeros(-(-len(audio) // step) * step, np.float32)
    padded[: len(audio)] = audio
    loud = np.sqrt((padded.reshape(-1, step) ** 2).mean(axis=1)) > 10 ** (VOICED_DBFS / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    return [
        (sound.at_ms + WINDOW_MS * begin, min(sound.at_ms + WINDOW_MS * end, sound.ends_ms))
        for begin, end in edges.reshape(-1, 2).tolist()
    ]


def join(spans: list[Span], more: list[Span]) -> None:
    """Add `more`, which come behind `spans`; those less than PAUSE_MS apart become one."""
    for begin, end in more:
        if spans and begin - spans[-1][1] < PAUSE_MS:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((begin, end))
