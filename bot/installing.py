"""How what is missing is installed: the one place that says so, in every error message.

voice-bridge is in no index, it is installed from a checkout: a command names the environment and the checkout that run.
"""

import os
import sys
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).parents[1]


def extra(*names: str) -> str:
    """Return the command that adds extras of pyproject.toml, e.g. `.venv/bin/pip install -e '.[sip]'`."""
    wanted = f"[{','.join(names)}]" if names else ""
    if not (_CHECKOUT / "pyproject.toml").is_file():  # installed for good, by whoever has a checkout elsewhere
        return f"{_pip()} install '.{wanted}' in a checkout of voice-bridge"
    return f"{_pip()} install -e '{_shown(_CHECKOUT)}{wanted}'"


def package(requirement: str) -> str:
    """Return the command that adds a package of somebody else's."""
    return f"{_pip()} install '{requirement}'"


def _pip() -> str:
    pip = Path(sys.prefix, "bin", "pip")
    return _shown(pip) if pip.is_file() else f"{_shown(Path(sys.executable))} -m pip"


def _shown(path: Path) -> str:
    """Return `path` as it is typed in the current folder."""
    try:
        here = Path.cwd()
    except OSError:  # the folder is gone
        return str(path)
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
