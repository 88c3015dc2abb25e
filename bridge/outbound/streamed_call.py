"""A call that a carrier places for us: asked for over its REST API, heard over a stream that the carrier opens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Self

from bridge.leg import HangupCause, OpeningLeg
from bridge.legs.carriers.rest import CarrierRefused
from bridge.settings import Settings
from telephony.events import CallStarted, Capabilities, Command, Event
from telephony.outcome import NotAnswered, Outcome

log = logging.getLogger(__name__)


class StreamedCall:
    """The leg of one such call. Its audio comes over a stream of its own once the call is answered."""

    def __init__(
        self,
        *,
        capabilities: Capabilities,
        place: Callable[[], Awaitable[str]],
        hang_up: Callable[[str], Awaitable[None]],
        equip: Callable[[OpeningLeg], OpeningLeg],
        start_s: float,
        over: Callable[[], object],
    ) -> None:
        """`place` orders the call and returns its id; `hang_up` ends one that has no stream. Both raise CarrierRefused.

        `equip` adds to the stream what it cannot do. `start_s`: how long a stream may take to say what it is. `over` is
        called when the call is over.
        """
        self.capabilities = capabilities
        self._place, self._hang_up, self._equip = place, hang_up, equip
        self._start_s, self._over = start_s, over
        self._stream: asyncio.Future[OpeningLeg] = asyncio.get_running_loop().create_future()
        self._opened = AsyncExitStack()  # holds the stream
        self._closed = asyncio.Event()
        self._id = ""  # set once the carrier has taken the request

    # ------------------------------------------------------------ the carrier's side

    async def connect(self, leg: OpeningLeg) -> None:
        """Take the stream of the call; return when the call is over."""
        if self._stream.done():
            await leg.close("the call has its stream, or is over")
            return
        self._stream.set_result(self._equip(leg))
        await self._closed.wait()

    @property
    def awaited(self) -> bool:
        """True until its stream is there."""
        return not self._stream.done()

    def unanswered(self, why: NotAnswered) -> None:
        """Note that nobody answers, by the word of the carrier."""
        if not self._stream.done():
            self._stream.set_exception(why)

    # ------------------------------------------------------------ the bridge's side

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._opened.aclose()

    async def start(self, timeout_s: float) -> CallStarted:
        """Have the carrier place the call, and wait until it is answered.

        Raises:
            NotAnswered: nobody answered, or the carrier did not place it.
        """
        try:
            self._id = await self._place()
        except CarrierRefused as why:
            raise NotAnswered(Outcome.REFUSED, str(why)) from why
        leg = await self._opened.enter_async_context(await asyncio.shield(self._stream))
        return await leg.start(self._start_s)

    def __aiter__(self) -> AsyncIterator[Event]:
        return aiter(self._stream.result())

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """See OpeningLeg."""
        return self._stream.result().watch(gone)

    async def send(self, command: Command, /) -> None:
        await self._stream.result().send(command)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Hang up: close the stream, which ends the call; where there is none yet, end the call over the API."""
        if self._closed.is_set():
            return
        self._over()
        self._closed.set()
        if not self._stream.done():
            self._stream.set_exception(NotAnswered(Outcome.FAILED, reason))
        if self._stream.exception() is None:
            await self._stream.result().close(reason, cause=cause)
        elif self._id:
            try:
                await self._hang_up(self._id)
            except CarrierRefused as why:
                log.warning("call %s may ring on: %s", self._id, why)


class StreamedCalls:
    """Those of one trunk, which finds them again when the carrier opens their streams. Their addresses are ours."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._host = settings.public_url.partition("://")[2].rstrip("/")
        self._calls: dict[str, StreamedCall] = {}

    def get(self, call_id: str) -> StreamedCall | None:
        """Return a call that is not over; None where there is none."""
        return self._calls.get(call_id)

    def _add(
        self,
        call_id: str,
        *,
        capabilities: Capabilities,
        place: Callable[[], Awaitable[str]],
        hang_up: Callable[[str], Awaitable[None]],
        equip: Callable[[OpeningLeg], OpeningLeg],
    ) -> StreamedCall:
        call = StreamedCall(
            capabilities=capabilities,
            place=place,
            hang_up=hang_up,
            equip=equip,
            start_s=self._settings.start_timeout,
            over=lambda: self._calls.pop(call_id, None),
        )
        self._calls[call_id] = call
        return call
