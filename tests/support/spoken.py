"""Words spoken by espeak-ng (Debian's package of that name): the voices tests/data/tiny-qwen3-asr was trained on."""

import io
import shutil
import subprocess
import wave
from typing import Final

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.resample import resample_whole
from telephony.codec import encode
from telephony.events import Encoding

_QUIET: Final = 0.01
"""espeak-ng's own silence is digital; below this nothing of a word is heard."""


def available() -> bool:
    """Return whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


def spoken(text: str, *, voice: str = "en-us", words_per_minute: int = 165, pitch: int = 50) -> Samples:
    """Speak `text`; return 16 kHz, the silence before and after it cut off.

    `voice`: a language of espeak-ng, with a variant where wanted: "en-gb", "en-us+f3", "de+m2". `pitch`: 0 to 99.
    """
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), text]
    done = subprocess.run(command, check=True, capture_output=True)
    with wave.open(io.BytesIO(done.stdout)) as recording:
        rate = recording.getframerate()
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    audio = resample_whole((pcm / 32768).astype(np.float32), rate, SAMPLE_RATE)
    heard = np.flatnonzero(np.abs(audio) > _QUIET)
    return audio[heard[0] : heard[-1] + 1]


def telephoned(audio: Samples) -> bytes:
    """Return 16 kHz audio as a telephone line carries it: mu-law, 8 kHz."""
    return encode(resample_whole(audio, SAMPLE_RATE, 8000), Encoding.MULAW)
