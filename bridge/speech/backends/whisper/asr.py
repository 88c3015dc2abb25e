"""The embedded recogniser: Whisper on CTranslate2, on the CPU, without torch.

Whisper was trained on 30 s of audio. Encoding only the utterance and appending the encoded silence that would
have followed costs a quarter and transcribes the same; without that silence the decoder loops.
"""

import logging
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from ctranslate2 import StorageView
from ctranslate2.models import Whisper
from tokenizers import Tokenizer

from bot import installing
from bot.languages import ENGLISH_NAMES
from bot.threads import made_behind
from bridge.settings import Settings
from bridge.speech.api import (
    SAMPLE_RATE,
    AsrCapabilities,
    Ended,
    EngineFailed,
    Hypothesis,
    MarksAhead,
    Request,
    Samples,
)
from bridge.speech.backends.mel import log_mel
from bridge.speech.backends.models import find_whisper
from bridge.speech.backends.repetition import Repetition, repetitions
from bridge.speech.backends.whisper.gate import DOUBT, is_speech
from bridge.speech.backends.whisper.marks import MarkTokens
from bridge.speech.backends.whisper.rounds import SpeechClock, excess, rounds_said
from bridge.speech.backends.whisper.text import WhisperText, as_sentence
from bridge.speech.backends.whisper.window import encoded_s
from bridge.speech.backends.whisper.words import POSITIONS_A_SECOND, timed_words, token_begins_s
from bridge.speech.languages import code_of
from bridge.speech.workers import Workers

log = logging.getLogger(__name__)

LONGEST_S: Final = 30
"""Seconds of audio in one decode."""

_FRAMES_A_SECOND: Final = 100
_LEAST_PROBABILITY: Final = 1e-9
_USUAL_SUPPRESSED: Final = -1
"""Stands for what the model's own configuration never lets it write."""
_POSITIONS: Final = 448
"""Tokens the decoder has room for: context, start and hypothesis."""

_CONTEXT_TOKENS: Final = 100
_BACKLOG: Final = 4
"""Decodes waiting for each thread, half a second, from which on partials would make finals late."""

_MORE_LANGUAGES: Final = f"{installing.extra('multilingual')} and start with --asr-model-path base"

_Features = npt.NDArray[np.float32]
"""Encoder output, shape (1, 1500, width)."""


class WhisperAsr:
    """An `Asr` on the CPU: int8, one thread a decode, finals before partials."""

    def __init__(self, model: Whisper, text: WhisperText, *, name: str, threads: int) -> None:
        """Take what `load` loads; `model` serves `threads` decodes at once."""
        self.name = f"whisper-{name}"
        self.device = f"CPU, int8, {threads} decodes at once"
        self._model, self._text, self._marks = model, text, MarkTokens(text)
        self._silence = self._encode(np.zeros(0, np.float32), LONGEST_S)
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
        self._model.unload_model()

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
        seconds = len(request.audio) / SAMPLE_RATE
        try:
            many, guess = len(self._text.languages) > 1, request.first and not request.final
            features = self._features(request.audio, encoded_s(seconds, many_languages=many, guess=guess))
            if given_up.is_set():  # the caller spoke on: half of the work is still to come
                return Hypothesis((), "")
            code, probability = self._language(request, features)
            attempt = self._generate(features, request, code)
            if (
                attempt.ended is Ended.REPETITION and attempt.heard
            ):  # what loops in a short window seldom does in the long one
                attempt = self._generate(self._features(request.audio, LONGEST_S), request, code)
            if request.context and not (attempt.heard and attempt.tokens):  # it may be the context's fault
                attempt = self._generate(features, replace(request, context=""), code)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"{self.name}: {error}") from error
        pieces = self._text.pieces(attempt.tokens, begins=not request.prefix)
        if not (attempt.heard and any(map(str.isalnum, request.prefix + "".join(pieces)))):
            return Hypothesis((), "")
        words = self._words(features, attempt.tokens, code, seconds) if request.words and not request.prefix else ()
        heard = Hypothesis(tuple(pieces), ENGLISH_NAMES[code], attempt.ended, words=words, marks=attempt.marks)
        return replace(heard, language_probability=probability)

    def _language(self, request: Request, features: _Features) -> tuple[str, float]:
        """Return the code of the language, and how likely it is that one among those it may be."""
        if request.language and (told := code_of(request.language)):
            return told, 1.0
        told_of = {code for language in request.languages if (code := code_of(language))}
        may_be = told_of & self._text.languages or self._text.languages
        if len(may_be) == 1:
            return next(iter(may_be)), 1.0
        ranking: list[tuple[str, float]] = self._model.detect_language(StorageView.from_array(features))[0]
        likely = [(code, probability) for mark, probability in ranking if (code := mark.strip("<|>")) in may_be]
        return likely[0][0], likely[0][1] / max(_LEAST_PROBABILITY, sum(probability for _, probability in likely))

    def _generate(self, features: _Features, request: Request, code: str) -> "_Attempt":
        context = as_sentence(request.context)
        start = self._text.context(context, code, limit=_CONTEXT_TOKENS) + self._text.start(code)
        prefix = self._text.prefix(request.prefix, code)
        room = min(_most_tokens(len(request.audio) / SAMPLE_RATE, code), _POSITIONS - len(start))
        if len(prefix) >= room:
            return _Attempt((), Ended.LENGTH, heard=True)
        marked = request.final and not prefix and self._marks.told_of(code)
        result = self._model.generate(
            StorageView.from_array(features),
            [start + prefix],
            beam_size=1,
            # The runtime stops at half of it, and at what is left beyond the start: prefix and new tokens alike.
            max_length=max(2 * room, room + len(start)),
            # Else the end mark is forbidden behind a prefix, and a whole sentence is said again.
            suppress_blank=not prefix,
            suppress_tokens=[_USUAL_SUPPRESSED, *self._text.foreign(code)],
            return_scores=True,
            return_no_speech_prob=True,
            return_logits_vocab=marked,
        )[0]
        whole: list[int] = result.sequences_ids[0]
        new = len(whole) - len(prefix)
        ended = Ended.LENGTH if len(whole) >= room else Ended.STOP
        log_probability = result.scores[0] * len(whole) / max(1, new)
        written = _Written(whole, len(prefix), ended, log_probability)
        found = list(repetitions(whole, suspect=ended is Ended.LENGTH or result.no_speech_prob > DOUBT))
        if found:
            written = self._counted(written, found, features=features, start=start, audio=request.audio)
        heard = is_speech(result.no_speech_prob, written.log_probability, repeats=bool(found))
        marks = self._marks.ahead(whole, result.logits[0]) if marked and not found else None
        return _Attempt(tuple(written.tokens[len(prefix) :]), written.ended, heard=heard, marks=marks)

    def _counted(
        self, written: "_Written", found: Sequence[Repetition], *, features: _Features, start: list[int], audio: Samples
    ) -> "_Written":
        """Return `written` with each repetition as often as it was said, and judged by what is no repetition.

        A model is as sure of a loop as of what was really said so often, so the repeats say nothing.
        """
        last = found[-1]
        looping = written.ended is Ended.LENGTH and last.end == len(written.tokens)
        if looping and last.begin < written.prefix:  # the loop was asked for: it tells nothing of the audio
            return written.cut(last.begin + last.period)
        seconds = len(audio) / SAMPLE_RATE
        times = self._model.align(
            StorageView.from_array(features), start[:-1], [written.tokens], [int(seconds * _FRAMES_A_SECOND)]
        )[0]
        begins_s = token_begins_s(times.alignments, len(written.tokens), seconds)
        clock, repeated, left_out = SpeechClock(audio), set[int](), set[int]()
        for each in found:
            said = rounds_said(each, begins_s, ends_s=seconds, clock=clock)
            repeated.update(range(each.begin + each.period, each.end))
            left_out.update(excess(each, said, loops=looping and each is last))
        kept = [i for i in range(len(written.tokens)) if i < written.prefix or i not in left_out]
        once = [times.text_token_probs[i] for i in range(written.prefix, len(written.tokens)) if i not in repeated]
        return _Written(
            [written.tokens[i] for i in kept],
            written.prefix,
            Ended.REPETITION if looping else written.ended,
            float(np.mean(np.log(np.maximum(once, _LEAST_PROBABILITY)))) if once else written.log_probability,
        )

    def _words(
        self, features: _Features, tokens: Sequence[int], code: str, seconds: float
    ) -> Sequence[tuple[str, int, int]]:
        """Align what was heard with the audio: a sixth of what a final costs."""
        pieces, start = self._text.counted_pieces(tokens, code), self._text.start(code)
        written = list(tokens[: sum(count for _, count in pieces)])
        frames = int(seconds * _FRAMES_A_SECOND)
        try:
            times = self._model.align(StorageView.from_array(features), start[:-1], [written], [frames])[0]
        except (RuntimeError, ValueError) as error:  # what was heard is worth more than when
            log.warning("%s: words have no times: %s", self.name, error)
            return ()
        return timed_words(pieces, times.alignments, seconds)

    def _features(self, audio: Samples, window_s: float) -> _Features:
        encoded = self._encode(audio, min(window_s, LONGEST_S))
        return np.ascontiguousarray(np.concatenate([encoded, self._silence[:, encoded.shape[1] :]], axis=1))

    def _encode(self, audio: Samples, window_s: float) -> _Features:
        frames = 2 * int(window_s * POSITIONS_A_SECOND)
        return np.array(self._model.encode(StorageView.from_array(log_mel(audio, frames)[None])))


@dataclass(frozen=True, slots=True)
class _Written:
    """What the decoder wrote."""

    tokens: list[int]
    prefix: int
    """How many of the tokens were given."""
    ended: Ended
    log_probability: float
    """Mean of a token that was not given."""

    def cut(self, end: int) -> "_Written":
        """Return what is left of a loop; the surest of all, and no sign of speech."""
        return _Written(self.tokens[:end], self.prefix, Ended.REPETITION, -math.inf)


@dataclass(frozen=True, slots=True)
class _Attempt:
    tokens: tuple[int, ...]
    """The tokens after the prefix."""
    ended: Ended
    heard: bool
    marks: MarksAhead | None = None


def _most_tokens(seconds: float, code: str) -> int:
    """Return the most tokens that anybody can say: English takes 4 a second, other scripts one a letter or syllable."""
    return int(seconds * (8 if code == "en" else 25)) + 16
