"""One channel of an Asterisk, joined with its audio: what is asked of it over ARI."""

import asyncio
import logging
import uuid
from contextlib import suppress
from typing import Final

from bridge.legs.ari.rest import Ari, AriRefused, NotThere
from bridge.legs.rtp import Address
from telephony.ari import FORMATS, AriProtocol, Endpoint, Entered, Extension, Left, destination
from telephony.errors import RemoteProtocolError
from telephony.events import CallStarted, Hangup, Join, Leave, SendDtmf, Transfer

log = logging.getLogger(__name__)

MEDIA_PREFIX: Final = "bridge-media-"
"""Begins the ids of the channels that carry audio to us: they enter the application too, but are no calls."""


class AriCall:
    """The `Control` of a call: channel, external media, and the bridge that joins them."""

    capabilities = AriProtocol.capabilities

    def __init__(self, ari: Ari, entered: Entered, *, app: str, audio: str) -> None:
        """`audio`: Asterisk's name of the format, one of FORMATS."""
        self._ari, self._entered, self._app, self._audio = ari, entered, app, audio
        self._format, self.payload_type = FORMATS[audio]
        name = uuid.uuid4().hex
        self.media, self._bridge = f"{MEDIA_PREFIX}{name}", f"bridge-{name}"
        self._room = ""  # the bridge that the channel is in, where it is not ours alone
        self.transferred_to = ""
        """Set while the caller is being put through, and after."""
        self.media_entered = asyncio.Event()
        """Set once the channel of the audio is in our application: no bridge takes it before."""
        self.entered = asyncio.Event()
        """Set once the call's own channel is in our application."""
        self.entered.set()
        self.dialled = ""
        """How it rang, where it is a call that we asked for, in the words of DIALSTATUS."""
        self._gone = False  # True once there is no channel to hang up

    async def connect(self, ours: Address) -> tuple[CallStarted, Address]:
        """See Control."""
        host, port = ours
        channel = self._entered.channel
        try:
            await self._ari.ask(
                *("POST", "channels", "externalMedia"),
                channelId=self.media,
                app=self._app,
                external_host=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                format=self._audio,
                encapsulation="rtp",
                transport="udp",
                direction="both",
            )
            await self._ari.ask("POST", "bridges", type="mixing", bridgeId=self._bridge)
            await self._ari.ask("POST", "channels", channel, "answer")
            await self.media_entered.wait()
            await self._ari.ask("POST", "bridges", self._bridge, "addChannel", channel=f"{channel},{self.media}")
            theirs = (await self._variable("UNICASTRTP_LOCAL_ADDRESS"), await self._variable("UNICASTRTP_LOCAL_PORT"))
        except NotThere as error:
            raise RemoteProtocolError(f"caller hung up before the call started ({error})") from None
        except AriRefused as error:
            raise RemoteProtocolError(str(error)) from error
        if not theirs[1].isdecimal():
            raise RemoteProtocolError(f"Asterisk does not say where its audio is: got {theirs!r}")
        told = self._entered
        started = CallStarted(
            call_id=channel,
            format=self._format,
            caller=told.caller,
            callee=told.callee,
            parameters=told.parameters,
            caller_name=told.caller_name,
            forwarded_from=told.parameters.get("forwarded_from", ""),
        )
        return started, (theirs[0], int(theirs[1]))

    async def carry_out(self, command: Hangup | Transfer | Join | Leave | SendDtmf) -> None:
        """See Control.

        Raises:
            AriRefused, ValueError: it does not happen, and why.
        """
        channel = self._entered.channel
        match command:
            case Hangup():
                await self._hang_up()
            case SendDtmf(digits):
                await self._ari.ask("POST", "channels", channel, "dtmf", dtmf=digits)
            case Join(room):
                await self._join(room)
            case Leave() if self._room:
                await self._leave()
            case Transfer(target):
                self.transferred_to = target
                try:
                    await self._put_through(target)
                except (AriRefused, ValueError):
                    self.transferred_to = ""
                    raise

    async def close(self) -> None:
        """See Control."""
        if not self.transferred_to:
            await self._hang_up()
        bridges = [self._bridge, self._room] if self._room else [self._bridge]
        await asyncio.gather(
            self._delete("channels", self.media), *(self._delete("bridges", bridge) for bridge in bridges)
        )

    @property
    def channel(self) -> str:
        """The id of the call's own channel."""
        return self._entered.channel

    def left(self, _: Left) -> str:
        """Note that the channel has left our application; return why."""
        self._gone = True
        return f"transferred to {self.transferred_to}" if self.transferred_to else "caller hung up"

    async def _put_through(self, target: str) -> None:
        channel = self._entered.channel
        match destination(target, context=self._entered.context):
            case Endpoint(address):
                await self._ari.ask("POST", "channels", channel, "redirect", endpoint=address)
            case Extension(name, context):
                # Asterisk says yes to any, and hangs up where there is none.
                if await self._variable(f"DIALPLAN_EXISTS({context},{name},1)", of=channel) == "0":
                    raise AriRefused(f"there is no extension {name} in the context {context}")
                place = {"context": context, "extension": name, "priority": "1"}
                await self._ari.ask("POST", "channels", channel, "continue", **place)

    async def _join(self, room: str) -> None:
        """Move the channel to a bridge of that name; where that fails it is back in ours.

        Raises:
            AriRefused: it failed, and why.
        """
        try:
            await self._ari.ask("GET", "bridges", room)
        except NotThere:  # one that is there cannot be made again: Asterisk says 409
            await self._ari.ask("POST", "bridges", type="mixing", bridgeId=room)
        await self._move(self._bridge, room)
        self._room = room

    async def _leave(self) -> None:
        room, self._room = self._room, ""
        try:
            await self._move(room, self._bridge)
        finally:
            await self._delete("bridges", room)

    async def _move(self, before: str, after: str) -> None:
        channel = self._entered.channel
        with suppress(NotThere):  # whoever else was in a room took it with them: nobody is in it then
            await self._ari.ask("POST", "bridges", before, "removeChannel", channel=channel)
        try:
            await self._ari.ask("POST", "bridges", after, "addChannel", channel=channel)
        except AriRefused:
            await self._ari.ask("POST", "bridges", before, "addChannel", channel=channel)
            raise

    async def _variable(self, name: str, *, of: str = "") -> str:
        told = await self._ari.ask("GET", "channels", of or self.media, "variable", variable=name)
        return str(told.get("value", ""))

    async def _hang_up(self) -> None:
        if not self._gone:
            self._gone = True
            await self._delete("channels", self._entered.channel)

    async def _delete(self, *path: str) -> None:
        try:
            await self._ari.ask("DELETE", *path)
        except NotThere:
            pass  # as it should be
        except AriRefused as error:
            log.warning("a call may not be ended: %s", error)
