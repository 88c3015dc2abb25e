"""A voice's sound made fit for a telephone while it still comes: as `finish` does with a sentence that is whole."""

from typing import Final

import numpy as np

from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, LEAD_STEPS, SILENT, STEPS_A_SECOND, TAIL_STEPS, bend, frame_levels

_LEARNED_FROM: Final = 3
"""Sentences: a voice differs by 1 to 2 dB from one to the next, and its level is known to half of that after three."""
_SHORTEST_S: Final = 0.3
_LEAST, _MOST = 0.1, 10.0


class LearnedGain:
    """The factor that brings one voice to ACTIVE_DBFS: learned from its first sentences, and kept."""

    def __init__(self) -> None:
        self.factor = 1.0
        self._heard_db: list[float] = []

    @property
    def settled(self) -> bool:
        """True once there is no more to learn."""
        return len(self._heard_db) >= _LEARNED_FROM

    def learn(self, frames: Samples) -> None:
        """Learn from a sentence: the RMS, before the gain, of each of its 20 ms."""
        if self.settled or len(frames) < _SHORTEST_S * 50 or frames.max() < SILENT:
            return
        active = frames[frames >= frames.max() / 10]
        self._heard_db.append(10 * float(np.log10(np.mean(active**2))))
        self.factor = float(np.clip(10 ** ((ACTIVE_DBFS - np.mean(self._heard_db)) / 20), _LEAST, _MOST))


class StreamedSentence:
    """One sentence: silence at its ends trimmed, one level, peaks bent, both ends faded. Pauses stay as they are."""

    def __init__(self, sample_rate: int, gain: LearnedGain) -> None:
        self._step, self._gain = sample_rate // STEPS_A_SECOND, gain
        self._held = np.empty(0, np.float32)
        """What may yet turn out to be the end, at the level it will have."""
        self._begun = False
        self._frames: list[Samples] = []
        self._unmeasured = np.empty(0, np.float32)

    def feed(self, samples: Samples) -> Samples:
        """Return what can leave by now: all but the newest silence and 5 ms of sound."""
        self._measure(samples)
        self._held = np.concatenate((self._held, bend(samples * np.float32(self._gain.factor))))
        loud = np.flatnonzero(frame_levels(self._held, self._step) > SILENT)
        if not len(loud):
            if not self._begun:
                self._held = self._held[max(0, len(self._held) - (LEAD_STEPS + 1) * self._step) :]
            return np.empty(0, np.float32)
        begin = 0 if self._begun else max(0, loud[0] - LEAD_STEPS) * self._step
        ready, self._held = self._held[begin : loud[-1] * self._step], self._held[loud[-1] * self._step :]
        if not self._begun and len(ready) >= self._step:
            ready = ready.copy()
            ready[: self._step] *= np.linspace(0, 1, self._step, dtype=np.float32)
            self._begun = True
        elif not self._begun:
            self._held, ready = np.concatenate((ready, self._held)), ready[:0]
        return ready

    def flush(self) -> Samples:
        """Return the end: 120 ms of silence at most, and faded."""
        loud = np.flatnonzero(frame_levels(self._held, self._step) > SILENT)
        if not self._begun and not len(loud):
            return np.empty(0, np.float32)
        end = ((loud[-1] + 1 if len(loud) else 0) + TAIL_STEPS) * self._step
        rest = self._held[:end].copy()
        if not self._begun and len(rest) >= self._step:
            rest[: self._step] *= np.linspace(0, 1, self._step, dtype=np.float32)
        if len(rest):
            fade = min(self._step, len(rest))
            rest[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        return rest

    def finished(self) -> None:
        """Let the gain learn from this sentence, which is whole."""
        if self._frames:
            self._gain.learn(np.concatenate(self._frames))

    def _measure(self, samples: Samples) -> None:
        if self._gain.settled:
            return
        frame = self._step * STEPS_A_SECOND // 50
        joined = np.concatenate((self._unmeasured, samples))
        self._frames.append(frame_levels(joined, frame))
        self._unmeasured = joined[len(joined) // frame * frame :]
