"""Calls over ARI: an Asterisk that does as it is told, the link to it, and a desk that takes its calls."""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from ari_server import PASSWORD, USER, AriServer
from fakes import FakePause

from bridge.admission.lines import Lines
from bridge.leg import LegLost, OpeningLeg
from bridge.legs.ari.link import AriLink
from bridge.metrics import Metrics
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError
from telephony.events import CallStarted, Event, Media
from telephony.rtp import Packet, parse

T = TypeVar("T")


class Desk:
    """Takes calls and keeps what they bring; a call lasts until it is let go."""

    def __init__(self, lines: int = 10) -> None:
        self.settings, self.lines, self.metrics = Settings(), Lines(lines), Metrics()
        self.calls: asyncio.Queue[tuple[OpeningLeg, CallStarted]] = asyncio.Queue()
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        """What calls bring, but for silence."""
        self.failed: asyncio.Queue[RemoteProtocolError | LegLost] = asyncio.Queue()

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        assert wire == "ari"
        async with leg:
            await self._take(leg)

    async def _take(self, leg: OpeningLeg) -> None:
        try:
            started = await leg.start(5)
        except (RemoteProtocolError, LegLost) as error:
            self.failed.put_nowait(error)
            await leg.close(str(error))
            return
        self.calls.put_nowait((leg, started))
        async for event in leg:
            if not isinstance(event, Media) or any(byte != 0xFF for byte in event.payload):
                self.events.put_nowait(event)
        await leg.close("over")


@dataclass(frozen=True)
class Pbx:
    """An Asterisk that is connected."""

    asterisk: AriServer
    desk: Desk
    link: AriLink
    media: socket.socket
    """Where it has the audio of its calls."""

    async def call(self, *args: str, name: str = "c1") -> tuple[OpeningLeg, CallStarted]:
        """Have a channel enter the application with `args`; return the call that the desk has of it."""
        await self.asterisk.enter(name, *args)
        return await next_of(self.desk.calls)

    async def heard(self) -> tuple[Packet, tuple[str, int]]:
        """Return the next packet of a call, and where it comes from."""
        async with asyncio.timeout(5):
            data, source = await asyncio.get_running_loop().sock_recvfrom(self.media, 2048)
        return parse(data), source


def ari_settings(url: str, **more: object) -> Settings:
    known = {"ari_url": url, "ari_user": USER, "ari_password": PASSWORD, "ari_format": "ulaw", "ari_timeout": 2}
    return Settings.model_validate({**known, **more})


@asynccontextmanager
async def connected(
    *, lines: int = 10, channels: Collection[str] = (), pause: FakePause | None = None, **more: object
) -> AsyncIterator[Pbx]:
    """Yield an Asterisk with `channels` in its application, connected with `lines` of ours; `more`: settings."""
    with socket.socket(type=socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        media.setblocking(False)
        asterisk, desk = AriServer(media=media.getsockname()), Desk(lines)
        asterisk.channels.update(channels)
        async with asterisk:
            waits = {"pause": pause} if pause else {}
            async with AriLink(ari_settings(asterisk.url, **more), desk, **waits) as link:
                await asterisk.until_connected()
                yield Pbx(asterisk, desk, link, media)


async def next_of(queue: asyncio.Queue[T]) -> T:
    async with asyncio.timeout(5):
        return await queue.get()
