"""Whisper's network: audio is encoded, and what was said is written, counted and timed.

Whisper was trained on 30 s of audio. Encoding only the utterance and appending the encoded silence that would
have followed costs a quarter and transcribes the same; without that silence the decoder loops.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from ctranslate2 import StorageView
from ctranslate2.models import Whisper

from bridge.speech.api import SAMPLE_RATE, Ended, MarksAhead, Request, Samples
from bridge.speech.backends.marks import told_of
from bridge.speech.backends.mel import log_mel
from bridge.speech.backends.repetition import Repetition, repetitions
from bridge.speech.backends.whisper.gate import DOUBT, is_speech
from bridge.speech.backends.whisper.marks import MarkTokens
from bridge.speech.backends.whisper.rounds import SpeechClock, excess, rounds_said
from bridge.speech.backends.whisper.text import WhisperText, as_sentence
from bridge.speech.backends.whisper.words import POSITIONS_A_SECOND, timed_words, token_begins_s
from bridge.speech.languages import code_of

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

Encoded = npt.NDArray[np.float32]
"""Encoder output, shape (1, 1500, width)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was heard in one pass of the decoder."""

    tokens: tuple[int, ...]
    """Those after the prefix."""
    ended: Ended
    heard: bool
    """False where it is made up: nobody spoke."""
    marks: MarksAhead | None = None


class WhisperNetwork:
    """One model. It keeps nothing of what it is asked, so several threads may ask it; each question blocks.

    What fails in the runtime is a RuntimeError, ValueError or MemoryError.
    """

    def __init__(self, model: Whisper, text: WhisperText, *, name: str) -> None:
        """`name`: of the engine, for the log."""
        self._model, self._text, self._marks, self._name = model, text, MarkTokens(text), name
        self._silence = self._encode(np.zeros(0, np.float32), LONGEST_S)

    def close(self) -> None:
        """Free the model."""
        self._model.unload_model()

    def encode(self, audio: Samples, window_s: float) -> Encoded:
        """Return `audio` and the silence behind it, encoded; `window_s` seconds are really encoded."""
        encoded = self._encode(audio, min(window_s, LONGEST_S))
        return np.ascontiguousarray(np.concatenate([encoded, self._silence[:, encoded.shape[1] :]], axis=1))

    def language(self, request: Request, encoded: Encoded) -> tuple[str, float]:
        """Return the code of the language, and how likely it is that one among those it may be."""
        if request.language and (told := code_of(request.language)):
            return told, 1.0
        told_of = {code for language in request.languages if (code := code_of(language))}
        may_be = told_of & self._text.languages or self._text.languages
        if len(may_be) == 1:
            return next(iter(may_be)), 1.0
        ranking: list[tuple[str, float]] = self._model.detect_language(StorageView.from_array(encoded))[0]
        likely = [(code, probability) for mark, probability in ranking if (code := mark.strip("<|>")) in may_be]
        return likely[0][0], likely[0][1] / max(_LEAST_PROBABILITY, sum(probability for _, probability in likely))

    def hear(self, encoded: Encoded, request: Request, code: str) -> Attempt:
        """Return what the decoder writes of `request` in the language of `code`, and whether it is to be believed."""
        context = as_sentence(request.context)
        start = self._text.context(context, code, limit=_CONTEXT_TOKENS) + self._text.start(code)
        prefix = self._text.prefix(request.prefix, code)
        room = min(_most_tokens(len(request.audio) / SAMPLE_RATE, code), _POSITIONS - len(start))
        if len(prefix) >= room:
            return Attempt((), Ended.LENGTH, heard=True)
        marked = request.final and not prefix and told_of(code)
        result = self._model.generate(
            StorageView.from_array(encoded),
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
            written = self._counted(written, found, encoded=encoded, start=start, audio=request.audio)
        heard = is_speech(result.no_speech_prob, written.log_probability, repeats=bool(found))
        marks = self._marks.ahead(whole, result.logits[0]) if marked and not found else None
        return Attempt(tuple(written.tokens[len(prefix) :]), written.ended, heard=heard, marks=marks)

    def words(
        self, encoded: Encoded, tokens: Sequence[int], code: str, seconds: float
    ) -> Sequence[tuple[str, int, int]]:
        """Return the words of `tokens`, each with the milliseconds at which it begins and ends; () where that fails.

        What was heard is aligned with the audio, for a sixth of what a final costs.
        """
        pieces, start = self._text.counted_pieces(tokens, code), self._text.start(code)
        written = list(tokens[: sum(count for _, count in pieces)])
        frames = int(seconds * _FRAMES_A_SECOND)
        try:
            times = self._model.align(StorageView.from_array(encoded), start[:-1], [written], [frames])[0]
        except (RuntimeError, ValueError) as error:  # what was heard is worth more than when
            log.warning("%s: words have no times: %s", self._name, error)
            return ()
        return timed_words(pieces, times.alignments, seconds)

    def _counted(
        self, written: "_Written", found: Sequence[Repetition], *, encoded: Encoded, start: list[int], audio: Samples
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
            StorageView.from_array(encoded), start[:-1], [written.tokens], [int(seconds * _FRAMES_A_SECOND)]
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

    def _encode(self, audio: Samples, window_s: float) -> Encoded:
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


def _most_tokens(seconds: float, code: str) -> int:
    """Return the most tokens that anybody can say: English takes 4 a second, other scripts one a letter or syllable."""
    return int(seconds * (8 if code == "en" else 25)) + 16
