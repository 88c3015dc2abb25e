"""What the denoiser does to recognition and to voice activity: python bench/denoiser.py [--prompts 50] [--json]

Each row is one telephone call: prompts one after the other, half a second of pause on both sides of each, noise
over all of it, mu-law, then the live path. Word errors are the recogniser's on each prompt; a VAD window counts
as speech where the clean prompt is loud, as silence where it is quiet, and not at all in between.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Request, Samples
from bridge.speech.backends.deepfilter import DeepFilterPool
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import make_resampler
from telephony.codec import decode, encode
from telephony.events import Encoding

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import Prompt, prompts, word_error_rate

LINE_RATE: Final = 8_000
PAUSE: Final = LINE_RATE // 2
TALKERS: Final = 8  # in the babble
NOISES: Final = [("clean", 0), *((name, snr) for name in ("pink", "babble") for snr in (10, 5, 0))]
LIMITS_DB: Final = (0, 9, 100)  # 0 is the raw signal
THRESHOLD: Final = 0.5
LOUD_DB, QUIET_DB = -25, -45  # of a window of clean speech, against the level of the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    noise: str
    snr_db: int
    limit_db: int
    word_error_rate: float
    vad_true_positive_rate: float
    vad_false_positive_rate: float


@dataclass(frozen=True, slots=True)
class Call:
    """Prompts one after the other, before the noise; 8 kHz."""

    prompts: Sequence[Prompt]
    speech: Samples
    spans: Sequence[tuple[int, int]]
    """First sample of each prompt's leading pause, and the first after its trailing one."""


def make_call(chosen: Sequence[Prompt]) -> Call:
    pause = np.zeros(PAUSE, np.float32)
    pieces = [np.concatenate((pause, prompt.audio, pause)) for prompt in chosen]
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    return Call(chosen, np.concatenate(pieces), list(zip([0, *ends[:-1]], ends, strict=True)))


def pink(length: int, rng: np.random.Generator) -> Samples:
    spectrum = np.fft.rfft(rng.standard_normal(length))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), length).astype(np.float32)


def babble(length: int, talk: Sequence[Prompt], rng: np.random.Generator) -> Samples:
    """Return several people talking at once, without pause."""
    mixed = np.zeros(length, np.float32)
    for _ in range(TALKERS):
        order = rng.permutation(len(talk))
        voice = np.concatenate([talk[i].audio / level(talk[i].audio) for i in order])
        mixed += np.resize(np.roll(voice, int(rng.integers(len(voice)))), length)
    return mixed


def level(samples: Samples) -> float:
    """Return the root mean square of what is above 30 dB under the peak: pauses do not count."""
    active = samples[np.abs(samples) > np.abs(samples).max() / 31.6]
    return float(np.sqrt(np.mean(np.square(active))))


def heard(call: Call, name: str, snr_db: int, talk: Sequence[Prompt]) -> Samples:
    """Return `call` with noise, after the line and the resampler of the ear: 16 kHz."""
    rng = np.random.default_rng(1)
    length = len(call.speech)
    if name == "clean":
        line = call.speech
    else:
        noise = pink(length, rng) if name == "pink" else babble(length, talk, rng)
        rms = np.sqrt(np.mean(np.square(noise)))
        line = call.speech + noise * np.float32(level(call.speech) / rms * 10 ** (-snr_db / 20))
        line /= max(1.0, float(np.abs(line).max()))
    wire = decode(encode(line.astype(np.float32), Encoding.MULAW), Encoding.MULAW)
    resampler = make_resampler(LINE_RATE, SAMPLE_RATE)
    wide = np.concatenate((resampler(wire), resampler.flush()))
    return wide[round(resampler.delay_ms * SAMPLE_RATE / 1000) :]


async def denoised(samples: Samples, pool: DeepFilterPool) -> Samples:
    denoiser = await pool.open()
    late = denoiser(np.concatenate((samples, np.zeros(denoiser.delay, np.float32))))
    denoiser.close()
    return late[denoiser.delay :]


async def vad_rates(samples: Samples, call: Call, vad: SileroVad) -> tuple[float, float]:
    """Return the share of loud windows, and of quiet ones, that the VAD took for speech."""
    stream = vad.open()
    ratio = SAMPLE_RATE // LINE_RATE
    count = len(samples) // stream.window
    windows = samples[: count * stream.window].reshape(count, -1)
    fired = np.array([await stream(window) > THRESHOLD for window in windows])
    clean = call.speech[: count * stream.window // ratio].reshape(count, -1)
    loudness = 20 * np.log10(np.sqrt(np.mean(np.square(clean), axis=1)) / level(call.speech) + 1e-9)
    return float(fired[loudness > LOUD_DB].mean()), float(fired[loudness < QUIET_DB].mean())


async def word_errors(samples: Samples, call: Call, asr: WhisperAsr) -> float:
    ratio = SAMPLE_RATE // LINE_RATE
    requests = [Request(samples[first * ratio : end * ratio], final=True) for first, end in call.spans]
    texts = [(await asr.decode(request)).text for request in requests]
    return word_error_rate([prompt.text for prompt in call.prompts], texts)


async def measure(count: int) -> list[Row]:
    chosen = prompts(2 * count)  # the second half talks in the background
    call, talk = make_call(chosen[:count]), chosen[count:] or chosen
    vad, asr = SileroVad.load(), WhisperAsr.load()
    pools = {limit: DeepFilterPool.load(attenuation_limit_db=limit) for limit in LIMITS_DB if limit}
    rows = []
    for name, snr_db in NOISES:
        raw = heard(call, name, snr_db, talk)
        for limit in LIMITS_DB:
            samples = await denoised(raw, pools[limit]) if limit else raw
            loud, quiet = await vad_rates(samples, call, vad)
            rows.append(
                Row(
                    noise=name,
                    snr_db=snr_db,
                    limit_db=limit,
                    word_error_rate=round(await word_errors(samples, call, asr), 3),
                    vad_true_positive_rate=round(loud, 3),
                    vad_false_positive_rate=round(quiet, 3),
                )
            )
            print(rows[-1], file=sys.stderr)
    for pool in pools.values():
        pool.close()
    asr.close()
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return `rows` as markdown: a line for each noise, its limits side by side."""
    heads = ["raw" if limit == 0 else f"{limit} dB" for limit in LIMITS_DB]
    lines = [
        f"| noise | {' | '.join(f'WER {head}' for head in heads)} | {' | '.join(f'VAD {head}' for head in heads)} |",
        "|" + " --- |" * (1 + 2 * len(heads)),
    ]
    for name, snr_db in NOISES:
        of_this = [row for row in rows if (row.noise, row.snr_db) == (name, snr_db)]
        errors = [f"{100 * row.word_error_rate:.1f}" for row in of_this]
        rates = [f"{100 * row.vad_true_positive_rate:.1f} / {100 * row.vad_false_positive_rate:.1f}" for row in of_this]
        label = name if name == "clean" else f"{name} {snr_db} dB"
        lines.append(f"| {' | '.join([label, *errors, *rates])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=int, default=50, metavar="N", help="prompts in a call (default 50)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    rows = asyncio.run(measure(options.prompts))
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else table(rows))


if __name__ == "__main__":
    main()
