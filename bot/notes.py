"""What a bot wants kept of a call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOST_NOTES: Final = 100
"""Notes of a bot that wait to be taken; older ones give way."""


@dataclass(frozen=True, slots=True)
class CallNote:
    """One thing, in the bot's own words."""

    name: str
    text: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    """What JSON has."""
