"""Twilio's REST API, as far as calls need it: https://www.twilio.com/docs/voice/api/call-resource"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from bridge.settings import Settings
from telephony.jsontext import object_or_empty

_CALL_SID: Final = re.compile(r"CA[0-9A-Za-z]{32}")
_MOST_BYTES: Final = 256 * 1024
"""The longest answer that is read; the description of a call has 2 kB."""
_SHOWN_CHARS: Final = 200

Fields = Mapping[str, str | Sequence[str]]
"""Fields of a form; a list is a field that comes several times."""


class TwilioRefused(RuntimeError):
    """Twilio did not do what was asked; the text has Twilio's words."""


class TwilioRest:
    """The calls of one account. Nothing is tried twice: Twilio may have obeyed a request that it did not answer."""

    def __init__(self, session: aiohttp.ClientSession, *, account_sid: str, auth_token: str, url: str) -> None:
        """`session` has the limits of time; `url` is the API's, without a path."""
        password = b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._session, self._headers = session, {"Authorization": f"Basic {password}"}
        self._calls = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Calls"

    async def create(self, fields: Fields) -> str:
        """Place a call; return its SID.

        Raises:
            TwilioRefused: it is not placed, as far as we can tell.
        """
        told = await self._post(f"{self._calls}.json", fields)
        if not _is_sid(sid := told.get("sid")):
            raise TwilioRefused(f"Twilio answered without the SID of the call: {str(told)[:_SHOWN_CHARS]}")
        return str(sid)

    async def update(self, call_sid: str, fields: Fields) -> None:
        """Change a call: what it does next, or end it.

        Raises:
            TwilioRefused: it is not changed, as far as we can tell.
        """
        if not _is_sid(call_sid):  # it becomes part of a path, and came from outside
            raise TwilioRefused(f"no call of Twilio has the SID {call_sid[:_SHOWN_CHARS]!r}")
        await self._post(f"{self._calls}/{call_sid}.json", fields)

    async def _post(self, url: str, fields: Fields) -> Mapping[str, object]:
        form = aiohttp.FormData([pair for name, value in fields.items() for pair in _pairs(name, value)])
        try:
            # The token goes to the operator's address and nowhere else.
            async with self._session.post(url, data=form, headers=self._headers, allow_redirects=False) as response:
                body = await _read(response)
        except TimeoutError:
            raise TwilioRefused("Twilio did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TwilioRefused(f"Twilio cannot be reached: {error}") from error
        told = object_or_empty(body)
        if response.status not in {200, 201}:
            raise TwilioRefused(f"Twilio says {response.status}: {_why(told, body)}")
        return told


@asynccontextmanager
async def twilio_rest(settings: Settings) -> AsyncIterator[TwilioRest | None]:
    """Yield the API while the server runs; None without twilio_account_sid and twilio_auth_token."""
    if not (settings.twilio_account_sid and settings.twilio_auth_token):
        yield None
        return
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=settings.twilio_api_timeout)) as session:
        yield TwilioRest(
            session,
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token.get_secret_value(),
            url=settings.twilio_api_url,
        )


def _is_sid(value: object) -> bool:
    return isinstance(value, str) and _CALL_SID.fullmatch(value) is not None


def _pairs(name: str, value: str | Sequence[str]) -> list[tuple[str, str]]:
    return [(name, value)] if isinstance(value, str) else [(name, one) for one in value]


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise TwilioRefused(f"Twilio answered with more than {_MOST_BYTES} bytes")
    return body


def _why(told: Mapping[str, object], body: bytes) -> str:
    """Return Twilio's message and its number, which its documentation has a page for."""
    if message := told.get("message"):
        return f"{str(message)[:_SHOWN_CHARS]}" + (f" (error {code})" if (code := told.get("code")) else "")
    return repr(body.decode(errors="replace")[:_SHOWN_CHARS])
