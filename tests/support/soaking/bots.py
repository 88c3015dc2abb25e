"""What a soaked server runs: a bot that does as the name of its call says and writes down all it is told, and engines
that are instant for most calls and real for a share of them."""

import asyncio
import gc
import json
import os
import sys
import threading
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import numpy as np
from integration.recordings import Prompt, prompts

from bot.actions import Action, Hangup
from bot.api import Bot, CallInfo, Samples, Turn
from bot.api import Final as Said
from bot.tts.hibari import HibariTts
from bridge import logs
from bridge.commands.recording import speech_span
from bridge.server.lifecycle.memory import give_back
from bridge.speech.api import AsrCapabilities, Denoiser, Hypothesis, Request
from bridge.speech.backends.deepfilter import DeepFilterPool
from bridge.speech.backends.whisper import WhisperAsr

LEDGER: Final = "SOAK_LEDGER"
"""Variable: the file that bots write to, a line of JSON for each thing they are told."""
REAL: Final = "SOAK_REAL"
"""Variable: the share of calls with the real recogniser and voice, 0.0 to 1.0."""
GREETING: Final = "Hello."
ANSWER: Final = "This is the answer."
_SPEECH_MS: Final = 600
_BANDS: Final = 24
_LONGEST_PAUSE_MS: Final = 200
_LONGEST_TEXT: Final = "word " * 100
"""Longer ones are made in pieces."""


class Does(StrEnum):
    """What the bot of a call does."""

    ANSWERS = "answers"
    RAISES = "raises"
    EXITS = "exits"
    BLANKS = "blanks"
    FLOODS = "floods"
    STALLS = "stalls"
    HANGS_UP = "hangs-up"
    LECTURES = "lectures"
    COUNTS = "counts"


FAILING: Final = frozenset({Does.RAISES, Does.EXITS, Does.BLANKS, Does.STALLS})
"""In whose place the caller hears the fallback."""


def ident(does: Does, number: int) -> str:
    """Return the name of a call whose bot does that."""
    return f"CA-{does}-{number:06d}"


def uuid_of(name: str) -> int:
    """Return the number of the UUID that stands for the call of that name, where a wire takes nothing else."""
    does, number = _parts(name)
    return (list(Does).index(does) << 64) + number + (1 << 96)


def name_of(call_id: str) -> str:
    """Return the name of a call that a wire may know by its UUID."""
    try:
        value = UUID(call_id).int - (1 << 96)
        return ident(list(Does)[value >> 64], value & 0xFFFFFFFF)
    except (ValueError, IndexError):
        return call_id


def _parts(name: str) -> tuple[Does, int]:
    """Return what the bot does and the number of a call; a wire that lets nobody choose the name has good bots."""
    _, _, rest = name.partition("CA-")
    does, _, number = rest.rpartition("-")
    return (Does(does), int(number)) if does in set(Does) else (Does.ANSWERS, 0)


def _is_real() -> bool:
    """Return whether the call that this task works for has the real engines."""
    return zlib.crc32(logs.call_id.get().encode()) % 1000 < 1000 * float(os.environ[REAL])


# ---------------------------------------------------------------- what is said


@cache
def sentences() -> tuple[Prompt, ...]:
    """Return short prompts without a pause that would end a turn inside them."""
    return tuple(p for p in prompts(60, shortest_s=1.3, longest_s=2.6) if _longest_pause_ms(p) < _LONGEST_PAUSE_MS)[:12]


def _longest_pause_ms(said: Prompt) -> int:
    begins_ms, ends_ms = speech_span(said.audio)
    audio = said.audio[begins_ms * 8 : ends_ms * 8]
    energy = np.sqrt((audio[: len(audio) // 80 * 80].reshape(-1, 80) ** 2).mean(axis=1))
    loud = np.flatnonzero(energy > energy.max() / 30)
    return int(np.diff(loud).max(initial=0)) * 10


# ---------------------------------------------------------------- engines


class SoakAsr:
    """Knows the sentences by their sound, at once; of real calls it asks Whisper."""

    name = "soak"

    def __init__(self) -> None:
        self._real = WhisperAsr.load()
        self.capabilities = AsrCapabilities(backlog=self._real.capabilities.backlog)
        self._known = [(_print(_speech(prompt)), prompt.text) for prompt in sentences()]

    async def healthy(self) -> bool:
        return True

    async def decode(self, request: Request, /) -> Hypothesis:
        if _is_real():
            return await self._real.decode(request)
        heard = _print(request.audio)
        text = min(self._known, key=lambda known: float(np.linalg.norm(known[0] - heard)))[1]
        return Hypothesis([text], "English")

    def close(self) -> None:
        self._real.close()


def _speech(said: Prompt) -> Samples:
    begins_ms, ends_ms = speech_span(said.audio)
    return said.wide[begins_ms * 16 : ends_ms * 16]


def _print(audio: Samples) -> Samples:
    """Return what tells sentences apart: the loudness of bands in each third of the speech, and how long it is."""
    loud = np.flatnonzero(np.abs(audio) > 0.02)
    speech = audio[loud[0] : loud[-1] + 1] if len(loud) else audio
    thirds = [np.abs(np.fft.rfft(third, 4096))[: 40 * _BANDS] for third in np.array_split(speech, 3)]
    bands = np.concatenate([third.reshape(_BANDS, -1).mean(axis=1) for third in thirds])
    shape = bands / max(1e-9, float(np.linalg.norm(bands)))
    return np.append(shape, len(speech) / 16_000).astype(np.float32)


class SoakDenoisers:
    """DeepFilterNet in real calls; the others pass the same way unchanged."""

    def __init__(self) -> None:
        self._real = DeepFilterPool.load()

    async def open(self) -> Denoiser:
        return await self._real.open() if _is_real() else Passing()

    def close(self) -> None:
        self._real.close()


class Passing:
    """Denoises nothing."""

    delay = 0

    def __call__(self, samples: Samples, /) -> Samples:
        return samples

    def close(self) -> None:
        """Hold nothing."""


class SoakTts:
    """Short speech-like tones, ready made; in real calls the shipped voice."""

    sample_rate = HibariTts.sample_rate

    def __init__(self) -> None:
        self._real = HibariTts.load()
        asyncio.run(_said(self._real, _LONGEST_TEXT))  # its runtime keeps what the longest text took
        t = np.arange(self.sample_rate * _SPEECH_MS // 1000) / self.sample_rate
        voice = 0.2 * np.sin(2 * np.pi * 220 * t) * (1 + 0.5 * np.sin(2 * np.pi * 4 * t))
        self._audio = voice.astype(np.float32)

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        if not _is_real():
            yield self._audio
            return
        async for samples in self._real.speak(text):
            yield samples

    def close(self) -> None:
        self._real.close()


async def _said(voice: HibariTts, text: str) -> None:
    async for _ in voice.speak(text):
        pass


# ---------------------------------------------------------------- the bot


class Ledger:
    """What bots were told, written as it happens: what a killed server wrote is there."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")

    @classmethod
    @cache
    def shared(cls) -> Self:
        return cls(Path(os.environ[LEDGER]))

    def note(self, call: str, what: str, detail: object = "") -> None:
        self._file.write(json.dumps([call, what, detail]) + "\n")


class SoakBot(Bot):
    """Does what the name of its call says."""

    def __init__(self) -> None:
        self._ledger = Ledger.shared()
        self._call, self._does = "", Does.ANSWERS

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        self._call = call.callee if call.callee.startswith("CA-") else name_of(call.call_id)
        self._does, _ = _parts(self._call)
        self._ledger.note(self._call, "began")
        if self._does is Does.COUNTS:
            self._ledger.note(self._call, "census", asdict(census()))
        yield GREETING

    async def on_final(self, final: Said) -> None:
        self._ledger.note(self._call, "final", final.text)
        if self._does is Does.RAISES:
            raise RuntimeError("a bot that cannot hear")

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        self._ledger.note(self._call, "reply", turn.text)
        match self._does:
            case Does.RAISES:
                raise RuntimeError("a bot that cannot answer")
            case Does.EXITS:
                sys.exit("a bot that leaves")
            case Does.BLANKS:
                while True:
                    yield ""
            case Does.FLOODS:
                yield "word " * 2_000_000
            case Does.STALLS:
                await asyncio.sleep(3600)
            case Does.HANGS_UP:
                yield "Goodbye."
                yield Hangup("the bot is done")
            case Does.LECTURES:
                for _ in range(4):
                    yield f"{ANSWER} "
        yield ANSWER

    async def on_end(self, reason: str) -> None:
        self._ledger.note(self._call, "ended", reason)
        if self._does is Does.RAISES:
            raise RuntimeError("a bot that cannot let go")


@dataclass(frozen=True, slots=True)
class Census:
    """What a process holds."""

    tasks: int
    threads: int
    objects: int
    """That the garbage collector knows."""
    by_task: dict[str, int]
    by_type: dict[str, int]
    """The most frequent types of them."""


def census() -> Census:
    """Return what this process holds once its garbage is collected and what is free is given back."""
    gc.collect()
    give_back()
    objects = gc.get_objects()
    types = Counter(f"{type(o).__module__}.{type(o).__qualname__}" for o in objects)
    tasks = Counter(task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]
    return Census(
        tasks=sum(tasks.values()),
        threads=threading.active_count(),
        objects=len(objects),
        by_task=dict(tasks),
        by_type=dict(types.most_common(400)),
    )
