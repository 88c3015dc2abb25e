"""What every bot of the comparison says: the same words, from the same place."""

import json
import os
import time
from pathlib import Path
from typing import Final

GREETING: Final = "Hello. Say something, and I will repeat it."
STORY: Final = (
    "Once there was an old lighthouse keeper who lived on a small island far away from the nearest town, "
    "and every evening he climbed the narrow stairs to light the lamp for the ships that passed in the night, "
    "and every morning he walked along the beach to see what the sea had brought him while he was asleep, "
    "and one day he found a wooden box with a letter in it that somebody had written a hundred years before, "
    "and he sat down on a stone and read it slowly until the sun was high and the seagulls had come back, "
    "and when he had read the last word he knew that he had to leave the island and look for the house in the letter."
)
"""Some 30 s, without the pauses between sentences: whoever falls silent in it was silenced."""


def answer(text: str) -> str:
    """Return what the bot says to the caller's `text`."""
    return STORY if "stor" in text.lower() else f"You said: {text}"


def note(text: str) -> None:
    """Tell the benchmark what the caller was understood to say, where it asks for it."""
    if path := os.environ.get("PHONE_TRANSCRIPTS"):
        with Path(path).open("a") as told:
            told.write(json.dumps({"at": time.time(), "text": text}) + "\n")
