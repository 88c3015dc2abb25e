"""The settings in force: those of the start, but for what was read again since."""

from bridge.settings import Settings


class InForce:
    """Settings that may be put in the place of others while the server runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def settings(self) -> Settings:
        """What counts for the next request."""
        return self._settings

    def put(self, settings: Settings) -> None:
        """Let `settings` count from now on."""
        self._settings = settings
