"""The streaming policy above every recogniser: when a growing utterance is decoded, and what of it binds the next time.

An utterance is decoded again and again while it grows, each time from its beginning. The end of a hypothesis is
unsure, since the audio stops mid-word there; its beginning has settled. So the beginning is handed to the engine
as a prefix and the last few pieces are taken back.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.speech.api import Ended, Hypothesis, MarksAhead

FIRST_SPEECH_MS: Final = 300
"""Speech before the first decode. With tiny.en the first text of 80 prompts was right in 62 with 250 ms, in 67 with
410 ms, in 70 with 450 ms, and later by as much: early text is for those who watch, the final for those who answer."""
EARLY_STEP_MS: Final = 250
"""New audio between decodes until the first text is there."""
UNBOUND_MS: Final = 2000
"""No prefix in the first two seconds, however short the chunks: what is kept of a word or two misleads the engine."""
LEAST_SPEECH_MS: Final = 96
"""Three windows of the VAD: in less nothing is said, and engines made to write a language invent a word."""

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_ZERO_WIDTH_JOINER: Final = "\N{ZERO WIDTH JOINER}"


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of an utterance so far, in pieces of the engine."""

    pieces: tuple[str, ...] = ()
    language: str = ""
    """English name, "" when nothing was recognised."""
    ended: Ended = Ended.STOP
    words: Sequence[tuple[str, int, int]] = ()
    """Each with the milliseconds of the audio at which it begins and ends, where all are known."""
    language_probability: float = 1.0
    """As of the hypothesis; 0 where the engine was told the language, which is no sign of it."""
    marks: MarksAhead | None = None
    """What the recogniser expects behind the last word, where it tells."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def then(self, hypothesis: Hypothesis) -> "Draft":
        """Return the draft that begins with this and continues with `hypothesis`."""
        language = hypothesis.language or (self.language if self.pieces else "")
        words = () if self.pieces else hypothesis.words
        pieces, probability = (*self.pieces, *hypothesis.pieces), hypothesis.language_probability
        return Draft(pieces, language, hypothesis.ended, words, probability, hypothesis.marks)


class Cadence:
    """Decides when a partial is due: soon after speech begins, often until there is text, then once a chunk."""

    def __init__(self, chunk_ms: int) -> None:
        """`chunk_ms`: new audio between partials."""
        self._chunk_ms = chunk_ms
        self._decoded_ms = 0  # length of what was decoded last
        self._any_text = False

    def due(self, spoken_ms: int, speech_end_ms: int) -> bool:
        """Tell whether an utterance with `spoken_ms` of speech, the last of it at `speech_end_ms`, is to be decoded.

        Silence after the newest speech does not count: it adds no word.
        """
        step_ms = self._chunk_ms if self._any_text else min(self._chunk_ms, EARLY_STEP_MS)
        return spoken_ms >= FIRST_SPEECH_MS and speech_end_ms - self._decoded_ms >= step_ms

    def begun(self, length_ms: int) -> None:
        """Note that a decode of `length_ms` of audio is under way."""
        self._decoded_ms = length_ms

    def heard(self, text: str) -> None:
        """Note its result."""
        self._any_text = self._any_text or bool(text)


class PrefixRollback:
    """The hypotheses of one utterance: `prefix`, decode, `add`, and again with more audio."""

    def __init__(self, unfixed_chunk_num: int = 4, unfixed_token_num: int = 5, *, chunk_ms: int = 1000) -> None:
        """Take no prefix for the first `unfixed_chunk_num` chunks, later take `unfixed_token_num` pieces back.

        Raises:
            ValueError: one of them is negative.
        """
        for name, value in ("unfixed_chunk_num", unfixed_chunk_num), ("unfixed_token_num", unfixed_token_num):
            if value < 0:
                raise ValueError(f"{name} is {value}, must be 0 or more")
        self._bound_ms = max(UNBOUND_MS, (unfixed_chunk_num + 1) * chunk_ms)
        self._unfixed_pieces = unfixed_token_num
        self._draft = Draft()

    def prefix(self, length_ms: int) -> Draft:
        """Return what a decode of `length_ms` of audio must begin with; without text there is no prefix.

        Nor without its language: a model that is to find the language itself writes that first.
        """
        looped = self._draft.ended is Ended.REPETITION  # a loop grows from the text before it
        if length_ms < self._bound_ms or looped or not self._draft.language:
            return Draft()
        kept = _kept(self._draft.pieces, self._unfixed_pieces)
        return Draft(kept, self._draft.language) if "".join(kept).strip() else Draft()

    def add(self, draft: Draft) -> None:
        """Take the result of the newest decode, prefix included."""
        self._draft = draft


def _kept(pieces: tuple[str, ...], taken_back: int) -> tuple[str, ...]:
    count = max(0, len(pieces) - taken_back)
    while count and _splits_a_character(pieces[:count], pieces[count:]):
        count -= 1
    return pieces[:count]


def _splits_a_character(before: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether a character, as a reader sees it, begins in `before` and goes on in `after`."""
    left, right = "".join(before)[-1:], "".join(after)[:1]
    if left == _REPLACEMENT or (left and unicodedata.category(left) == "Cs"):
        return True  # half a character that an engine let through
    if right and (unicodedata.category(right).startswith("M") or right == _ZERO_WIDTH_JOINER):
        return True
    return bool(right) and left == _ZERO_WIDTH_JOINER
