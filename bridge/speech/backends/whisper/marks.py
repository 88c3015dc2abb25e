"""What Whisper expects behind the last word, by all tokens of its vocabulary. Pure.

It costs nothing: these probabilities are what the decode chose its next token by.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bridge.speech.api import MarksAhead
from bridge.speech.backends.marks import COMMAS, ENDLESS, STOPS, words_end


class _Vocabulary(Protocol):
    def token_of(self, written: str, /) -> int | None: ...


class MarkTokens:
    """The tokens of one vocabulary that are marks. Thread-safe."""

    def __init__(self, vocabulary: _Vocabulary) -> None:
        self._stops, self._commas = _tokens(vocabulary, STOPS), _tokens(vocabulary, COMMAS)
        self._all = frozenset([*self._stops, *self._commas, *_tokens(vocabulary, ENDLESS)])

    def ahead(self, tokens: Sequence[int], logits: Sequence[npt.ArrayLike]) -> MarksAhead | None:
        """Return what is expected behind the last token that is no mark; None where that is not known.

        `logits`: what each token was chosen by, each of the length of the vocabulary; the last is that of the end.
        """
        words = words_end(tokens, lambda token: token not in self._all)
        if not 0 < words < len(logits):
            return None
        row = np.asarray(logits[words], np.float32).reshape(-1)
        share = np.exp(row - row.max())
        share /= share.sum()
        stop, comma = (float(share[list(ids)].sum()) for ids in (self._stops, self._commas))
        return MarksAhead(min(1.0, stop), min(1.0, comma)) if np.isfinite(stop + comma) else None


def _tokens(vocabulary: _Vocabulary, marks: Sequence[str]) -> Sequence[int]:
    """Return the tokens of the marks that are one, with a space before them or none."""
    found = (vocabulary.token_of(before + mark) for mark in marks for before in ("", " "))
    return [token for token in found if token is not None]
