"""When a caller who says nothing is asked, and given up. Pure: time is an argument.

A noise begins the silence anew. Only words and keys of the caller set the count of prompts back.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoInputRules:
    """When a silent caller is asked, and how often."""

    no_input_ms: int = 0
    """Silence of both sides, in milliseconds, after which the caller is asked; 0: never."""
    prompts: int = 2
    """How often the caller is asked. After as much silence again the caller is given up."""


class NoInputTimer:
    """Measures the silence of one call."""

    def __init__(self, rules: NoInputRules) -> None:
        self._rules = rules
        self._since_ms: int | None = None  # since when neither side is heard
        self.count = 0
        """How often `look` returned True since the caller last said words or pressed a key."""

    @property
    def given_up(self) -> bool:
        """True once the caller stayed silent after the last prompt: the call is to end."""
        return self.count > self._rules.prompts

    def answered(self) -> None:
        """Note that the caller said words or pressed a key."""
        self._since_ms, self.count = None, 0

    def look(self, now_ms: int, *, busy: bool) -> bool:
        """Return True when the caller is to be asked or, if `given_up`, the call is to end. Call it often.

        `now_ms`: by any clock that never goes back. `busy`: either side speaks, or the bot thinks.
        """
        if busy or not self._rules.no_input_ms:
            self._since_ms = None
            return False
        if self._since_ms is None:
            self._since_ms = now_ms
        if now_ms - self._since_ms < self._rules.no_input_ms:
            return False
        self._since_ms, self.count = None, self.count + 1
        return True
