"""What the engines did for a call, and what that costs at the prices of who runs them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNITS: Final = {"heard": 60_000, "spoken": 1_000_000, "input": 1_000_000, "output": 1_000_000}
"""What a price is for: a minute of the caller's speech, a million letters of the bot's, a million tokens that a model
read, and wrote. They are what recognisers, voices and models are sold by."""


@dataclass(slots=True)
class EngineUse:
    """Counted while a call is made."""

    heard_ms: int = 0
    """Speech of the caller that was recognised."""
    spoken_chars: int = 0
    """Letters of the bot that a voice read, heard or not."""
    input_tokens: int = 0
    """Read by language models: the whole conversation with each answer."""
    output_tokens: int = 0
    """Written by them."""

    def ask(self, told: Mapping[str, object]) -> None:
        """Add what a bot tells of one answer of its model: numbers that it may have from anywhere."""
        self.input_tokens += _count(told.get("input_tokens"))
        self.output_tokens += _count(told.get("output_tokens"))

    def cost(self, prices: Mapping[str, float]) -> float | None:
        """Return what it costs at `prices`, by the names of UNITS; None where there are none."""
        if not prices:
            return None
        amounts = (self.heard_ms, self.spoken_chars, self.input_tokens, self.output_tokens)
        whole = sum(
            prices.get(name, 0.0) * amount / unit for (name, unit), amount in zip(UNITS.items(), amounts, strict=True)
        )
        return round(whole, 6)

    def told(self, prices: Mapping[str, float]) -> dict[str, object]:
        """Return it as the last entry of a call has it."""
        return {
            "heard_ms": self.heard_ms,
            "spoken_chars": self.spoken_chars,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": self.cost(prices),
        }


_MOST: Final = 1 << 31


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < _MOST else 0
