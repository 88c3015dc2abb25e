"""Utterances as a telephone brings them, made on the fly from clips: no two that a training sees are alike."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.resample import resample_whole
from telephony.codec import decode, encode
from telephony.events import Encoding
from tiny_qwen3_asr.clips import Clip, Voice

MOST_WORDS: Final = 6

_SENTENCES, _NOISE, _CUT, _TELEPHONE = 0.31, 0.04, 0.4, 0.5
"""Shares of whole sentences, of noise with nobody in it, of joined words broken off, of the telephone's band."""
_HEARD: Final = 0.75
"""A word broken off counts as said when so much of it was heard: this is what makes partial results good."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one training step asks about."""

    audio: Samples
    words: tuple[str, ...]
    """None were said in noise."""
    language: str
    """As the model is to name it: "None" where nothing was said."""


def draw(rng: random.Random, voices: Sequence[Voice]) -> Utterance:
    """Return an utterance as a caller might produce it."""
    if rng.random() < _NOISE:
        return Utterance(_roughen(rng, np.zeros(int(rng.uniform(0.3, 4.0) * SAMPLE_RATE), np.float32)), (), "None")
    voice = rng.choice(voices)
    whole_sentence = rng.random() < _SENTENCES
    said = whole(rng, voice) if whole_sentence else joined(rng, voice, broken_off=rng.random() < _CUT)
    return Utterance(_roughen(rng, said.audio), said.words, said.language)


def whole(rng: random.Random, voice: Voice) -> Utterance:
    """Return a sentence as espeak-ng said it, with silence around it."""
    clip = rng.choice(voice.sentences)
    return Utterance(np.concatenate((_silence(rng, 0.6), clip.audio, _silence(rng, 0.6))), clip.words, clip.language)


def joined(rng: random.Random, voice: Voice, *, broken_off: bool = False) -> Utterance:
    """Return one to six words of `voice`, 0 to 0.35 s apart, with silence around them or broken off in the middle."""
    words = rng.choices(list(voice.words), k=rng.randint(1, MOST_WORDS))
    parts, needed = [_silence(rng, 0.6)], []
    for word in words:
        clip: Clip = rng.choice(voice.words[word])
        begun = sum(map(len, parts))
        needed.append(begun + int(_HEARD * len(clip.audio)))
        parts += [clip.audio, _silence(rng, 0.35)]
    audio = np.concatenate([*parts, _silence(rng, 0.6)])
    if broken_off:
        audio = audio[: rng.randint(min(len(audio), SAMPLE_RATE // 4), len(audio))]
    said = tuple(word for word, end in zip(words, needed, strict=True) if end <= len(audio))
    return Utterance(audio, said, voice.language if said else "None")


def telephone(audio: Samples) -> Samples:
    """Return `audio` after 8 kHz and 8-bit mu-law, at 16 kHz again."""
    mulaw = encode(resample_whole(audio, SAMPLE_RATE, 8000), Encoding.MULAW)
    return resample_whole(decode(mulaw, Encoding.MULAW), 8000, SAMPLE_RATE)


def _silence(rng: random.Random, longest_s: float) -> Samples:
    return np.zeros(int(rng.uniform(0, longest_s) * SAMPLE_RATE), np.float32)


def _roughen(rng: random.Random, audio: Samples) -> Samples:
    """Change the level by -14 to +6 dB, add noise 8 to 45 dB below the speech, and send half of it by telephone."""
    noise = _noise(rng, len(audio))
    speech_rms = float(np.sqrt(np.mean(audio**2))) or 0.05  # of silence: as if somebody had spoken
    level, below = 10 ** (rng.uniform(-14, 6) / 20), 10 ** (-rng.uniform(8, 45) / 20)
    mixed = np.clip(level * (audio + below * speech_rms * noise), -1, 1).astype(np.float32)
    return telephone(mixed) if rng.random() < _TELEPHONE else mixed


def _noise(rng: random.Random, samples: int) -> Samples:
    """Return noise of root mean square 1, between white and brownish."""
    white = np.random.default_rng(rng.getrandbits(32)).standard_normal(samples + 64).astype(np.float32)
    smooth = rng.choice((1, 1, 2, 4, 8, 16))
    noise: Samples = np.convolve(white, np.ones(smooth, np.float32), "same")[:samples].astype(np.float32)
    return noise / np.float32(np.sqrt(np.mean(noise**2)))
