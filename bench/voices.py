"""What local voices cost, how loud they are and what a caller understands: python bench/voices.py [--quick]

Each voice says the sentences of tests/data/voices/sentences.toml in its language; whisper base (the extra multilingual)
hears them again over 8 kHz mu-law. Of Hindi characters are counted, after text in Devanagari as context. First audio
and silences want a quiet machine; CPU seconds are of all threads and hold on a busy one, but not those of espeak-ng.
The models: `bridge models fetch kokoro` and `piper-joe`, or --voices build/voices.
"""

import argparse
import asyncio
import statistics
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jiwer
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import normal

from bot.api import Samples
from bot.tts.espeak import EspeakTts
from bot.tts.finishing import active_rms
from bot.tts.kokoro import KokoroTts
from bot.tts.local_voice import LocalVoice
from bot.tts.piper import PiperTts
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, ModelMissing, Request
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode, encode
from telephony.events import Encoding

ROOT: Final = Path(__file__).parents[1]
SENTENCES: Final = tomllib.loads((ROOT / "tests/data/voices/sentences.toml").read_text("utf-8"))
VOICES: Final = ("af_heart", "ef_dora", "ff_siwis", "if_sara", "pf_dora", "hf_alpha", "hf_beta", "hm_psi")
QUICK: Final = ("af_heart", "hf_alpha")
HINDI_CONTEXT: Final = "आपका नाम क्या है? मैं ठीक हूँ, धन्यवाद।"


async def understood(asr: WhisperAsr, sound: Samples, rate: int, language: str, text: str) -> tuple[float, int]:
    """Return errors and the number of words; of characters for Hindi."""
    line = decode(encode(resample_whole(sound, rate, 8000), Encoding.MULAW), Encoding.MULAW)
    context = HINDI_CONTEXT if language == "Hindi" else ""
    request = Request(resample_whole(line, 8000, SAMPLE_RATE), language=language, context=context, final=True)
    heard = (await asr.decode(request)).text
    if language == "Hindi":
        return jiwer.cer(text, heard or "-") * len(text), len(text)
    words = normal(text)
    return jiwer.wer(words, normal(heard) or "-") * len(words.split()), len(words.split())


async def measure(name: str, voice: LocalVoice | EspeakTts, asr: WhisperAsr | None, sentences: Sequence[str]) -> None:
    await anext(voice.speak(sentences[0]))  # loads and warms up
    first_ms, cpu_s, audio_s, levels, errors, words = [], 0.0, 0.0, [], 0.0, 0
    for text in sentences:
        begun, cpu = time.perf_counter(), time.process_time()
        sounds: list[Samples] = []
        async for sound in voice.speak(text):
            if not sounds:
                first_ms.append(1000 * (time.perf_counter() - begun))
            sounds.append(sound)
        whole = np.concatenate(sounds)
        cpu_s += time.process_time() - cpu
        audio_s += len(whole) / voice.sample_rate
        levels.append(20 * np.log10(active_rms(whole, voice.sample_rate)))
        if asr:
            wrong, count = await understood(asr, whole, voice.sample_rate, voice.language, text)
            errors, words = errors + wrong, words + count
    unit = "characters" if voice.language == "Hindi" else "words"
    print(
        f"{name:18} {voice.language:10} first audio p50 {statistics.median(first_ms):5.0f} ms, "
        f"{cpu_s / audio_s:.2f} CPU s a second, {min(levels):.1f} to {max(levels):.1f} dBFS"
        + (f", {errors:.0f} of {words} {unit} wrong" if asr else "")
    )


async def at_once(voice: LocalVoice, calls: int) -> None:
    """Let `calls` speak for as long as they can, and tell what their callers wait for."""
    text = " ".join(SENTENCES["English"][:4])
    firsts, gaps, audio_s = [], [], 0.0

    async def call() -> None:
        nonlocal audio_s
        begun = heard_until = time.perf_counter()
        first = True
        async for sound in voice.speak(text):
            now = time.perf_counter()
            if first:
                firsts.append(now - begun)
            else:
                gaps.append(max(0.0, now - heard_until))
            heard_until, first = max(now, heard_until) + len(sound) / voice.sample_rate, False
            audio_s += len(sound) / voice.sample_rate

    begun = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(calls)))
    took = time.perf_counter() - begun
    print(
        f"{calls} calls at once: first audio {1000 * min(firsts):.0f} to {1000 * max(firsts):.0f} ms, silence within a "
        f"reply {1000 * sum(gaps) / calls:.0f} ms a call, {audio_s / took:.1f} s of speech a second"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two voices, three sentences each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--voices", type=Path, help="folder of voices, instead of the user's data folder")
    flags = parser.parse_args()
    places = {name: str(flags.voices / name) if flags.voices else "" for name in ("kokoro", "piper")}
    settings = {name: Settings(tts_model_path=at, tts_threads=flags.threads) for name, at in places.items()}
    try:
        asr = WhisperAsr.load("base")
    except ModelMissing as error:
        print(f"nothing is heard again: {error}")
        asr = None
    kokoro = KokoroTts.from_settings(settings["kokoro"])
    most = 3 if flags.quick else 40
    for name in QUICK if flags.quick else VOICES:
        voice = kokoro.voice(name)
        await measure(f"kokoro:{name}", voice, asr, SENTENCES[voice.language][:most])
    for calls in (1, 2) if flags.quick else (1, 2, 4, 8):
        await at_once(kokoro, calls)
    kokoro.close()
    german = EspeakTts("de")
    await measure("espeak:de", german, asr, SENTENCES["German"][:most])
    german.close()
    try:
        piper = PiperTts.from_settings(settings["piper"])
    except RuntimeError as error:
        print(f"no voice of Piper's: {error}")
        return
    await measure(f"piper:{piper.name}", piper, asr, SENTENCES[piper.language][:most])
    piper.close()


if __name__ == "__main__":
    asyncio.run(main())
