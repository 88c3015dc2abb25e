"""Which scripts the bytes of a token may belong to. Whisper's tokens cut characters anywhere. Pure."""

from functools import lru_cache
from typing import Final

from bridge.speech.scripts import letters_fit

_CONTINUES: Final = range(0x80, 0xC0)
"""Bytes that do not begin a character in UTF-8."""


def may_be_in(token: bytes, scripts: frozenset[str]) -> bool:
    """Return whether `token` can be part of a text whose letters are all of `scripts`.

    Half a character counts by what it may become. What begins inside one is judged from the next on: the token that
    began it was judged already.
    """
    begun = next((at for at, byte in enumerate(token) if byte not in _CONTINUES), len(token))
    whole = token[begun:].decode("utf-8", "ignore")
    if not letters_fit(whole, scripts):
        return False
    rest = token[begun + len(whole.encode()) :]
    return not rest or _may_become(rest, scripts)


@lru_cache(maxsize=4096)
def _may_become(begun: bytes, scripts: frozenset[str]) -> bool:
    """A block that is half letters, none of them ours, is another script; one of marks and signs is of all."""
    signs = [chr(point) for point in _points(begun) if chr(point).isprintable()]
    letters = [sign for sign in signs if sign.isalpha()]
    return any(letters_fit(sign, scripts) for sign in letters) or 2 * len(letters) < len(signs)


def _points(begun: bytes) -> range:
    """Return the code points whose UTF-8 begins with `begun`, half a character; all of a plane or more is as good as
    any, and not looked through."""
    length = 2 if begun[0] < 0xE0 else 3 if begun[0] < 0xF0 else 4
    missing = length - len(begun)
    if length == 4 or missing < 0:
        return range(0x21, 0x22)  # emoji and rare signs: no letters of a living script
    first = begun[0] & (0x1F if length == 2 else 0x0F)
    for byte in begun[1:]:
        first = first << 6 | byte & 0x3F
    return range(first << 6 * missing, (first + 1) << 6 * missing)
