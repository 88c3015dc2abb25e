"""What the callers of a benchmark say: people's recordings, or the words that the tiny checkpoint knows."""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from spoken_load import Outcome, Spoken

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from integration.recordings import Prompt, prompts, word_error_rate
from spoken import spoken

from bridge.commands.recording import speech_span
from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.resample import resample_whole

WORDS: Final = (
    "zero one two three four five six seven eight nine yes no hello goodbye help agent account balance payment cancel "
    "order please billing"
).split()
VOICES: Final = ("en-us", "en-gb", "en-us+f2", "en-gb+m3")

Kind = Literal["recordings", "vocabulary"]


def sentences(kind: Kind, count: int) -> list[Prompt]:
    """Return recordings of 2 to 6 s, or 3 to 6 words of the tiny checkpoint in synthetic voices."""
    if kind == "recordings":
        return prompts(count, shortest_s=2.0, longest_s=6.0)
    dice, said = random.Random(4), list[Prompt]()
    for number in range(count):
        text = " ".join(dice.choice(WORDS) for _ in range(3 + number % 4))
        audio = spoken(text, voice=VOICES[number % len(VOICES)], words_per_minute=130)
        said.append(Prompt(text, text, resample_whole(audio, SAMPLE_RATE, 8000)))
    return said


def speech(kind: Kind, count: int) -> list[Spoken]:
    """Return `sentences` as they come over a telephone line, from the first sound to the last."""
    said = []
    for prompt in sentences(kind, count):
        begin_ms, end_ms = speech_span(prompt.audio)
        said.append(Spoken(prompt.text, "English", prompt.wide[begin_ms * 16 : end_ms * 16]))
    return said


def long_speech(said: Sequence[Spoken], seconds: float) -> Samples:
    """Return utterances joined to `seconds` of speech without end: for timing, not for words."""
    audio = np.concatenate([each.audio for each in said])
    times = int(seconds * SAMPLE_RATE) // len(audio) + 1
    return np.tile(audio, times)[: int(seconds * SAMPLE_RATE)]


def words_wrong(outcomes: Sequence[Outcome]) -> float:
    """Return the word error rate of the finals, in per cent."""
    return words_differing([o.said.text for o in outcomes], [o.final for o in outcomes])


def words_differing(said: Sequence[str], heard: Sequence[str]) -> float:
    """Return word errors in per cent of the words said."""
    return round(100 * word_error_rate(list(said), list(heard)), 2)
