"""Where espeak-ng is, which voices it has, and what it may be given to read."""

import functools
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from typing import Final

LIMIT_S: Final = 5.0
"""How long espeak-ng may take for a sentence, of which it makes hundreds a second."""

_JOINERS: Final = "\u200c\u200d"  # they decide how letters of Indian scripts are written
_FIRST_PICTURE: Final = (
    "\u2190"  # below it symbols are read aloud, as that of degrees; from it on are arrows, boxes, emoji
)
_UNREADABLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})


def program() -> str:
    """Return the path of espeak-ng.

    Raises:
        RuntimeError: it is not installed.
    """
    path = shutil.which("espeak-ng")
    if path is None:
        raise RuntimeError("espeak-ng is not installed: apt-get install espeak-ng")
    return path


@functools.cache
def voices() -> Mapping[str, str]:
    """Return the name of each voice of espeak-ng by its language: "de" -> "German".

    Raises:
        RuntimeError: espeak-ng is not installed, or does not list them.
    """
    try:
        done = subprocess.run([program(), "--voices"], capture_output=True, timeout=LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"espeak-ng does not list its voices: {error}") from error
    rows = [line.split() for line in done.stdout.decode("utf-8", "replace").splitlines()[1:]]
    return {row[1]: row[3].replace("_", " ") for row in rows if len(row) > 3}


def readable(text: str) -> str:
    """Return `text` in one line, without what espeak-ng would take for a command or read as the name of a picture."""
    return " ".join("".join(" " if _skipped(sign) else sign for sign in text).split())


def _skipped(sign: str) -> bool:
    category = unicodedata.category(sign)
    if sign in "[]{}<>|\\" or category in _UNREADABLE:  # [[...]] are phonemes
        return sign not in _JOINERS
    return sign >= _FIRST_PICTURE and category in {"So", "Sk"}
