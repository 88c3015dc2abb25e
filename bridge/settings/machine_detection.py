"""The options of calls that a machine may answer: docs/outbound.md."""

from typing import Literal

from pydantic import Field

from bridge.settings.types import Group


class MachineDetection(Group):
    """Answering machines, on calls that the bridge places."""

    machine_detection: Literal["off", "hang-up", "message", "tell"] = Field(
        default="off",
        description="What a machine that answers gets: we hang up, leave machine_message, or tell the bot, which then "
        "speaks after the beep. But for off, the bot waits until it is known who answered, as long as a hello takes.",
    )
    machine_message: str = Field(
        default="", max_length=4000, description="What is left after the beep, with machine_detection message."
    )
    machine_deadline: float = Field(
        default=4.0,
        ge=1,
        le=20,
        description="Seconds after the answer by which it must be known who it is; then it is taken for a person.",
    )
    machine_greeting: float = Field(
        default=2.4,
        ge=0.5,
        le=20,
        description="Seconds of speech without a pause that make it a machine: people answer with a word or two.",
    )
