"""Where a server keeps what outlives it."""

from pathlib import Path

from bot.folders import xdg_folder
from bridge.settings.options import Settings


def state_dir(settings: Settings) -> Path:
    """Return the folder of what this server keeps."""
    return settings.state_dir or (xdg_folder("XDG_STATE_HOME") or Path.home() / ".local/state") / "voice-bridge"
