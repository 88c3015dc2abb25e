"""What all routes of the API have in common: questions that are read or refused, and answers as JSON."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import wraps

from aiohttp import web

from bridge.records.shelf import DatabaseFailed
from bridge.server.access.forms import read_body
from bridge.server.auth import SHOWN, Shown

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LATER = {"Retry-After": "5"}
"""Of an answer that says: not now."""


class BadQuestion(ValueError):
    """What was asked cannot be read; the text names the field, its value and what is allowed."""


class NoSuchCall(LookupError):
    """There is none, or no more. The text says which."""


class NotNow(Exception):
    """The call is in no state for it. The text says why."""


def problem(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer that says what is wrong."""
    return web.json_response({"error": text}, status=status, headers=headers)


def answering(handler: _Handler) -> _Handler:
    """Return `handler`, of which the errors above are answers."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except BadQuestion as error:
            return problem(400, str(error))
        except NoSuchCall as error:
            return problem(404, str(error))
        except NotNow as error:
            return problem(409, str(error))
        except DatabaseFailed as error:
            return problem(503, f"the call log cannot be read or written now: {error}", LATER)

    return answer


def shown(request: web.Request) -> Shown:
    """Return what the client was let in by."""
    return request.get(SHOWN) or Shown()


def named(request: web.Request) -> str:
    """Return the name of a call in the path.

    Raises:
        NoSuchCall: no call can be called so.
    """
    name = request.match_info["id"]
    if not name.isprintable():
        raise NoSuchCall("no call has such a name")
    return name


async def text_field(request: web.Request, name: str, *, most: int) -> str:
    """Return the only field of the JSON object in the body, a text that is not blank, of at most `most` characters.

    Raises:
        BadQuestion: it is not there.
    """
    try:
        body = json.loads(await read_body(request))
    except (ValueError, RecursionError) as error:
        raise BadQuestion(f"body: no JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadQuestion(f'body: must be a JSON object, {{"{name}": "..."}}')
    if unknown := sorted(set(body) - {name}):
        raise BadQuestion(f"field {unknown[0][:100]!r} is not known; allowed: {name}")
    text = body.get(name)
    if not isinstance(text, str) or not text.strip() or len(text) > most:
        raise BadQuestion(f"field {name}: must be a text of 1 to {most} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadQuestion(f"field {name}: holds half of a surrogate pair, which is no character") from None
    return text


def only(request: web.Request, known: Collection[str]) -> None:
    """Refuse parameters of the URL that are not `known`, and those that are there twice.

    Raises:
        BadQuestion: there is such a one.
    """
    for name in request.query:
        if name not in known and name != "token":
            raise BadQuestion(f"parameter {name[:100]!r} is not known; allowed: {', '.join(known)}")
        if len(request.query.getall(name)) > 1:
            raise BadQuestion(f"parameter {name} is there twice")
        if not request.query[name].isprintable():
            raise BadQuestion(f"parameter {name}: must be one line of text")


def flag(request: web.Request, name: str) -> bool:
    """Return a parameter that is true or false; false where it is not there.

    Raises:
        BadQuestion: it is neither.
    """
    value = request.query.get(name, "false").lower()
    if value not in {"true", "false", "1", "0"}:
        raise BadQuestion(f"parameter {name}: got {value[:100]!r}; allowed: true, false")
    return value in {"true", "1"}


def whole(request: web.Request, name: str, *, usual: int, most: int) -> int:
    """Return a parameter that is a whole number from 1 to `most`.

    Raises:
        BadQuestion: it is none.
    """
    value = request.query.get(name, str(usual))
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise BadQuestion(f"parameter {name}: got {value[:100]!r}; allowed: 1 to {most}")
    return int(value)


def moment(request: web.Request, name: str) -> float | None:
    """Return a parameter that is a time, in seconds since 1970; None where it is not there. Without zone it is UTC.

    Raises:
        BadQuestion: it is none.
    """
    value = request.query.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value.replace(" ", "+"))  # a + in a URL that nobody quoted is a blank
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadQuestion(f"parameter {name}: got {value[:100]!r}; allowed: 2026-01-31T12:00:00Z") from None
