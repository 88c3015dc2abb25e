"""What a peer does that is not as it should be: told to the log in few lines, to the metrics, and to the peer."""

import asyncio
import logging
from typing import Final

from bridge.leg import Leg
from bridge.metrics import CallMetrics
from telephony.events import Malformed, Notice, Problem

log = logging.getLogger(__name__)

_LINES: Final = 10
"""So many malformed messages of a call are logged each; of those behind them one in a hundred, with their number."""


class PeerFaults:
    """The faults of one call's peer. None of them ends the call: the wire does, where there are too many."""

    def __init__(self, leg: Leg, metrics: CallMetrics, tasks: asyncio.TaskGroup) -> None:
        self._leg, self._metrics, self._tasks = leg, metrics, tasks
        self._malformed = 0

    def tell(self, fault: Malformed | Notice) -> None:
        """Tell of one."""
        if isinstance(fault, Notice):
            log.warning("%s", fault.message)
            return
        self._metrics.malformed.inc()
        if not fault.told:
            return
        self._malformed += 1
        if self._malformed <= _LINES:
            log.warning("malformed message: %s", fault.message)
        elif self._malformed % 100 == 0:
            log.warning("%d malformed messages so far, the newest: %s", self._malformed, fault.message)
        self._tasks.create_task(self._leg.send(Problem(fault.message)))
