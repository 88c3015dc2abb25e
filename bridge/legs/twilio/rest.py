"""Twilio's REST API, as far as calls need it: https://www.twilio.com/docs/voice/api/call-resource"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from bridge.legs.carriers.rest import CarrierRefused
from bridge.legs.http_answer import BrokenAnswer, object_in, object_in_refusal, read_whole
from bridge.settings import Settings

_CALL_SID: Final = re.compile(r"CA[0-9A-Za-z]{32}")
_SHOWN_CHARS: Final = 200

Fields = Mapping[str, str | Sequence[str]]
"""Fields of a form; a list is a field that comes several times."""


class TwilioRefused(CarrierRefused):
    """Twilio did not do what was asked; the text has Twilio's words."""


class TwilioRest:
    """The calls of one account. Nothing is tried twice: Twilio may have obeyed a request that it did not answer."""

    def __init__(self, session: aiohttp.ClientSession, *, account_sid: str, auth_token: str, url: str) -> None:
        """`session` has the limits of time; `url` is the API's, without a path."""
        self._session, self._account_sid = session, account_sid
        self.sign_in_with(auth_token)
        self._calls = f"{url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Calls"

    def sign_in_with(self, auth_token: str) -> None:
        """Use this auth token from the next request on."""
        password = b64encode(f"{self._account_sid}:{auth_token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {password}"}

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
                body = await read_whole(response)
            if response.status not in {200, 201}:
                raise TwilioRefused(f"Twilio says {response.status}: {_why(object_in_refusal(body), body)}")
            return object_in(body)
        except TimeoutError:
            raise TwilioRefused("Twilio did not answer in time") from None
        except BrokenAnswer as error:
            raise TwilioRefused(f"Twilio {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TwilioRefused(f"Twilio cannot be reached: {error}") from error


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


def _why(told: Mapping[str, object], body: bytes) -> str:
    """Return Twilio's message and its number, which its documentation has a page for."""
    if message := told.get("message"):
        return f"{str(message)[:_SHOWN_CHARS]}" + (f" (error {code})" if (code := told.get("code")) else "")
    return repr(body.decode(errors="replace")[:_SHOWN_CHARS])
