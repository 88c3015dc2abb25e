"""The options of calls that the bridge places: docs/outbound.md."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from bridge.settings.types import Group, Takes, split_words

Allowed = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^(\+|\+?[0-9*#]{1,20}|sips?:[^\s@;]+@[^\s@;]+)$")], ...],
    BeforeValidator(split_words),
    Takes("beginnings of numbers like +4930, or addresses like sip:*@pbx.example.com, with commas between"),
]
Caller = Annotated[
    str, StringConstraints(pattern=r"^(\+?[0-9]{2,20})?$"), Takes("a number like +4930123456, digits alone")
]


class Dialling(Group):
    """Calls that the bridge places, for clients of /calls."""

    dial_allow: Allowed = Field(
        default=(),
        description="Whom the bridge may call: how a number begins, or a SIP address in which * stands for anything. "
        "Nobody unless told: calls cost money, and premium numbers are what fraudsters look for.",
    )
    dial_from: Caller = Field(
        default="", description="Number that calls over Twilio come from, where a client names none; it is yours there."
    )
    dial_timeout: float = Field(default=45.0, ge=1, le=600, description="Seconds that a call may ring.")
    dial_ringing: int = Field(default=10, ge=1, le=1000, description="Calls that ring at once; more of them wait.")
    dial_per_second: float = Field(
        default=1.0, ge=0.01, le=100, description="Calls that begin in a second; carriers refuse more than they allow."
    )
    dial_queue: int = Field(
        default=1000, ge=1, le=100_000, description="Calls that may wait for their turn; more are answered 429."
    )
