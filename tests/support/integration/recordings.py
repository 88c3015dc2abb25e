"""Human telephone prompts and their texts: Debian's asterisk-core-sounds-en-wav (Allison Smith, CC-BY-SA 3.0)."""

import gzip
import re
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import jiwer
import numpy as np

from bridge.commands.recording import Recording, speech_span
from bridge.speech.api import Samples
from bridge.speech.resample import resample_whole
from telephony.codec import decode, encode
from telephony.events import Encoding

FOLDER: Final = Path("/usr/share/asterisk/sounds/en")
_SCRIPT: Final = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_DIGITS: Final = "zero one two three four five six seven eight nine".split()


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    text: str
    audio: Samples
    """8 kHz."""

    @property
    def mulaw(self) -> bytes:
        return encode(self.audio, Encoding.MULAW)

    @property
    def wide(self) -> Samples:
        """16 kHz, after the telephone line."""
        return resample_whole(decode(self.mulaw, Encoding.MULAW), 8000, 16_000)

    @property
    def seconds(self) -> float:
        return len(self.audio) / 8000


def available() -> bool:
    return FOLDER.exists() and _SCRIPT.exists()


def prompt(name: str) -> Prompt:
    with wave.open(str(FOLDER / f"{name}.wav")) as recording:
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    return Prompt(name, _script()[name], (pcm / 32768).astype(np.float32))


def prompts(count: int, *, shortest_s: float = 1.5, longest_s: float = 6.0) -> list[Prompt]:
    """Return the first `count` prompts that are one plain sentence of at least four words, by name."""
    found: list[Prompt] = []
    for name, text in sorted(_script().items()):
        if len(found) == count:
            break
        odd = re.search(r"[\[\]<>#*0-9]|\.\.\.|\bPBX\b|[A-Z]{2}", text)
        if len(text.split()) < 4 or odd or not (FOLDER / f"{name}.wav").exists():
            continue
        candidate = prompt(name)
        if shortest_s <= candidate.seconds <= longest_s:
            found.append(candidate)
    return found


def recordings(said: Sequence[Prompt]) -> list[Recording]:
    return [Recording(prompt.name, prompt.mulaw, *speech_span(prompt.audio)) for prompt in said]


def without_pauses(said: Sequence[Recording]) -> bytes:
    """Return one stretch of speech, mu-law, for a caller who talks without end."""
    return b"".join(recording.mulaw[recording.begins_ms * 8 : recording.ends_ms * 8] for recording in said)


@cache
def _script() -> dict[str, str]:
    lines = gzip.decompress(_SCRIPT.read_bytes()).decode(errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if not line.startswith(";"))
    return {name.strip(): text.strip() for name, _, text in pairs if text.strip()}


def normal(text: str) -> str:
    """Lower case, no punctuation, digits as words: what is the same to the ear is the same."""
    text = re.sub(r"\d", lambda digit: f" {_DIGITS[int(digit[0])]} ", text.lower().replace("-", " "))
    return " ".join(re.sub(r"[^\w\s']", " ", text).split())


def word_error_rate(said: list[str], heard: list[str]) -> float:
    """Return errors per word said, 0.0 and up."""
    return float(jiwer.wer([normal(text) for text in said], [normal(text) or "(nothing)" for text in heard]))
