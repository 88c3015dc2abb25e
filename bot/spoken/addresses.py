"""E-mail and web addresses, as one would dictate them."""

import re
from typing import Final

from bot.spoken import numbers
from bot.spoken.wording import Wording

_ENDINGS: Final = "com|org|net|edu|gov|info|app|dev|io|ai|eu|de|fr|es|uk|ch|ca|in"
"""What makes a name a web address although no scheme, "www." or path says so."""
_MAIL: Final = re.compile(
    r"(?<![\w.%+'\-])(?:mailto:)?(?P<name>[\w.%+'\-]{1,64})@(?P<host>[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,8})"
)
_URL: Final = re.compile(r"(?<![\w@.\-])(?:https?://|www\.(?=\w))(?P<rest>[^\s<>\"`|]++)", re.IGNORECASE)
_BARE: Final = re.compile(
    rf"(?<![\w.\-@/])(?P<rest>[A-Za-z0-9\-]{{2,63}}(?:\.[A-Za-z0-9\-]{{2,63}}){{0,6}}\.(?:{_ENDINGS})(?:/[^\s<>\"`|]*+)?)(?![\w\-@])"
)
_TRAILING: Final = ".,;:!?)]}'\"*_\u0964"
_LONGEST_PATH: Final = 40
_PATH: Final = re.compile(r"(?:/[^\W\d_]{1,20}(?:[-_.][^\W\d_]{1,20})*|/\d{1,6}){1,3}")
"""What of a path can be dictated: a few words, not an identifier."""
_AS_WORDS: Final = frozenset("com org net edu gov info app dev".split())
_PIECE: Final = re.compile(r"[^\W\d_]+|\d|[^\w\s]|_")


def spoken(text: str, words: Wording) -> str:
    """Return `text` with its addresses in words."""
    text = _URL.sub(lambda match: _url(match, words), text)
    text = _MAIL.sub(lambda match: _mail(match, words), text)
    return _BARE.sub(lambda match: _url(match, words), text)


def _mail(match: re.Match[str], words: Wording) -> str:
    host = match["host"].rstrip("-_")
    rest = match["host"][len(host) :]
    return f"{_dictated(match['name'], words)} {words.at} {_host(host, words)}{rest}"


def _url(match: re.Match[str], words: Wording) -> str:
    address = match["rest"].rstrip(_TRAILING)
    rest = match["rest"][len(address) :]
    place = re.split(r"[?#]", address, maxsplit=1)[0]
    host, slash, path = place.partition("/")
    host = host.rpartition("@")[2].partition(":")[0]
    said = _host(host.removeprefix("www."), words)
    path = (slash + path).rstrip("/")
    if path and len(path) <= _LONGEST_PATH and _PATH.fullmatch(path):
        said += f" {_dictated(path, words)}"
    return said + rest


def _host(host: str, words: Wording) -> str:
    name, dot, ending = host.rpartition(".")
    if not dot:
        return _dictated(host, words)
    last = ending if ending.lower() in _AS_WORDS or len(ending) > len("com") else " ".join(ending.upper())
    front = [part if len(part) > 2 else part.upper() for part in name.split(".")]
    return f"{_dictated('.'.join(front), words)} {words.dot} {last}"


def _dictated(name: str, words: Wording) -> str:
    names = {".": words.dot, "-": words.dash, "_": words.underscore, "/": words.slash, "+": words.plus}
    pieces = [piece for piece in _PIECE.findall(name) if piece.isalnum() or piece in names]
    return " ".join(names.get(piece) or _piece(piece, words) for piece in pieces)


def _piece(piece: str, words: Wording) -> str:
    if piece.isdecimal():
        return numbers.digits(piece, words)
    return piece.upper() if len(piece) == 1 else piece  # a letter, not the article "a"
