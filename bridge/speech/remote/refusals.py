"""What a server means that does not do what it is asked: status, headers and body become one of our errors. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from bridge.speech.api import BadRequest, EngineFailed, EngineLost, Overloaded, SpeechError

_TELLING: Final = ("error", "detail", "message", "err_msg", "error_message", "msg", "title", "error_code", "status")
"""Fields in which servers say what is wrong, the most telling first."""
_DEEPEST: Final = 4


class NoSuchPath(EngineFailed):
    """The server has nothing there."""


def refusal(
    where: str, status: int, headers: Mapping[str, str], content: bytes, *, key: str | None, option: str
) -> SpeechError:
    """Return what an answer with `status` means, which is not 200.

    `where`: URL and path. `key`: what we showed, None for nothing; `option`: the one that holds it.
    """
    said = complaint(content)
    if key:  # some servers quote it
        said = said.replace(key, "***")
    what = f"{where}: {status} {said}".rstrip()
    match status:
        case 401 | 403:
            given = "is refused" if key else "is not set"
            told = f" ({said})" if said else ""
            return EngineFailed(f"{where}: {status}: {option} {given}; set BRIDGE_{option.upper()}{told}")
        case 400 | 413 | 422:
            return BadRequest(what)
        case 429 | 503:
            return Overloaded(what, retry_after_s=retry_after_s(headers.get("Retry-After", ""), datetime.now(UTC)))
        case _ if 300 <= status < 400:
            to = headers.get("Location", "")[:200]
            return EngineFailed(f"{where}: {status} to {to!r}; redirects are not followed: give the last URL")
        case 404 | 405 | 501:
            return NoSuchPath(what)
        case _ if status >= 500:
            return EngineLost(what)
        case _:
            return EngineFailed(what)


def complaint(content: bytes) -> str:
    """Return what an error says for itself, on one line of 300 characters at most."""
    try:
        told = _told(json.loads(content), _DEEPEST)
    except (ValueError, RecursionError):
        told = ""
    text = told or content.decode(errors="replace")
    return " ".join(text.encode(errors="replace").decode().split())[:300]


def _told(problem: object, depth: int) -> str:
    """Return the first text in `problem` that says what is wrong."""
    if isinstance(problem, str):
        return problem
    if isinstance(problem, dict) and depth:
        found = (_told(problem.get(name), depth - 1) for name in _TELLING)
        return next(filter(None, found), "")
    if isinstance(problem, list) and depth:
        return next(filter(None, (_told(part, depth - 1) for part in problem[:10])), "")
    return ""


def retry_after_s(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, given as such or as a date; None if it says none."""
    if (seconds := value.strip()).isdecimal() and seconds.isascii():
        return float(seconds) if len(seconds) < 10 else None
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def one_line(error: Exception) -> str:
    """Return what `error` says, on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
