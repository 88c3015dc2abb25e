"""What espeak-ng says: each word and some sentences in many voices, and other voices that training never hears."""

import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from spoken import spoken

from bridge.speech.api import Samples
from tiny_qwen3_asr.words import WORDS

_ACCENTS: Final = "en-us en-gb en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-029".split()
_VARIANTS: Final = (
    *"m1 f1 m2 f2 m3 f3 m4 f5 m5 m6 klatt klatt2 klatt4 Annie Mike Andy linda edward Alex Alicia Andrea adam".split(),
    *"anika belinda benjamin boris caleb david grandma grandpa iven john max miguel pablo paul pedro quincy".split(),
    *"rob robert sandro shelby travis victor zac Jacky Lee Marco Gene".split(),
)
_KEPT_ASIDE: Final = "m7 m8 f4 klatt3 steph".split()
"""Variants of the voices that evaluation uses and training never hears."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One call of espeak-ng."""

    audio: Samples
    """16 kHz, no silence around it."""
    words: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Voice:
    """All that one voice said."""

    language: str
    words: dict[str, Sequence[Clip]]
    sentences: Sequence[Clip]
    """Two to five words in one breath: they run into each other as joined clips do not."""


def training_voices(seed: int) -> list[Voice]:
    """Speak what is trained on: 75 voices, about two hours and a half."""
    english = [f"{_ACCENTS[i % len(_ACCENTS)]}+{variant}" for i, variant in enumerate(_VARIANTS)]
    return _speak([*_ACCENTS, *english], ["de", *_plus("de", _VARIANTS[:18])], seed=seed, takes=2, sentences=40)


def unheard_voices(seed: int) -> list[Voice]:
    """Speak what is measured on: 15 voices, none of which is trained on."""
    english = [*_plus("en-us", _KEPT_ASIDE), *_plus("en-gb", _KEPT_ASIDE)]
    return _speak(english, _plus("de", _KEPT_ASIDE), seed=seed + 1, takes=1, sentences=10)


def _plus(base: str, variants: Sequence[str]) -> list[str]:
    return [f"{base}+{variant}" for variant in variants]


def _speak(english: Sequence[str], german: Sequence[str], *, seed: int, takes: int, sentences: int) -> list[Voice]:
    rng = random.Random(seed)
    names = [*((name, "English") for name in english), *((name, "German") for name in german)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each clip is a process of espeak-ng
        begun = [
            pool.submit(_voice, name, language, seed=rng.getrandbits(32), takes=takes, sentences=sentences)
            for name, language in names
        ]
        return [voice.result() for voice in begun]


def _voice(name: str, language: str, *, seed: int, takes: int, sentences: int) -> Voice:
    rng, known = random.Random(seed), WORDS[language]
    return Voice(
        language,
        {word: [_clip(rng, name, language, (word,)) for _ in range(takes)] for word in known},
        [_clip(rng, name, language, tuple(rng.choices(known, k=rng.randint(2, 5)))) for _ in range(sentences)],
    )


def _clip(rng: random.Random, name: str, language: str, words: tuple[str, ...]) -> Clip:
    audio = spoken(" ".join(words), voice=name, words_per_minute=rng.randint(120, 220), pitch=rng.randint(15, 85))
    return Clip(audio, words, language)
