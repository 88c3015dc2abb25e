"""Blocks of code in a reply that is spoken sentence by sentence."""

import re
from typing import Final

_FENCE: Final = re.compile("```|~~~")


class CodeBlocks:
    """Tells which part of each sentence of one reply is not the inside of a block of code."""

    def __init__(self) -> None:
        self._open = False

    def outside(self, sentence: str) -> str:
        """Return `sentence` without what belongs to a block that an earlier one began.

        A block that begins here keeps its fence, for `spoken` to say what was left out; `sentence`s come in order.
        """
        rest = sentence
        if self._open:
            fence = _FENCE.search(sentence)
            if not fence:
                return ""
            rest = sentence[fence.end() :]
            self._open = False
        self._open = len(_FENCE.findall(rest)) % 2 == 1
        return rest.strip()
