"""Where a server keeps what outlives it."""

import os
from pathlib import Path

from bridge.settings.options import Settings


def state_dir(settings: Settings) -> Path:
    """Return the folder of what this server keeps."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return settings.state_dir or state / "voice-bridge"
