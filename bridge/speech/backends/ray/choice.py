"""Which replica a decode should go to. Pure: the clock is an argument."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.speech.pool.affinity import affinity

_TOLD_S: Final = 0.5
"""So long what a replica said of others' decodes counts; they have ended by then."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replica, as far as this process knows."""

    name: str
    in_hand: int = 0
    """Decodes that it runs or keeps waiting, those of other bridges too, as it said last."""
    at_once: int = 1
    """Decodes that it runs without making the others wait."""


def in_order(candidates: Sequence[Candidate], key: str, avoided: Collection[str]) -> list[str]:
    """Return their names, the best first: those that did not fail, the least loaded; among equals the utterance's own.

    One with room for another decode is as good as an idle one, so that an utterance stays where its audio is cached.
    """
    ranked = sorted(
        candidates,
        key=lambda each: (each.name in avoided, each.in_hand // max(1, each.at_once), affinity(key, each.name)),
    )
    return [each.name for each in ranked]


class Loads:
    """What each replica has in hand: this process's decodes, counted, and others', as the replica said last."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._others: dict[str, tuple[int, float]] = {}  # and when it was said

    def sent(self, replica: str) -> None:
        self._own[replica] += 1

    def over(self, replica: str) -> None:
        self._own[replica] = max(0, self._own[replica] - 1)

    def told(self, replica: str, in_hand: int, now_s: float) -> None:
        """Note what it has in hand now, beside the decode whose answer says so; that one may still count as ours."""
        self._others[replica] = max(0, in_hand - max(0, self._own[replica] - 1)), now_s

    def of(self, replica: str, now_s: float) -> int:
        others, told_s = self._others.get(replica, (0, 0.0))
        return self._own[replica] + (others if now_s - told_s < _TOLD_S else 0)

    def keep(self, replicas: Collection[str]) -> None:
        """Forget those that are gone."""
        self._own = Counter({name: count for name, count in self._own.items() if name in replicas})
        self._others = {name: each for name, each in self._others.items() if name in replicas}
