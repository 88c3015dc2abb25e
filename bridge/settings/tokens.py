"""The file of API tokens: who may do what over HTTP.

[[token]]
name = "wallboard"
token = "..."            # or sha256 = "...", of the token
scopes = ["read"]
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

_FIELDS: Final = {"name", "token", "sha256", "scopes"}
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SHORTEST: Final = 16
"""Characters of a token: what is shorter is guessed."""


class Scope(StrEnum):
    """What a token is good for."""

    READ = "read"
    """See calls, what was said on them, and what the server says of itself."""
    CALLS = "calls"
    """Make calls, speak in them, end them."""
    ADMIN = "admin"
    """All of that, and delete records."""


EVERY_SCOPE: Final = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token, by its SHA-256."""

    name: str
    """For the log and the records."""
    digest: str
    """64 hexadecimal digits."""
    scopes: frozenset[Scope]


def digest_of(token: str) -> str:
    """Return what a token is compared by."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def read_tokens(path: Path) -> Sequence[ApiToken]:
    """Return the tokens that the file at `path` holds.

    Raises:
        OSError: it cannot be read. ValueError: it is no such file; the text names the token and quotes no secret.
    """
    try:
        tables = tomllib.loads(path.read_bytes().decode())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at .*\)", str(error))  # the rest may quote a secret
        raise ValueError(f"it is no TOML {at[0] if at else ''}".rstrip()) from None
    except RecursionError:
        raise ValueError("it is no TOML: it is nested too deep") from None
    listed = tables.get("token")
    if set(tables) != {"token"} or not isinstance(listed, list) or not listed:
        raise ValueError("it must hold tables [[token]] with name, token or sha256, and scopes, and nothing else")
    tokens = [_token(table, number) for number, table in enumerate(listed, start=1)]
    for what, names in (("name", [token.name for token in tokens]), ("token", [token.digest for token in tokens])):
        if len(set(names)) < len(names):
            raise ValueError(f"two tokens have the same {what}")
    return tokens


def wrong_in(path: Path) -> str:
    """Return what is wrong with the file at `path`; "" where nothing is."""
    try:
        read_tokens(path)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _token(table: object, number: int) -> ApiToken:
    if not isinstance(table, Mapping):
        raise ValueError(f"token {number} is no table: write [[token]]")
    name = table.get("name")
    if not (isinstance(name, str) and name.isprintable() and 0 < len(name) <= 64):
        raise ValueError(f"token {number}: name must be one line of 1 to 64 characters")
    if unknown := set(map(str, table)) - _FIELDS:
        raise ValueError(f"token {name!r}: unknown {', '.join(sorted(unknown))}; allowed: {', '.join(sorted(_FIELDS))}")
    return ApiToken(name, _digest(table, name), _scopes(table.get("scopes"), name))


def _digest(table: Mapping[str, object], name: str) -> str:
    match table.get("token"), table.get("sha256"):
        case str() as token, None:
            if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError(f"token {name!r}: token must be {_SHORTEST} ASCII characters or more, without blanks")
            return digest_of(token)
        case None, str() as digest:
            if not _DIGEST.fullmatch(digest.lower()):
                raise ValueError(f"token {name!r}: sha256 must be 64 hexadecimal digits")
            return digest.lower()
    raise ValueError(f"token {name!r}: give token or sha256, as a text, and not both")


def _scopes(given: object, name: str) -> frozenset[Scope]:
    try:
        scopes = frozenset(Scope(scope) for scope in given) if isinstance(given, list) else frozenset()
    except ValueError:
        scopes = frozenset()
    if not scopes:
        raise ValueError(f"token {name!r}: scopes must be a list of {', '.join(Scope)}")
    return EVERY_SCOPE if Scope.ADMIN in scopes else scopes
