"""Calls that wait at an Asterisk until we connect to them: `Dial(WebSocket/INCOMING/...)`, or ARI's external media."""

import asyncio
import logging
import re
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Final, Self
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse

from bridge import logs
from bridge.admission.lines import Carrier
from bridge.containment import cancelled
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.legs.websocket import PING_S, WebSocketLeg
from telephony.asterisk import AsteriskProtocol

log = logging.getLogger(__name__)

SUBPROTOCOL: Final = "media"
_NAME: Final = re.compile(r"[\w.-]{1,128}", re.ASCII)


class Unreachable(Exception):
    """The Asterisk does not have the call, or is not there; the text says which."""


class WaitingCalls:
    """The calls that wait at one Asterisk."""

    def __init__(self, carrier: Carrier, *, url: str) -> None:
        """`url`: where it has its media sockets, e.g. ws://pbx:8088/media."""
        self._carrier, self._url = carrier, url.rstrip("/")
        self._session = ClientSession()
        self._calls: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def connect(self, name: str, parameters: Mapping[str, str]) -> None:
        """Connect to the call whose connection id is `name`; return once it is connected. The call goes on.

        Raises:
            ValueError: `name` is no connection id.
            Busy: all lines are taken.
            Unreachable: there is no connection within `start_timeout`.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"id: got {name[:60]!r}; allowed: the call's MEDIA_WEBSOCKET_CONNECTION_ID")
        with ExitStack() as held:
            held.enter_context(self._carrier.lines.take())
            wire = await self._dial(name)
            call = asyncio.create_task(self._carry(wire, AsteriskProtocol(parameters), held.pop_all()))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def __aexit__(self, *exc: object) -> None:
        """End what is left of the calls."""
        await cancelled(*self._calls)
        await self._session.close()

    async def _dial(self, name: str) -> ClientWebSocketResponse:
        settings = self._carrier.settings
        try:
            async with asyncio.timeout(settings.start_timeout):
                return await self._session.ws_connect(
                    f"{self._url}/{name}",
                    protocols=(SUBPROTOCOL,),
                    heartbeat=PING_S,
                    compress=0,
                    max_msg_size=4 * settings.max_message_bytes,
                )
        except TimeoutError:
            raise Unreachable(f"{self._url} has not answered for {settings.start_timeout:g} s") from None
        except ClientError as error:
            raise Unreachable(f"{self._url}: {error}") from error

    async def _carry(self, wire: ClientWebSocketResponse, protocol: AsteriskProtocol, line: ExitStack) -> None:
        def abort() -> None:
            with suppress(OSError):  # it is gone already
                wire.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

        with line:
            logs.call_id.set("")
            leg = WebSocketLeg(wire, protocol, abort=abort, idle_s=None, send_s=self._carrier.settings.send_timeout)
            await self._carrier.carry(SilenceFilledLeg(leg), wire="asterisk", peer=urlsplit(self._url).hostname or "")
