"""Faults of the caller's line: packets that are lost or late, decided by a seed. Pure."""

import random
from dataclasses import dataclass
from typing import Final

_BURST: Final = 0.5
"""How likely the packet after a lost one is lost too: losses come in bursts of two on average (Gilbert's model)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFaults:
    """What a line does to packets."""

    loss: float = 0.0
    """Share of packets that are lost, 0 to below 1."""
    jitter_ms: float = 0.0
    """Packets are late by up to so much. They keep their order, as on the carrier's WebSocket."""


class FaultyLine:
    """One direction of one call."""

    def __init__(self, faults: LineFaults, *, seed: int) -> None:
        self._faults, self._dice = faults, random.Random(seed)
        self._lost = False
        self._newest_ms = 0.0

    def arrives_ms(self, sent_ms: float) -> float | None:
        """Return when a packet sent at `sent_ms` leaves for the server; None where it is lost."""
        loss = self._faults.loss
        begins = loss * (1 - _BURST) / (1 - loss)  # so that the share of lost packets is `loss` in all
        self._lost = self._dice.random() < (_BURST if self._lost else begins)
        late_ms = self._dice.uniform(0, self._faults.jitter_ms)
        if self._lost:
            return None
        self._newest_ms = max(self._newest_ms, sent_ms + late_ms)
        return self._newest_ms
