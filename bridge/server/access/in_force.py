"""The settings in force: those of the start, but for what was read again since."""

from collections.abc import Sequence

from bridge.settings import Settings
from bridge.settings.tokens import ApiToken, read_tokens


class InForce:
    """Settings that may be put in the place of others while the server runs."""

    def __init__(self, settings: Settings) -> None:
        """Take `settings`, and read the file of tokens that they name.

        Raises:
            OSError, ValueError: the tokens cannot be read; the text names none.
        """
        self._settings = settings
        self._tokens = _tokens_of(settings)

    @property
    def settings(self) -> Settings:
        """What counts for the next request."""
        return self._settings

    @property
    def tokens(self) -> Sequence[ApiToken]:
        """Those of the file, besides `api_token`."""
        return self._tokens

    def reread_tokens(self) -> str:
        """Read the file of tokens again; return "", or why the old ones stay. Blocks on the disk."""
        try:
            self._tokens = _tokens_of(self._settings)
        except (OSError, ValueError) as error:
            return f"api_tokens_file: {error}"
        return ""

    def put(self, settings: Settings) -> None:
        """Let `settings` count from now on."""
        self._settings = settings


def _tokens_of(settings: Settings) -> Sequence[ApiToken]:
    return read_tokens(settings.api_tokens_file) if settings.api_tokens_file else ()
