"""How long a caller has said nothing. Pure: time is an argument. Noise without words ends no silence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoInputRules:
    """What a silent caller gets."""

    no_input_ms: int = 0
    """Silence of both sides after which the caller is asked; 0: never."""
    prompts: int = 2
    """So often; after as much silence again the call ends."""


class NoInputTimer:
    """Keeps one call's clock of silence."""

    def __init__(self, rules: NoInputRules) -> None:
        self._rules = rules
        self._since_ms: int | None = None  # since when neither side is heard
        self.count = 0
        """Times that the caller was asked since words or a key of theirs came."""

    @property
    def given_up(self) -> bool:
        """True once the caller was asked as often as the rules say, and one time more."""
        return self.count > self._rules.prompts

    def answered(self) -> None:
        """The caller said words or pressed a key."""
        self._since_ms, self.count = None, 0

    def look(self, now_ms: int, *, busy: bool) -> bool:
        """Return whether it is time to ask. `busy`: the bot speaks or thinks, or the caller does."""
        if busy or not self._rules.no_input_ms:
            self._since_ms = None
            return False
        if self._since_ms is None:
            self._since_ms = now_ms
        if now_ms - self._since_ms < self._rules.no_input_ms:
            return False
        self._since_ms, self.count = None, self.count + 1
        return True
