"""A Twilio stream whose call can be transferred: over the REST API, as the stream cannot."""

from collections.abc import AsyncIterator
from dataclasses import replace

from bridge.leg import OpeningLeg
from bridge.legs.base import WrappedLeg
from bridge.legs.twilio.rest import TwilioRest
from telephony.events import CallEnded, CallStarted, Command, Event, Transfer
from telephony.twiml import twiml_transfer


class TwilioTransferLeg(WrappedLeg):
    """`leg`, the stream of a call; `rest` transfers it."""

    def __init__(self, leg: OpeningLeg, rest: TwilioRest) -> None:
        super().__init__(leg)
        self.capabilities = replace(leg.capabilities, transfer=True)
        self._rest = rest
        self._call_sid = ""  # set by `start`
        self._target = ""  # whom the call is being put through to

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        started = await super().start(timeout_s)
        self._call_sid = started.call_id
        return started

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in self._leg:
            if isinstance(event, CallEnded) and self._target:  # Twilio ends the stream to obey
                yield CallEnded(f"transferred to {self._target}")
            else:
                yield event

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            TwilioRefused: a transfer does not happen, and why.
        """
        if not isinstance(command, Transfer):
            await super().send(command)
            return
        self._target = command.target
        try:
            await self._rest.update(self._call_sid, {"Twiml": twiml_transfer(command.target)})
        except RuntimeError:
            self._target = ""
            raise
