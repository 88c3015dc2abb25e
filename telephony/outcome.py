"""How a call that we placed went, in words that are the same for every wire."""

import re
from enum import StrEnum
from typing import Final

from telephony.errors import TelephonyError


class Outcome(StrEnum):
    """What became of a call."""

    COMPLETED = "completed"  # it was answered
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REFUSED = "refused"  # by whom we called, or by the carrier
    FAILED = "failed"  # a wrong number, a network that is down, a fault


class NotAnswered(TelephonyError):
    """Whom we called did not answer: no fault of a protocol."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class Redirected(NotAnswered):
    """Whom we called says where the call should go instead."""

    def __init__(self, target: str, reason: str) -> None:
        """`target`: an address, as the other side wrote it."""
        super().__init__(Outcome.FAILED, reason)
        self.target = target


_STATUS: Final = re.compile(r"([3-6]\d\d)\b[^,]*")
_SIP: Final = {
    **dict.fromkeys((486, 600), Outcome.BUSY),
    **dict.fromkeys((408, 480, 487), Outcome.NO_ANSWER),
    **dict.fromkeys((401, 403, 407, 603, 607, 608), Outcome.REFUSED),
}
_Q850: Final = {
    17: Outcome.BUSY,
    **dict.fromkeys((18, 19, 20), Outcome.NO_ANSWER),
    21: Outcome.REFUSED,
}
_TWILIO: Final = {"busy": Outcome.BUSY, "no-answer": Outcome.NO_ANSWER}


def sip_outcome(answer: str, *, redirect: str = "") -> NotAnswered:
    """Return what `answer`, of which the status of RFC 3261 is the beginning, means for a call that we placed.

    `redirect`: the address that came with a status of 300 to 399, if any.
    """
    found = _STATUS.match(answer)
    if not found:
        return NotAnswered(Outcome.FAILED, answer or "the call ended unanswered")
    if redirect and found[1].startswith("3"):
        return Redirected(redirect, f"the other side answered {found[0].strip()}, to {redirect}")
    return NotAnswered(_SIP.get(int(found[1]), Outcome.FAILED), f"the other side answered {found[0].strip()}")


def twilio_outcome(status: str) -> NotAnswered:
    """Return what Twilio's last CallStatus means for a call whose stream never came."""
    return NotAnswered(_TWILIO.get(status, Outcome.FAILED), f"Twilio says {status}")


def q850_outcome(cause: int, why: str) -> NotAnswered:
    """Return what a cause of ITU-T Q.850 means for a call that nobody answered. `why`: the same in words."""
    told = f"cause {cause}" + (f", {why}" if why else "") if cause else why or "no cause is told"
    return NotAnswered(_Q850.get(cause, Outcome.FAILED), f"the call was not answered: {told}")
