"""The user's folders, as the XDG Base Directory Specification names them."""

import os
from pathlib import Path


def xdg_folder(variable: str) -> Path | None:
    """Return the folder that an environment variable names; None where it names none, or a relative one.

    "All paths set in these environment variables must be absolute. If an implementation encounters a relative path in
    any of these variables it should consider the path invalid and ignore it":
    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() else None
