"""Callers whom the English announcer is no example of: python bench/callers.py FILE.json

- made: voices of Kokoro say what bench/turn_phrases.toml has: sentences, phrases and beginnings that break off
- human: the announcers of Debian's prompts in Spanish, French, Italian and Russian (asterisk-core-sounds-*-wav)

English is heard by tiny.en and by base, the rest by base. What was known at each silence is kept in FILE.json, for
bench/endofturn.py and bench/fit_ending.py. `bridge models fetch kokoro` brings the voices.
"""

import argparse
import asyncio
import json
import re
import sys
import tomllib
import wave
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from pauses import Listener, Silence, broken, whole

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import Prompt

from bot.tts.kokoro import KokoroTts
from bridge.settings import Settings
from bridge.speech.api import Samples
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole

PHRASES: Final = tomllib.loads(Path(__file__).with_name("turn_phrases.toml").read_text("utf-8"))
VOICES: Final = {
    "English": ("af_heart", "am_adam", "bf_emma", "bm_george", "af_bella", "am_michael"),
    "Spanish": ("ef_dora", "em_alex"),
    "French": ("ff_siwis",),
    "Italian": ("if_sara", "im_nicola"),
    "Portuguese": ("pf_dora", "pm_alex"),
    "Hindi": ("hf_alpha", "hm_omega"),
}
HUMAN: Final = {"es": "Spanish", "fr": "French", "it": "Italian", "ru": "Russian"}
SOUNDS: Final = Path("/usr/share/asterisk/sounds")


class Callers:
    """Voices that say each text once, however many recognisers hear it."""

    def __init__(self) -> None:
        self._kokoro = KokoroTts.from_settings(Settings(tts_threads=1))
        self._said: dict[tuple[str, str], Samples] = {}

    async def say(self, name: str, text: str) -> Samples:
        """Return `text` as 8 kHz samples."""
        if (name, text) not in self._said:
            voice = self._kokoro.voice(name)
            clauses = [clause async for clause in voice.speak(text)]
            self._said[name, text] = resample_whole(np.concatenate(clauses), voice.sample_rate, 8000)
        return self._said[name, text]

    def close(self) -> None:
        self._kokoro.close()


async def made(listener: Listener, callers: Callers, language: str, rng: np.random.Generator) -> list[Silence]:
    found: list[Silence] = []
    for number, name in enumerate(VOICES[language]):
        share = 2 if len(VOICES[language]) > 2 else 1
        for kind, texts in PHRASES[language].items():
            for at, text in enumerate(texts):
                if (at + number) % share:  # each of many voices says half of them
                    continue
                prompt = Prompt(f"{name}/{kind}/{at}", text, await callers.say(name, text))
                rows = await whole(prompt, listener, rng, name, language)
                if kind == "begun":
                    rows = [replace(row, kind="begun") for row in rows if row.kind == "end"]
                elif kind == "phrases":
                    rows = [replace(row, phrase=True) for row in rows]
                else:
                    rows += await broken(prompt, listener, rng, name, language)
                found += rows
        print(f"{name}: {len(found)}", file=sys.stderr, flush=True)
    return found


def recorded(code: str, *, shortest_s: float = 1.2, longest_s: float = 8.0) -> Iterator[Prompt]:
    """Yield the prompts of one language that are long enough to hold a sentence."""
    for path in sorted((SOUNDS / code).rglob("*.wav")):
        with wave.open(str(path)) as recording:
            seconds = recording.getnframes() / recording.getframerate()
            usable = recording.getframerate() == 8000 and shortest_s <= seconds <= longest_s
            pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2") if usable else None
        if pcm is not None and not re.search(r"silence|tone|beep|music", path.stem):
            yield Prompt(f"{code}/{path.stem}", "", (pcm / 32768).astype(np.float32))


async def human(listener: Listener, code: str, count: int, rng: np.random.Generator) -> list[Silence]:
    found: list[Silence] = []
    for prompt in islice(recorded(code), count):
        try:
            found += await whole(prompt, listener, rng, f"announcer-{code}", HUMAN[code])
            found += await broken(prompt, listener, rng, f"announcer-{code}", HUMAN[code])
        except ValueError as error:
            print(f"{prompt.name}: {error}", file=sys.stderr)
    print(f"{code}: {len(found)}", file=sys.stderr, flush=True)
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("json", type=Path, metavar="FILE")
    parser.add_argument("--prompts", type=int, default=40, metavar="N", help="human recordings of a language")
    parser.add_argument("--languages", nargs="*", default=list(VOICES), choices=VOICES, help="of made callers")
    options = parser.parse_args()
    tiny, base = WhisperAsr.load(threads=1), WhisperAsr.load("base", threads=1)
    vad, rng, found = SileroVad.load(), np.random.default_rng(9), list[Silence]()
    for code in HUMAN if options.prompts else ():
        found += await human(Listener(base, vad, None), code, options.prompts, rng)
        options.json.write_text(json.dumps([asdict(silence) for silence in found]))
    callers = Callers()
    for language in options.languages:
        for asr in (tiny, base) if language == "English" else (base,):
            found += await made(Listener(asr, vad, None), callers, language, rng)
            options.json.write_text(json.dumps([asdict(silence) for silence in found]))
    for model in (tiny, base, callers):
        await asyncio.to_thread(model.close)


if __name__ == "__main__":
    asyncio.run(main())
