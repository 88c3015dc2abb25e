"""Calls that Twilio places for us: asked for over its REST API, heard over a stream of their own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final, Self

from bridge.leg import HangupCause, OpeningLeg
from bridge.legs.twilio.rest import Fields, TwilioRefused, TwilioRest
from bridge.legs.twilio.transfer import TwilioTransferLeg
from bridge.outbound.call_request import CallRequest
from bridge.settings import Settings
from telephony.events import CallStarted, Command, Event
from telephony.outcome import NotAnswered, Outcome, twilio_outcome
from telephony.twilio import TwilioProtocol
from telephony.twiml import twiml_stream

log = logging.getLogger(__name__)

_OVER: Final = frozenset({"busy", "no-answer", "canceled", "failed", "completed"})


class TwilioTrunk:
    """Makes the legs of such calls, and finds them again when Twilio opens their streams."""

    def __init__(self, rest: TwilioRest, settings: Settings) -> None:
        self._rest, self._settings = rest, settings
        self._host = settings.public_url.partition("://")[2].rstrip("/")
        self._calls: dict[str, TwilioCall] = {}

    def __call__(self, request: CallRequest, call_id: str) -> "TwilioCall":
        """Return the leg of a call. `call_id`, which nobody can guess, is part of the addresses that Twilio gets."""
        stream = f"wss://{self._host}/twilio/stream/{call_id}"
        fields = {
            "To": request.to,
            "From": request.caller or self._settings.dial_from,
            "Timeout": f"{self._settings.dial_timeout:.0f}",
            "Twiml": twiml_stream(stream, {}),
            "StatusCallback": f"https://{self._host}/twilio/status/{call_id}",
        }
        over = self._calls.pop
        call = TwilioCall(self._rest, fields, start_s=self._settings.start_timeout, over=lambda: over(call_id, None))
        self._calls[call_id] = call
        return call

    def get(self, call_id: str) -> "TwilioCall | None":
        """Return a call that is not over; None where there is none."""
        return self._calls.get(call_id)


class TwilioCall:
    """The leg of one such call. Its audio comes over a stream that Twilio opens once the call is answered."""

    def __init__(self, rest: TwilioRest, fields: Fields, *, start_s: float, over: Callable[[], object]) -> None:
        """`start_s`: how long a stream may take to say what it is. `over` is called when the call is over."""
        self.capabilities = replace(TwilioProtocol.capabilities, transfer=True)
        self._rest, self._fields, self._start_s, self._over = rest, fields, start_s, over
        self._stream: asyncio.Future[OpeningLeg] = asyncio.get_running_loop().create_future()
        self._opened = AsyncExitStack()  # holds the stream
        self._closed = asyncio.Event()
        self._sid = ""  # set once Twilio has taken the request

    # ------------------------------------------------------------ Twilio's side

    async def connect(self, leg: OpeningLeg) -> None:
        """Take the stream of the call; return when the call is over."""
        if self._stream.done():
            await leg.close("the call has its stream, or is over")
            return
        self._stream.set_result(TwilioTransferLeg(leg, self._rest))
        await self._closed.wait()

    @property
    def awaited(self) -> bool:
        """True until its stream is there."""
        return not self._stream.done()

    def progress(self, status: str) -> None:
        """Note a CallStatus of Twilio."""
        if status in _OVER and not self._stream.done():
            self._stream.set_exception(twilio_outcome(status))

    # ------------------------------------------------------------ the bridge's side

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._opened.aclose()

    async def start(self, timeout_s: float) -> CallStarted:
        """Have Twilio place the call, and wait until it is answered.

        Raises:
            NotAnswered: nobody answered, or Twilio did not place it.
        """
        try:
            self._sid = await self._rest.create(self._fields)
        except TwilioRefused as why:
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
        elif self._sid:
            try:
                await self._rest.update(self._sid, {"Status": "completed"})
            except TwilioRefused as why:
                log.warning("call %s may ring on: %s", self._sid, why)
