"""Which replica a decode should go to. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bridge.speech.affinity import affinity


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
