"""The options of calls that the bridge places, and of machines that answer them: docs/outbound.md."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from bridge.settings.types import FIRST, Group, Section, Takes, split_words

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

    section = Section.WIRES

    dial_allow: Annotated[Allowed, FIRST] = Field(
        default=(),
        description="Whom the bridge may call: beginnings of numbers, or SIP addresses. In an address, * stands for "
        "any characters. The default is nobody: calls cost money, and fraudsters look for premium numbers.",
    )
    dial_from: Caller = Field(
        default="",
        description="Number that calls over Twilio come from if a client names none. It must be your number there.",
    )
    dial_timeout: float = Field(default=45.0, ge=1, le=600, description="Seconds that a call may ring.")
    dial_ringing: int = Field(default=10, ge=1, le=1000, description="Calls that ring at the same time. Others wait.")
    dial_per_second: float = Field(
        default=1.0,
        ge=0.01,
        le=100,
        description="Calls that may begin in a second. Carriers refuse more than they allow.",
    )
    dial_queue: int = Field(
        default=1000, ge=1, le=100_000, description="Calls that may wait for their turn. Further ones get status 429."
    )
    dial_wait: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="Seconds that an order may wait where bridges share them in PostgreSQL. What no bridge has placed "
        "by then has failed: nobody is called at night because a server was down by day.",
    )


class MachineDetection(Group):
    """Answering machines, on calls that the bridge places."""

    section = Section.WIRES
    per_call = True

    machine_detection: Literal["off", "hang-up", "message", "tell"] = Field(
        default="off",
        description="What we do when a machine answers: hang-up; message leaves machine_message; tell lets the bot "
        "know, and it speaks after the beep. Unless it is off, the bot waits until it is known who answered, which "
        "takes as long as a hello.",
    )
    machine_message: str = Field(
        default="", max_length=4000, description="What we say after the beep, with machine_detection message."
    )
    machine_deadline: float = Field(
        default=4.0,
        ge=1,
        le=20,
        description="Seconds after the answer within which it must be known who answered. After that it counts as a "
        "person.",
    )
    machine_greeting: float = Field(
        default=2.4,
        ge=0.5,
        le=20,
        description="Seconds of speech without a pause that make it a machine. People answer with a word or two.",
    )
