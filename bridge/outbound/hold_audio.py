"""What a caller hears who waits to be put through: a recording, a text, or music of our own, again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np

from bot.api import Samples
from bridge.leg import Leg
from bridge.speaking.voices.prompts_ahead import record
from bridge.speaking.voices.voices import Voices
from bridge.speaking.wav import read_wav
from bridge.speaking.wire_encoder import WireEncoder
from telephony.events import AudioFormat, Play

_LONGEST_S: Final = 600
_PAUSE_S: Final = 6.0  # between two times that a text is said
_SLICE_S: Final = 0.1
_LEAD_S: Final = 0.2  # what the far side has, so that a stall of ours is not heard
_NOTES: Final = (261.63, 329.63, 392.0, 523.25, 392.0, 329.63, 220.0, 261.63, 329.63, 440.0, 329.63, 261.63)
"""Hertz: C major and A minor, broken."""
_NOTE_S: Final = 0.5
_LEVEL: Final = 0.08  # full scale is 1: 22 dB below it, so that a word of the bot before it is louder


async def hold_audio(hold: str, voices: Voices) -> Samples:
    """Return what `hold` of a transfer names, float32 of shape (n,), to be played in a circle, at the voices' rate.

    Raises:
        OSError, ValueError: it is a recording that cannot be played.
        PluginError: all voices fail at a text.
    """
    if not hold:
        return music(voices.sample_rate)
    if hold.lower().endswith(".wav"):
        return await asyncio.to_thread(read_wav, hold, voices.sample_rate, longest_s=_LONGEST_S)
    said = await record(voices, hold)
    pause = np.zeros(int(_PAUSE_S * voices.sample_rate), np.float32)
    return np.concatenate([said[0], pause]) if said else pause


def music(sample_rate: int) -> Samples:
    """Return some seconds of soft broken chords, float32 of shape (n,), that go round without a click."""
    size = int(_NOTE_S * sample_rate)
    at_s = np.arange(2 * size) / sample_rate
    rise_and_fall = np.minimum(at_s / 0.02, 1.0) * np.exp(-3.0 * at_s) * np.minimum((2 * _NOTE_S - at_s) / 0.02, 1.0)
    tune = np.zeros(size * len(_NOTES), np.float32)
    for index, hertz in enumerate(_NOTES):  # each note sounds into the next, the last one into the first
        note = _LEVEL * rise_and_fall * np.sin(2 * np.pi * hertz * at_s)
        places = (index * size + np.arange(2 * size)) % len(tune)
        tune[places] += note.astype(np.float32)
    return tune


class OnHold:
    """Plays it to one leg, at the pace at which it is heard: it can end at any moment, and nothing is to be cleared."""

    def __init__(
        self,
        leg: Leg,
        audio: AudioFormat,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock_s: Callable[[], float],
    ) -> None:
        """`audio`: what the leg takes. `clock_s`: seconds of a clock that never goes back."""
        self._leg, self._audio, self._pause, self._clock_s = leg, audio, pause, clock_s

    async def play(self, samples: Samples, sample_rate: int) -> None:
        """Play `samples` again and again, until cancelled. None at all is silence."""
        encoder = WireEncoder(sample_rate, self._audio)
        size = max(1, int(_SLICE_S * sample_rate))
        circle = samples if len(samples) else np.zeros(size, np.float32)
        due_s, at = self._clock_s(), 0
        while True:
            places = np.arange(at, at + size) % len(circle)
            await self._leg.send(Play(encoder.encode(circle[places])))
            at = (at + size) % len(circle)
            due_s = max(due_s, self._clock_s()) + _SLICE_S  # after a stall it goes on from now
            await self._pause(max(0.0, due_s - _LEAD_S - self._clock_s()))
