"""What a caller must have heard, or pressed, before their call is recorded. Pure: time is an argument."""

from typing import Final

_KEY_S: Final = 15.0
"""The key stands for consent so long after the announcement; after that it is a key like any other."""


class Consent:
    """The consent of one call."""

    def __init__(self, rule: str) -> None:
        """`rule`: "" asks for nothing, "announce" for an announcement, "key:1" for that key, too."""
        self._key = rule.removeprefix("key:") if rule.startswith("key:") else ""
        self._until_s = float("inf")
        self.takes_key = bool(self._key)
        """Whether to have heard the announcement is not enough."""
        self.given = not rule
        self.announcing = bool(rule)
        """True until the announcement was heard."""
        self.missing = "the announcement was not heard" if rule else ""
        """Why there is none."""

    def announced(self, now_s: float) -> None:
        """The announcement was heard."""
        self.announcing = False
        self._until_s = now_s + _KEY_S
        self.given = self.given or not self._key
        self.missing = "" if self.given else f"the caller did not press {self._key}"

    def unannounced(self) -> None:
        """The announcement cannot be heard."""
        if self.announcing:
            self.announcing, self._until_s = False, 0.0

    def press(self, key: str, now_s: float) -> bool:
        """Return whether `key` gives the consent, and means nothing else."""
        agrees = not self.given and key == self._key and now_s <= self._until_s
        if agrees:
            self.given, self.missing = True, ""
        return agrees
