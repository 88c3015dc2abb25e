"""Ends and pauses of recorded speech over a mu-law line, and what the pipeline knows at each of them."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from bridge.commands.recording import speech_span
from bridge.speech.api import MarksAhead, Request, Samples
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.smart_turn import SmartTurn
from bridge.speech.backends.text_ending import PROBABILITY
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.dictation import Kind, read
from bridge.speech.resample import resample_whole
from bridge.turns.endpointing import EndpointRules
from bridge.turns.turn_taker import TurnRules
from telephony.codec import decode, encode
from telephony.events import Encoding

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import Prompt, prompt, prompts

PAUSES_MS: Final = (300, 500, 800, 1200)
STRETCHES: Final = ((0.3, 0.52), (0.52, 0.75))
"""Where in a sentence a pause is made, as shares of it: one in each."""
LEAD_MS: Final = 300
NEVER_MS: Final = 60_000
WINDOW_MS: Final = 32
STOP_MS: Final = EndpointRules().stop_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence in a recording, and what was known of it `STOP_MS` after its begin."""

    name: str
    kind: str
    """end, inside (made by us), natural (the speaker's own; nearly all between sentences) or begun (broken off)."""
    caller: str = "announcer"
    language: str = "English"
    recogniser: str = ""
    phrase: bool = False
    """A whole turn of a few words that are no sentence."""
    made_ms: int = 0
    lasts_ms: int = NEVER_MS
    """As the VAD hears it."""
    lag_ms: int = 0
    """The VAD's end of speech behind that of the energy."""
    text: str
    voice: float
    """What smart-turn says; 0.5 without it."""
    decode_ms: float
    voice_ms: float
    stop: float | None = None
    """What the recogniser gives for a full stop behind the last word; None where it does not tell."""
    comma: float | None = None

    @property
    def written(self) -> float:
        return PROBABILITY[self.kind_of_text]

    @property
    def kind_of_text(self) -> Kind:
        return read(self.text, self.language).kind

    @property
    def marks(self) -> MarksAhead | None:
        return None if self.stop is None or self.comma is None else MarksAhead(self.stop, self.comma)


def noise(ms: int, rng: np.random.Generator) -> Samples:
    """Return the floor of a quiet line: -62 dB."""
    return (10 ** (-62 / 20) * rng.standard_normal(8 * ms)).astype(np.float32)


def over_the_line(*pieces: Samples) -> Samples:
    return resample_whole(decode(encode(np.concatenate(pieces), Encoding.MULAW), Encoding.MULAW), 8000, 16_000)


async def silences(wide: Samples, vad: SileroVad) -> list[tuple[int, int]]:
    """Return (begin, length) in ms of each silence after speech, the last one as endless."""
    stream, rules = vad.open(), TurnRules()
    speech, end_ms, found = False, 0, []
    for from_ms in range(0, len(wide) // 16 - WINDOW_MS + 1, WINDOW_MS):
        probability = await stream(wide[16 * from_ms : 16 * (from_ms + WINDOW_MS)])
        speech = probability >= rules.threshold - (rules.hysteresis if speech else 0.0)
        if speech:
            if end_ms and from_ms - end_ms >= STOP_MS:
                found.append((end_ms, from_ms - end_ms))
            end_ms = from_ms + WINDOW_MS
    return [*found, (end_ms, NEVER_MS)]


class Listener:
    """What the pipeline knows at a pause."""

    def __init__(self, asr: WhisperAsr, vad: SileroVad, voice: SmartTurn | None) -> None:
        self._asr, self.vad, self._voice = asr, vad, voice

    async def judge(self, wide: Samples, begin_ms: int, silence: Silence) -> Silence:
        audio = wide[: 16 * (begin_ms + STOP_MS)]
        begun = time.process_time()
        heard = await self._asr.decode(Request(audio, language=silence.language, final=True))
        decoded = time.process_time()
        voice = self._voice.listen(audio) if self._voice else 0.5
        listened = time.process_time()
        return replace(
            silence,
            text=heard.text.strip(),
            stop=heard.marks.stop if heard.marks else None,
            comma=heard.marks.comma if heard.marks else None,
            recogniser=self._asr.name,
            voice=voice,
            decode_ms=1000 * (decoded - begun),
            voice_ms=1000 * (listened - decoded),
        )


def quiet_points(audio: Samples, begins_ms: int, ends_ms: int) -> Iterator[int]:
    """Yield the sample of least power, over 40 ms, in each stretch."""
    power = np.convolve(np.square(audio), np.ones(320), "same")
    for first, last in STRETCHES:
        left, right = (int(8 * (begins_ms + share * (ends_ms - begins_ms))) for share in (first, last))
        yield left + int(power[left:right].argmin())


def unjudged(said: Prompt, kind: str, caller: str, language: str) -> Silence:
    return Silence(
        name=said.name, kind=kind, caller=caller, language=language, text="", voice=0, decode_ms=0, voice_ms=0
    )


async def whole(
    said: Prompt, listener: Listener, rng: np.random.Generator, caller: str = "announcer", language: str = "English"
) -> list[Silence]:
    """Return the true end of a recording and the pauses its speaker made."""
    _, ends_ms = speech_span(said.audio)
    wide = over_the_line(noise(LEAD_MS, rng), said.audio[: 8 * ends_ms], noise(1500, rng))
    found = []
    for begin_ms, lasts_ms in await silences(wide, listener.vad):
        end = lasts_ms == NEVER_MS
        blank = unjudged(said, "end" if end else "natural", caller, language)
        silence = replace(blank, lasts_ms=lasts_ms, lag_ms=begin_ms - LEAD_MS - ends_ms if end else 0)
        found.append(await listener.judge(wide, begin_ms, silence))
    return found


async def broken(
    said: Prompt, listener: Listener, rng: np.random.Generator, caller: str = "announcer", language: str = "English"
) -> list[Silence]:
    """Return the pauses made in a recording that the VAD notices."""
    found: list[Silence] = []
    for point in quiet_points(said.audio, *speech_span(said.audio)):
        at_ms, known = LEAD_MS + point // 8, None
        for made_ms in PAUSES_MS:
            audio = said.audio
            wide = over_the_line(
                noise(LEAD_MS, rng), audio[:point], noise(made_ms, rng), audio[point:], noise(500, rng)
            )
            near = [(b, n) for b, n in await silences(wide, listener.vad) if abs(b - at_ms) < 200 and n != NEVER_MS]
            if not near:
                continue
            begin_ms, lasts_ms = max(near, key=lambda silence: silence[1])
            if known is None or known[0] != begin_ms:
                known = begin_ms, await listener.judge(wide, begin_ms, unjudged(said, "inside", caller, language))
            found.append(replace(known[1], made_ms=made_ms, lasts_ms=lasts_ms))
    return found


async def collect(listener: Listener, count: int) -> list[Silence]:
    rng, found = np.random.default_rng(5), list[Silence]()
    for said in prompts(count, shortest_s=1.2, longest_s=15.0):
        found += await whole(said, listener, rng)
        if len(re.findall(r"[.!?](?:\s|$)", said.text)) <= 1:
            found += await broken(said, listener, rng)
        print(".", end="", file=sys.stderr, flush=True)
    return found


async def read_out(listener: Listener, count: int) -> list[list[Silence]]:
    """Return ten-digit numbers in groups of three, three and four: the pause behind each group.

    Every digit was recorded by itself, so each sounds like the last of a list.
    """
    rng, numbers = np.random.default_rng(8), list[list[Silence]]()
    recorded = [prompt(f"digits/{n}").audio for n in range(10)]
    digits = [audio[8 * begin : 8 * end] for audio in recorded for begin, end in [speech_span(audio)]]
    for number in range(count):
        gap_ms = (500, 800, 1200)[number % 3]
        pieces, found = [noise(LEAD_MS, rng)], list[Silence]()
        for size in (3, 3, 4):
            for digit in rng.integers(10, size=size):
                pieces += [digits[digit], noise(60, rng)]
            wide = over_the_line(*pieces, noise(1500, rng))
            begin_ms, _ = (await silences(wide, listener.vad))[-1]
            blank = Silence(name="", kind="digits", text="", voice=0, decode_ms=0, voice_ms=0)
            found.append(replace(await listener.judge(wide, begin_ms, blank), lasts_ms=gap_ms + 60))
            pieces.append(noise(gap_ms, rng))
        numbers.append(found)
    return numbers
