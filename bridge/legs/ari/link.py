"""Keeps us in touch with an Asterisk: takes the calls it hands over, and outlives its restarts."""

import asyncio
import itertools
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from bridge import logs
from bridge.admission.lines import Busy, Carrier
from bridge.backoff import Backoff
from bridge.containment import cancelled
from bridge.leg import OpeningLeg
from bridge.legs.ari.call import MEDIA_PREFIX, AriCall
from bridge.legs.ari.call_out import AriCallOut, LegOut
from bridge.legs.ari.rest import Ari, AriRefused, NotThere
from bridge.legs.rtp import RtpLeg
from bridge.settings import Settings
from telephony.ari import AriEvent, Dialled, Entered, Extension, Left, Pressed, Replaced, Told, understand
from telephony.malformed import Refused

log = logging.getLogger(__name__)

_WIRE: Final = "ari"
_FIRST_PAUSE_S: Final = 0.2
_FIRST_TESTS_S: Final = (0.0, 1.0)
_TEST_S: Final = 10.0
"""Seconds before each test whether Asterisk tells us events."""
_GONE_S: Final = 10.0
"""An Asterisk whose events we have missed for so long is taken to have lost our calls too."""


class AriLink:
    """Our application at one Asterisk."""

    def __init__(
        self,
        settings: Settings,
        carrier: Carrier,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`pause` waits for a number of seconds, between two attempts."""
        self._settings, self._carrier, self._pause = settings, carrier, pause
        self._app, self._up = settings.ari_app, carrier.metrics.ari_up
        low, high = map(int, settings.ari_rtp_ports.split("-"))
        self._ports = range(low, high + 1)
        self._name = f"bridge-{uuid.uuid4().hex}"  # of the events that we send to ourselves
        self._legs: dict[str, tuple[RtpLeg, AriCall]] = {}  # by the caller's channel
        limit = aiohttp.ClientTimeout(total=None, sock_connect=settings.ari_timeout)
        self._session = aiohttp.ClientSession(timeout=limit)
        self._ari = _rest(settings, self._session)
        self._tasks = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self._gone: asyncio.TimerHandle | None = None
        self._test_name, self._heard = "", asyncio.Event()  # of the test under way
        self._trouble = "is not connected to Asterisk yet"

    @property
    def trouble(self) -> str:
        """Why Asterisk cannot hand calls over, in words; "" while it can."""
        return self._trouble

    @property
    def beyond_repair(self) -> bool:
        """True once nothing connects to Asterisk any more: a fault of ours."""
        return self._task is not None and self._task.done()

    def sign_in_with(self, password: str) -> None:
        """Use another password, for all that is asked of Asterisk from now on; its events stay connected."""
        self._ari.sign_in_with(password)

    def dial(self, number: str, *, caller: str = "") -> OpeningLeg:
        """Return the leg of a call to an extension of `--ari-dial-context`. `caller` is shown."""
        settings = self._settings
        context = settings.ari_dial_context
        call = AriCallOut(
            self._ari, Extension(number, context), caller=caller, app=self._app, audio=settings.ari_format
        )
        leg = RtpLeg(call, host=settings.ari_media_host, ports=self._ports)
        self._legs[call.channel] = leg, call
        return LegOut(leg, over=lambda: self._legs.pop(call.channel, None))

    async def __aenter__(self) -> Self:
        """Begin to connect; an Asterisk that is not there is tried again and again."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End what is left of the calls, and disconnect."""
        await cancelled(self._task)
        await self._session.close()

    async def _run(self) -> None:
        try:
            await self._stay_connected()
        except Exception as error:  # a fault of ours: /healthz tells of it, calls over other wires go on
            self._off_work(f"the link to Asterisk has failed: {error!r}")
            log.exception("the link to Asterisk has failed, and no more calls come over ARI")

    async def _stay_connected(self) -> None:
        backoff, clock_s = Backoff(_FIRST_PAUSE_S, steady_s=0), asyncio.get_running_loop().time
        async with self._tasks:
            while True:
                try:
                    before = await self._channels()
                    async with await self._ari.listen(self._app) as events:
                        backoff.ready(clock_s())
                        await self._at_work(before)
                        test = self._tasks.create_task(self._test(events))
                        try:
                            why = await self._take(events)
                        finally:
                            test.cancel()
                except AriRefused as error:
                    why = str(error)
                self._off_work(why)
                pause_s = backoff.failed(clock_s())
                log.warning("%s; tried again in %g s", why, pause_s)
                await self._pause(pause_s)

    async def _channels(self) -> set[str]:
        """Return the ids of the channels that are in our application.

        Raises:
            AriRefused: Asterisk does not tell.
        """
        try:
            told = await self._ari.ask("GET", "applications", self._app)
        except NotThere:
            return set()
        channels = told.get("channel_ids")
        if not isinstance(channels, list):  # to take it for none would end every call on the line
            raise AriRefused("Asterisk does not tell which channels our application has")
        return {str(channel) for channel in channels}

    async def _at_work(self, before: set[str]) -> None:
        """Match our calls with the channels that Asterisk has. `before`: those that there were before we connected."""
        log.info("connected to Asterisk as %s at %s", self._app, self._settings.ari_url)
        there = await self._channels()
        for channel, (leg, call) in list(self._legs.items()):
            if call.entered.is_set() and channel not in there:  # its end was told while nobody listened
                leg.ended("Asterisk has lost the call")
        ours = {call.media for _, call in self._legs.values()}
        for channel in before - set(self._legs) - ours:
            log.warning("channel %s was left by an earlier run of the bridge, and is hung up", channel)
            with suppress(NotThere):
                await self._ari.ask("DELETE", "channels", channel)
        if self._gone:
            self._gone.cancel()
            self._gone = None

    def _off_work(self, why: str) -> None:
        self._up.set(0)
        self._trouble = why
        if self._gone is None:
            self._gone = asyncio.get_running_loop().call_later(_GONE_S, self._lose)

    def _lose(self) -> None:
        for leg, _ in self._legs.values():
            leg.ended(f"Asterisk has been gone for {_GONE_S:g} s")

    async def _test(self, events: aiohttp.ClientWebSocketResponse) -> None:
        """Close `events` once Asterisk tells us nothing over it.

        Where a connection of ours ends while the next one begins, Asterisk may take the application away from the new
        one, and leave it open.
        """
        for number, wait_s in enumerate(itertools.chain(_FIRST_TESTS_S, itertools.repeat(_TEST_S))):
            await asyncio.sleep(wait_s)
            self._test_name, self._heard = f"{self._name}-{number}", asyncio.Event()
            try:
                async with asyncio.timeout(self._settings.ari_timeout):
                    await self._ari.ask("POST", "events", "user", self._test_name, application=self._app)
                    await self._heard.wait()
            except (AriRefused, TimeoutError):
                log.warning("Asterisk tells us nothing over the events that it keeps open")
                await events.close()
                return
            self._up.set(1)
            self._trouble = ""

    async def _take(self, events: aiohttp.ClientWebSocketResponse) -> str:
        """Take events until there are no more; return why."""
        async for message in events:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                event = understand(message.data)
            except Refused as why:
                log.warning("Asterisk sent what is no event: %s", why)
                continue
            if isinstance(event, Replaced):
                return f"another client has taken the application {self._app}: give each bridge its own --ari-app"
            if event is not None:
                self._obey(event)
        return f"Asterisk has closed its events ({events.close_code})"

    def _obey(self, event: AriEvent) -> None:
        match event:
            case Told(name) if name == self._test_name:
                self._heard.set()
            case Entered(channel) if channel.startswith(MEDIA_PREFIX):
                for _, call in self._legs.values():
                    if call.media == channel:
                        call.media_entered.set()
            case Entered(channel) if found := self._legs.get(channel):
                found[1].entered.set()
            case Entered():
                self._tasks.create_task(self._answer(event))
            case Pressed(channel, digit) if found := self._legs.get(channel):
                found[0].pressed(digit)
            case Dialled(channel, status) if found := self._legs.get(channel):
                found[1].dialled = status
            case Left(channel) if found := self._legs.get(channel):
                found[0].ended(found[1].left(event))

    async def _answer(self, entered: Entered) -> None:
        logs.call_id.set("")
        try:
            with self._carrier.lines.take():
                await self._carry(entered)
        except Busy as busy:
            log.warning("call over ARI refused, its dialplan goes on: %s", busy)
            self._carrier.metrics.refused.labels(busy.reason).inc()
            with suppress(AriRefused):  # the caller was faster
                await self._ari.ask("POST", "channels", entered.channel, "continue")
        except Exception:  # a fault of ours in one call: it must not take the others with it
            log.exception("call over ARI failed")

    async def _carry(self, entered: Entered) -> None:
        settings = self._settings
        call = AriCall(self._ari, entered, app=self._app, audio=settings.ari_format)
        leg = RtpLeg(call, host=settings.ari_media_host, ports=self._ports)
        self._legs[entered.channel] = leg, call
        try:
            await self._carrier.carry(leg, wire=_WIRE, peer=urlsplit(settings.ari_url).hostname or "")
        finally:
            del self._legs[entered.channel]


def _rest(settings: Settings, session: aiohttp.ClientSession) -> Ari:
    password = settings.ari_password
    return Ari(
        session,
        url=settings.ari_url,
        user=settings.ari_user,
        password=password.get_secret_value() if password else "",
        timeout_s=settings.ari_timeout,
    )
