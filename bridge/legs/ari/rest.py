"""Asterisk's REST interface over HTTP."""

import asyncio
from base64 import b64encode
from typing import Final
from urllib.parse import quote

import aiohttp

from bridge.legs.http_answer import BrokenAnswer, object_in, object_in_refusal, read_whole
from bridge.legs.websocket import PING_S
from telephony.jsontext import Fields

_SHOWN_CHARS: Final = 200


class AriRefused(RuntimeError):
    """Asterisk did not do it, or is not there; the text says which."""


class NotThere(AriRefused):
    """What was asked for does not exist, or does not exist any more."""


class Ari:
    """The interface of one Asterisk. Nothing is tried twice: a request without an answer may have been obeyed."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, user: str, password: str, timeout_s: float) -> None:
        """`url`: where the interface is, e.g. http://pbx:8088/ari."""
        self._session, self._url, self._user = session, url.rstrip("/"), user
        self.sign_in_with(password)
        self._limit = aiohttp.ClientTimeout(total=timeout_s)

    def sign_in_with(self, password: str) -> None:
        """Use another password from the next request on; a socket of events stays open."""
        self._headers = {"Authorization": f"Basic {b64encode(f'{self._user}:{password}'.encode()).decode()}"}

    async def ask(self, method: str, *path: str, **parameters: str) -> Fields:
        """Return what Asterisk answers, {} where it has nothing to tell; the parts of `path` are quoted.

        Raises:
            NotThere: what `path` names is not there.
            AriRefused: Asterisk does not do it, as far as we can tell, or its answer cannot be read.
        """
        url = "/".join((self._url, *(quote(part, safe="") for part in path)))
        try:
            async with self._session.request(
                method,
                url,
                params=parameters,
                headers=self._headers,
                timeout=self._limit,
                allow_redirects=False,  # the password goes to the operator's address and nowhere else
            ) as response:
                body = await read_whole(response)
            if response.status >= 300:
                raise _refused(response.status, f"{method} /{'/'.join(path)}", body)
            return object_in(body)
        except TimeoutError:
            raise AriRefused(f"Asterisk did not answer {method} /{'/'.join(path)} in time") from None
        except BrokenAnswer as error:
            raise AriRefused(f"Asterisk, asked for {method} /{'/'.join(path)}, {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise AriRefused(f"Asterisk cannot be reached: {error}") from error

    async def listen(self, app: str) -> aiohttp.ClientWebSocketResponse:
        """Return a socket with the events of `app`, to which its channels are given while it is open.

        Raises:
            AriRefused: Asterisk does not open it.
        """
        url = f"ws{self._url.removeprefix('http')}/events?app={quote(app, safe='')}"
        try:
            async with asyncio.timeout(self._limit.total):
                return await self._session.ws_connect(url, headers=self._headers, heartbeat=PING_S, compress=0)
        except TimeoutError:
            raise AriRefused("Asterisk did not open its events in time") from None
        except aiohttp.WSServerHandshakeError as error:
            why = "see ari.conf, and --ari-user with its password" if error.status == 401 else error.message
            raise AriRefused(f"Asterisk says {error.status} to our events: {why}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AriRefused(f"Asterisk cannot be reached: {error}") from error


def _refused(status: int, what: str, body: bytes) -> AriRefused:
    told = object_in_refusal(body)
    why = str(told.get("message") or told.get("error") or body.decode(errors="replace"))
    kind = NotThere if status == 404 else AriRefused
    return kind(f"Asterisk says {status} to {what}: {why[:_SHOWN_CHARS]}")
