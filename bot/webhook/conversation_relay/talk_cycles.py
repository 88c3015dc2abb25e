"""Which messages of an application belong to an answer that nobody waits for any more. Pure.

Its answers have no numbers: each ends with `last`, and that is all that tells one from the next.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class TalkCycles:
    """What the application is in the middle of, as its messages and ours tell."""

    open: bool = False
    """It has begun an answer and not ended it."""
    preemptible: bool = False
    """What it says next may end what it said last."""
    _stale: bool = False  # what still comes of the open answer was interrupted
    _acknowledgement_due: bool = False

    def preempts(self, *, speaks: bool) -> bool:
        """Return whether a message that comes now begins an answer that ends the one before. Ask before `wanted`."""
        return speaks and not self.open and not self._stale and self.preemptible

    def prompted(self) -> None:
        """It was told what the caller said: what comes now answers that."""
        self.open = self._stale = False

    def interrupted(self) -> None:
        """It was told of an interruption: the rest of an answer that it has begun is not wanted any more.

        It may acknowledge that by an empty text that is the last.
        """
        self._stale, self._acknowledgement_due = self.open, True
        self.open = False

    def wanted(self, *, speaks: bool, last: bool, preemptible: bool = False) -> bool:
        """Return whether a message is to be said. `speaks`: there is something in it to be heard."""
        if not speaks and not last:
            return True
        if self._stale:
            self._stale = not last
            self._acknowledgement_due = self._acknowledgement_due and not last
            return False
        if not speaks and not self.open and self._acknowledgement_due:
            self._acknowledgement_due = False
            return False
        self.open, self.preemptible = not last, preemptible
        return True
