"""What the callers of a benchmark say: people's recordings, or the words that the tiny checkpoint knows."""

import io
import random
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from spoken_load import Outcome, Spoken

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from integration.recordings import Prompt, prompts, word_error_rate

from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.resample import resample_whole
from bridge.telephone import speech_span

Kind = Literal["recordings", "vocabulary"]


def sentences(kind: Kind, count: int) -> list[Prompt]:
    """Return recordings of 2 to 6 s, or 3 to 6 words of the tiny checkpoint in synthetic voices."""
    if kind == "recordings":
        return prompts(count, shortest_s=2.0, longest_s=6.0)
    words = "zero one two three four five six seven eight nine yes no hello goodbye help agent account balance payment cancel order please billing".split()
    dice = random.Random(4)
    said = []
    for n in range(count):
        text = " ".join(dice.choice(words) for _ in range(3 + n % 4))
        wav = subprocess.run(
            ["espeak-ng", "-v", ["en-us", "en-gb", "en-us+f2", "en-gb+m3"][n % 4], "-s", "150", "--stdout", text],
            capture_output=True,
            check=True,
        ).stdout
        with wave.open(io.BytesIO(wav)) as f:
            pcm = np.frombuffer(wav[44:], "<i2") / 32768
            audio = resample_whole(pcm.astype(np.float32), f.getframerate(), 8000)
        said.append(Prompt(text, text, audio))
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
    said, heard = [o.said.text for o in outcomes], [o.final for o in outcomes]
    return round(100 * word_error_rate(said, heard), 1)
