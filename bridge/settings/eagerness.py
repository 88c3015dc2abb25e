"""How soon the bot answers, as one number: what a caller cut short is worth in milliseconds of waiting."""

from typing import Annotated, Final

from pydantic import AfterValidator

from bridge.settings.types import Takes

NAMED_MS: Final = {"off": 0, "low": 1200, "medium": 600, "high": 300}
"""docs/turns.md has what each does."""
_LEAST_MS: Final = 100
_MOST_MS: Final = 20_000


def _known(text: str) -> str:
    cut_ms(text)
    return text


Eagerness = Annotated[
    str, AfterValidator(_known), Takes(f"off, low, medium, high, or milliseconds from {_LEAST_MS} to {_MOST_MS}")
]


def cut_ms(eagerness: str) -> int:
    """Return the milliseconds that a caller cut short is worth, 0 for off.

    Raises:
        ValueError: it is no name and no number from 100 to 20000.
    """
    if eagerness in NAMED_MS:
        return NAMED_MS[eagerness]
    if not (eagerness.isascii() and eagerness.isdecimal()):
        raise ValueError("neither a name nor a whole number")
    if not _LEAST_MS <= (value := int(eagerness[:9])) <= _MOST_MS:
        raise ValueError(f"{value} is not from {_LEAST_MS} to {_MOST_MS}")
    return value
