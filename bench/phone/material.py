"""The sounds of the scenarios, made from free recordings and local voices: the same for everybody, by seed.

    recording:NAME       a prompt of Debian's asterisk-core-sounds-en-wav (Allison Smith, CC-BY-SA 3.0)
    digits:4155          its digits, one after the other
    hibari:TEXT          the embedded voice (hibari-tts, MIT)
    espeak:VOICE:TEXT    espeak-ng (GPL-3, a program beside ours), e.g. espeak:en-gb+m3:Yes
    aside:TEXT           hibari, away from the microphone: ASIDE_DB quieter
    cough:N              two bursts of noise in the shape of a cough; N seeds them

All speech has the same level. Nothing here is random without a seed.
"""

import hashlib
import wave
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from integration.recordings import FOLDER
from spoken import spoken

from bot.api import Samples
from bot.tts.hibari import HibariTts
from bridge.commands.recording import speech_span
from bridge.speaking.wav import read_wav
from bridge.speech.api import SAMPLE_RATE
from bridge.speech.resample import resample_whole
from phone.scenarios import Scenario, Step
from telephony.codec import encode
from telephony.events import Encoding

RATE: Final = 8000
SPEECH_DBFS: Final = -24.0
"""Level of all speech, over where there is some."""
FLOOR_DBFS: Final = -65.0
"""Noise of a quiet line."""
ASIDE_DB: Final = -12.0
BETWEEN_DIGITS_MS: Final = 60
NOISE_S: Final = 20
_BREAK_AMONG: Final = (0.3, 0.7)
"""Where in a sound a pause is made, as shares of it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a caller: its sound, and where in it is speech, in milliseconds."""

    audio: Samples
    stretches: tuple[tuple[float, float], ...]


def at_level(audio: Samples, dbfs: float) -> Samples:
    """Return `audio` with its speech at `dbfs`."""
    begin_ms, end_ms = speech_span(audio)
    level = float(np.sqrt(np.mean(np.square(audio[8 * begin_ms : 8 * end_ms]))))
    louder: Samples = (audio * (10 ** (dbfs / 20) / level)).astype(np.float32)
    return louder


def noise(dbfs: float, rng: np.random.Generator) -> Samples:
    """Return NOISE_S seconds of pink noise."""
    count = NOISE_S * RATE
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    pink = np.fft.irfft(spectrum, count)
    level = float(np.sqrt(np.mean(pink**2)))
    at_its_level: Samples = (pink * (10 ** (dbfs / 20) / level)).astype(np.float32)
    return at_its_level


def noise_of(call: Scenario, seed: int) -> Samples:
    """Return what the microphone of `call` takes up."""
    dbfs = FLOOR_DBFS if call.snr_db is None else SPEECH_DBFS - call.snr_db
    return noise(dbfs, np.random.default_rng([seed, len(call.name)]))


def cough(rng: np.random.Generator) -> Samples:
    """Return 450 ms: two bursts of noise, sharp at the begin."""
    at = np.arange(int(0.45 * RATE)) / RATE
    burst = np.exp(-at / 0.06) + 0.7 * np.where(at > 0.22, np.exp(-(at - 0.22) / 0.07), 0.0)
    air = np.convolve(rng.standard_normal(len(at)), np.ones(3) / 3, mode="same")  # less hiss
    return (burst * air * np.minimum(1, at / 0.004)).astype(np.float32)


class Material:
    """Makes sounds, each once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made: dict[str, Samples] = {}
        self._voice: HibariTts | None = None

    async def make(self, sources: Iterable[str]) -> Mapping[str, Samples]:
        """Make what of `sources` was not made yet; return all sounds, float32 at 8 kHz.

        Raises:
            ValueError: a source is of no kind, or has no speech.
            OSError: a recording or a program is not installed.
        """
        for source in sources:
            if source not in self._made:
                self._made[source] = await self._sound(source)
        if self._voice is not None:
            self._voice.close()
            self._voice = None
        return self._made

    async def _sound(self, source: str) -> Samples:
        kind, _, what = source.partition(":")
        match kind:
            case "recording":
                return at_level(read_wav(str(FOLDER / f"{what}.wav"), RATE), SPEECH_DBFS)
            case "digits":
                return at_level(dictated(what), SPEECH_DBFS)
            case "hibari":
                return at_level(await self._speak(what), SPEECH_DBFS)
            case "aside":
                return at_level(await self._speak(what), SPEECH_DBFS + ASIDE_DB)
            case "espeak":
                voice, _, text = what.partition(":")
                return at_level(resample_whole(spoken(text, voice=voice), SAMPLE_RATE, RATE), SPEECH_DBFS)
            case "cough":
                return at_level(cough(np.random.default_rng([self._seed, int(what)])), SPEECH_DBFS + 4)
        raise ValueError(f"{source!r}: sounds are recording, digits, hibari, espeak, aside or cough")

    async def _speak(self, text: str) -> Samples:
        if self._voice is None:
            self._voice = HibariTts.load()
        pieces = [piece async for piece in self._voice.speak(text)]
        return resample_whole(np.concatenate(pieces), self._voice.sample_rate, RATE)


def dictated(digits: str) -> Samples:
    """Return recorded digits one after the other."""
    pieces: list[Samples] = []
    for digit in digits:
        one = read_wav(str(FOLDER / "digits" / f"{digit}.wav"), RATE)
        begin_ms, end_ms = speech_span(one)
        pieces += [one[8 * begin_ms : 8 * end_ms], np.zeros(8 * BETWEEN_DIGITS_MS, np.float32)]
    return np.concatenate(pieces[:-1])


def turn_of(step: Step, sounds: Mapping[str, Samples]) -> Turn:
    """Return what the caller says in `step`: from the first sound to the last, its pauses as silence."""
    named = step.say or tuple(f"digits:{group}" for group in step.digits.split())
    pieces = [trimmed(sounds[source]) for source in named]
    pauses = step.pauses_ms or (0,) * (len(pieces) - 1)
    if step.break_ms:
        pieces, pauses = list(broken(pieces[0])), (step.break_ms,)
    audio: list[Samples] = []
    stretches, at_ms = [], 0.0
    for piece, pause_ms in zip(pieces, (*pauses, 0), strict=True):
        stretches.append((at_ms, at_ms + len(piece) / 8))
        audio += [piece, np.zeros(8 * pause_ms, np.float32)]
        at_ms = stretches[-1][1] + pause_ms
    return Turn(np.concatenate(audio), tuple(stretches))


def trimmed(audio: Samples) -> Samples:
    """Return `audio` from its first sound to its last."""
    begin_ms, end_ms = speech_span(audio)
    return audio[8 * begin_ms : 8 * end_ms]


def broken(audio: Samples) -> tuple[Samples, Samples]:
    """Cut `audio` where it is quietest: between words, or in a closed consonant."""
    step = 8 * 10
    energy = np.square(audio[: len(audio) // step * step]).reshape(-1, step).mean(axis=1)
    smooth = np.convolve(energy, np.ones(4) / 4, mode="same")
    first, last = (int(share * len(smooth)) for share in _BREAK_AMONG)
    at = (first + int(np.argmin(smooth[first:last]))) * step
    return trimmed(audio[:at]), trimmed(audio[at:])


def save(sounds: Mapping[str, Samples], folder: Path) -> str:
    """Write every sound as a WAV, and `sounds.txt` with the hash and the source of each; return the hash of the set."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for source, audio in sounds.items():
        pcm = encode(audio, Encoding.L16)
        digest = hashlib.sha256(pcm).hexdigest()[:16]
        with wave.open(str(folder / f"{digest}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(pcm)
        lines.append(f"{digest} {source}\n")
    (folder / "sounds.txt").write_text("".join(lines))
    return fingerprint(sounds)


def fingerprint(sounds: Mapping[str, Samples]) -> str:
    """Return the hash of a set of sounds: the same where everybody hears the same callers."""
    whole = hashlib.sha256()
    for source in sorted(sounds):
        whole.update(source.encode() + encode(sounds[source], Encoding.MULAW))
    return whole.hexdigest()[:16]
