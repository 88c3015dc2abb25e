"""Which languages the embedded recogniser hears, and how well: `python bench/languages.py`.

Speakers: people where Debian has prompts of a language (asterisk-core-sounds-LANG and -LANG-wav), espeak-ng, and what
lies in `--recordings DIR`: DIR/LANG/NAME.wav beside NAME.txt. All of it comes over a telephone line of 8 kHz, mu-law.
"""

import argparse
import asyncio
import gzip
import re
import sys
import tomllib
import unicodedata
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jiwer
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from spoken import spoken

from bot.languages import ENGLISH_NAMES
from bridge.speech.api import SAMPLE_RATE, Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole
from telephony.codec import decode, encode
from telephony.events import Encoding

_PROMPTS: Final = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June", "it": "it_IT_m_Carlo"} | {
    "ru": "ru_RU_f_IvrvoiceRU"
}
_ESPEAK: Final = {"en": "en-us", "fr": "fr-fr", "pt": "pt-br"}
_SOUNDS: Final = Path("/usr/share/asterisk/sounds")
_SENTENCES: Final = tomllib.loads((Path(__file__).parent / "sentences.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of one speaker."""

    text: str
    audio: Samples
    """16 kHz, after the telephone line."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base", help="packaged model, or folder")
    parser.add_argument("--languages", default="en,es,fr,it,ru,de,pt,hi", help="codes")
    parser.add_argument("--count", type=int, default=40, help="sentences of each speaker at most")
    parser.add_argument("--recordings", type=Path, help="folder of more speakers")
    flags = parser.parse_args()
    asyncio.run(_measure(flags))


async def _measure(flags: argparse.Namespace) -> None:
    asr = WhisperAsr.load(flags.model, threads=2)
    codes: Sequence[str] = flags.languages.split(",")
    print("| language | speaker | said | words wrong | letters wrong | language found | of two | by 1 s |")
    print("|---|---|---|---|---|---|---|---|")
    for code in codes:
        for speaker, said in _speakers(code, flags.count, flags.recordings):
            if said:
                print(await _row(asr, code, speaker, said), flush=True)
    asr.close()


async def _row(asr: WhisperAsr, code: str, speaker: str, said: Sequence[Said]) -> str:
    name = ENGLISH_NAMES[code]
    two = (name, "English" if name != "English" else "Hindi")
    told, free, pair = [], [], []
    for one in said:
        hypothesis = await asr.decode(Request(one.audio, final=True))
        free.append(hypothesis.language)
        pair.append(hypothesis.language)
        if hypothesis.language != name:  # who is the likeliest of all is the likeliest of two
            pair[-1] = (await asr.decode(Request(one.audio, languages=two, final=True))).language
            hypothesis = await asr.decode(Request(one.audio, language=name, final=True))
        told.append(hypothesis.text)
    early = [(await asr.decode(Request(one.audio[:SAMPLE_RATE]))).language for one in said]
    written, heard = [normal(one.text) for one in said], [normal(text) or "-" for text in told]
    words, letters = float(jiwer.wer(written, heard)), float(jiwer.cer(written, heard))
    return (
        f"| {name} | {speaker} | {len(said)} | {words:.1%} | {letters:.1%} | {_share(free, name):.0%} | "
        f"{_share(pair, name):.0%} | {_share(early, name):.0%} |"
    )


def _share(found: Sequence[str], name: str) -> float:
    """Return how many of those in which anything was heard were heard in the language `name`."""
    heard = [language for language in found if language]
    return heard.count(name) / max(1, len(heard))


def normal(text: str) -> str:
    """Return `text` without case, marks, accents (Debian's Spanish script has few) and what Hindi spells in two ways:
    nukta, and candrabindu for anusvara."""
    text = unicodedata.normalize("NFD", text.casefold()).replace("\u093c", "").replace("\u0901", "\u0902")
    text = "".join(sign for sign in text if not "\u0300" <= sign <= "\u036f")
    kept = (sign if sign.isalnum() or unicodedata.category(sign)[0] == "M" else " " for sign in text)
    return " ".join("".join(kept).split())


def _speakers(code: str, count: int, folder: Path | None) -> Iterator[tuple[str, list[Said]]]:
    people = list(_prompts(code))[:count]
    if people:
        yield "a person (Debian's prompts)", people
    texts = [one.text for one in people] or _SENTENCES.get(code, "").splitlines()
    yield "espeak-ng", [Said(text, _wide(spoken(text, voice=_ESPEAK.get(code, code)))) for text in texts[:count]]
    for place in sorted((folder / code).iterdir()) if folder and (folder / code).is_dir() else ():
        yield (
            place.name,
            [Said(file.with_suffix(".txt").read_text("utf-8"), _read(file)) for file in place.glob("*.wav")],
        )


def _prompts(code: str) -> Iterator[Said]:
    """Yield the prompts that are one plain sentence of 1.5 to 6 s."""
    script = Path(f"/usr/share/doc/asterisk-core-sounds-{code}/core-sounds-{code}.txt.gz")
    folder = _SOUNDS / _PROMPTS.get(code, "none")
    if not (script.exists() and folder.exists()):
        return
    for line in sorted(gzip.decompress(script.read_bytes()).decode("utf-8", "replace").splitlines()):
        name, _, text = (part.strip() for part in line.partition(":"))
        file = folder / f"{name}.wav"
        odd = re.search(r"[\[\]<>#*0-9]|\.\.\.|[A-Z\u0410-\u042f]{2}|\ufffd", text)
        if odd or len(text.split()) < 4 or not file.exists():
            continue
        audio = _read(file)
        if 1.5 <= len(audio) / SAMPLE_RATE <= 6:
            yield Said(text, audio)


def _read(file: Path) -> Samples:
    with wave.open(str(file)) as recording:
        rate, pcm = recording.getframerate(), np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
    return _wide(resample_whole((pcm / 32768).astype(np.float32), rate, SAMPLE_RATE))


def _wide(audio: Samples) -> Samples:
    narrow = encode(resample_whole(audio, SAMPLE_RATE, 8000), Encoding.MULAW)
    return resample_whole(decode(narrow, Encoding.MULAW), 8000, SAMPLE_RATE)


if __name__ == "__main__":
    main()
