"""The streaming policy above every recogniser: what of the last hypothesis binds the next one.

An utterance is decoded again and again while it grows, each time from its beginning. The end of a hypothesis is
unsure, since the audio stops mid-word there; its beginning has settled. So the beginning is handed to the engine
as a prefix and the last few pieces are taken back.
"""

import unicodedata
from collections.abc import Sequence

from bridge.speech.api import Ended, Hypothesis

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ZERO_WIDTH_JOINER = "\N{ZERO WIDTH JOINER}"


class PrefixRollback:
    """The hypotheses of one utterance: `prefix()`, decode, `add()`, and again with more audio."""

    def __init__(self, unfixed_chunk_num: int = 4, unfixed_token_num: int = 5) -> None:
        """Take no prefix for the first `unfixed_chunk_num` decodes, later take `unfixed_token_num` pieces back.

        Raises:
            ValueError: one of them is negative.
        """
        for name, value in ("unfixed_chunk_num", unfixed_chunk_num), ("unfixed_token_num", unfixed_token_num):
            if value < 0:
                raise ValueError(f"{name} is {value}, must be 0 or more")
        self._unfixed_chunks, self._unfixed_pieces = unfixed_chunk_num, unfixed_token_num
        self._pieces: tuple[str, ...] = ()
        self._chunks = 0
        self._looped = False

    def prefix(self) -> str:
        """Return the text the next hypothesis must begin with, "" for none; it changes with `add` alone."""
        return "".join(self._kept())

    def add(self, hypothesis: Hypothesis) -> str:
        """Take what was decoded with the present `prefix()`; return the full text of the utterance so far."""
        self._pieces = (*self._kept(), *hypothesis.pieces)
        self._chunks += 1
        # A loop grows from the text before it: the next decode must be free to leave that text.
        self._looped = hypothesis.ended is Ended.REPETITION
        return "".join(self._pieces)

    def _kept(self) -> Sequence[str]:
        if self._chunks < self._unfixed_chunks or self._looped:
            return ()
        count = max(0, len(self._pieces) - self._unfixed_pieces)
        while count and _splits_a_character(self._pieces[:count], self._pieces[count:]):
            count -= 1
        return self._pieces[:count]


def _splits_a_character(before: Sequence[str], after: Sequence[str]) -> bool:
    """Tell whether what a reader sees as one character begins in `before` and goes on in `after`."""
    left, right = "".join(before)[-1:], "".join(after)[:1]
    if left == _REPLACEMENT or (left and unicodedata.category(left) == "Cs"):
        return True  # half a character that an engine let through
    if right and (unicodedata.category(right).startswith("M") or right == _ZERO_WIDTH_JOINER):
        return True
    return bool(right) and left == _ZERO_WIDTH_JOINER
