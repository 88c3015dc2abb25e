"""The embedded recogniser: Whisper on CTranslate2, on the CPU, without torch.

Here it is loaded, given its threads, and asked again where an answer is a loop or the fault of the context.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from ctranslate2.models import Whisper
from tokenizers import Tokenizer

from bot import installing
from bot.languages import ENGLISH_NAMES
from bot.threads import made_behind
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, AsrCapabilities, Ended, EngineFailed, Hypothesis, Request
from bridge.speech.backends.models import find_whisper
from bridge.speech.backends.whisper.network import LONGEST_S, WhisperNetwork
from bridge.speech.backends.whisper.text import WhisperText
from bridge.speech.backends.whisper.window import encoded_s
from bridge.speech.workers import Workers

_BACKLOG: Final = 4
"""Decodes waiting for each thread, half a second, from which on partials would make finals late."""

_MORE_LANGUAGES: Final = f"{installing.extra('multilingual')} and start with --asr-model-path base"


class WhisperAsr:
    """An `Asr` on the CPU: int8, one thread a decode, finals before partials."""

    def __init__(self, model: Whisper, text: WhisperText, *, name: str, threads: int) -> None:
        """Take what `load` loads; `model` serves `threads` decodes at once."""
        self.name = f"whisper-{name}"
        self.device = f"CPU, int8, {threads} decodes at once"
        self._network, self._text = WhisperNetwork(model, text, name=self.name), text
        self._warm_up()
        self._workers = Workers(threads, name=self.name, gives_way=True)
        self.capabilities = AsrCapabilities(
            languages=frozenset(ENGLISH_NAMES[code] for code in text.languages),
            more_languages="" if len(text.languages) > 1 else _MORE_LANGUAGES,
            longest_s=LONGEST_S,
            backlog=(1 + _BACKLOG) * threads,
            at_once=threads,
            word_times=True,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Sequence["WhisperAsr"]:
        """Load the model that `settings` name, on so many threads as they say; see `load`."""
        return [cls.load(settings.asr_model_path or "tiny.en", threads=settings.asr_threads)]

    @classmethod
    def load(cls, model: str = "tiny.en", *, threads: int = 2) -> "WhisperAsr":
        """Load and warm up `model`, a folder, a packaged model or a hub id. Blocks for seconds.

        Raises:
            ModelMissing: it is not there; the text names the command that brings it.
            EngineFailed: it is there and does not load.
        """
        files = find_whisper(model)
        try:
            with files.whole() as folder:
                whisper = made_behind(
                    lambda: Whisper(
                        str(folder), device="cpu", compute_type="int8", inter_threads=threads, intra_threads=1
                    )
                )
                tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            text = WhisperText(tokenizer, multilingual=whisper.is_multilingual)
            return cls(whisper, text, name=Path(model).name, threads=threads)
        except (RuntimeError, ValueError) as error:
            raise EngineFailed(f"model {model!r} does not load: {error}") from error

    async def healthy(self) -> bool:
        """Return True: it runs in this process and lives as long as we do."""
        return True

    async def decode(self, request: Request, /) -> Hypothesis:
        called, given_up = time.monotonic(), threading.Event()
        return await self._workers.run(
            self._decode, request, called, given_up, priority=request.priority, given_up=given_up
        )

    def close(self) -> None:
        """Fail the decodes that wait, let those under way end (they take up to a second) and free the model."""
        self._workers.close()
        self._network.close()

    def _warm_up(self) -> None:
        second = np.zeros(SAMPLE_RATE, np.float32)
        for request in Request(second), Request(second, prefix="Yes", context="Yes", final=True):
            self._decode(request, time.monotonic(), threading.Event())

    def _decode(self, request: Request, called: float, given_up: threading.Event) -> Hypothesis:
        begun = time.monotonic()
        hypothesis = self._hear(request, given_up)
        queue_s, run_s = begun - called, time.monotonic() - begun
        return replace(hypothesis, queue_ms=round(1000 * queue_s), run_ms=round(1000 * run_s), engine=self.name)

    def _hear(self, request: Request, given_up: threading.Event) -> Hypothesis:
        network, seconds = self._network, len(request.audio) / SAMPLE_RATE
        try:
            many, guess = len(self._text.languages) > 1, request.first and not request.final
            encoded = network.encode(request.audio, encoded_s(seconds, many_languages=many, guess=guess))
            if given_up.is_set():  # the caller spoke on: half of the work is still to come
                return Hypothesis((), "")
            code, probability = network.language(request, encoded)
            attempt = network.hear(encoded, request, code)
            if attempt.ended is Ended.REPETITION and attempt.heard:  # in the long window it seldom loops
                attempt = network.hear(network.encode(request.audio, LONGEST_S), request, code)
            if request.context and not (attempt.heard and attempt.tokens):  # it may be the context's fault
                attempt = network.hear(encoded, replace(request, context=""), code)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"{self.name}: {error}") from error
        pieces = self._text.pieces(attempt.tokens, begins=not request.prefix)
        if not (attempt.heard and any(map(str.isalnum, request.prefix + "".join(pieces)))):
            return Hypothesis((), "")
        words = network.words(encoded, attempt.tokens, code, seconds) if request.words and not request.prefix else ()
        heard = Hypothesis(tuple(pieces), ENGLISH_NAMES[code], attempt.ended, words=words, marks=attempt.marks)
        return replace(heard, language_probability=probability)
