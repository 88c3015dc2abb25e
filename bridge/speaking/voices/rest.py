"""What is left to say of a sentence whose voice failed in the middle. Pure."""

from typing import Final

USUAL_LETTERS_A_SECOND: Final = 15.0
"""Of a voice that has said nothing whole yet: 200 letters are 13 s of speech."""
_KEEP: Final = 0.8
"""Share of what is known of the pace of a voice that the next sentence leaves as it is."""


class Pace:
    """How fast a voice speaks, as learned from what it said."""

    def __init__(self) -> None:
        self.letters_a_second = USUAL_LETTERS_A_SECOND

    def learn(self, text: str, *, took_s: float) -> None:
        """Note that the voice said `text` in `took_s` seconds of audio."""
        if took_s > 0.5:
            self.letters_a_second += (1 - _KEEP) * (len(text) / took_s - self.letters_a_second)

    def share_said(self, text: str, *, made_s: float) -> float:
        """Return what share of `text`, 0 to 1, is said in the first `made_s` seconds of its audio."""
        return min(1.0, made_s * self.letters_a_second / len(text)) if text else 1.0


def rest(text: str, share: float) -> str:
    """Return the words of `text` of which less than `share` of all its letters was said, the one under way included.

    Always the last word at least: who cannot say where a voice was repeats a word sooner than to lose one.
    """
    words, said = text.split(), share * len(text)
    for index, word in enumerate(words):
        said -= len(word) + 1
        if said < 0 or index == len(words) - 1:
            return " ".join(words[index:])
    return text
