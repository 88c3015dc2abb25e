"""A Twilio stream whose call can be transferred or put into a conference: over the REST API, as the stream cannot."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from bridge.leg import OpeningLeg
from bridge.legs.base import WrappedLeg
from bridge.legs.twilio.rest import TwilioRest
from telephony.events import CallEnded, CallStarted, Command, Event, Join, Leave, Transfer
from telephony.twiml import twiml_conference, twiml_transfer

CONFERENCES: Final = "twilio"
"""Where calls join: the conferences of the account."""


class TwilioTransferLeg(WrappedLeg):
    """`leg`, the stream of a call; `rest` transfers it."""

    def __init__(self, leg: OpeningLeg, rest: TwilioRest) -> None:
        super().__init__(leg)
        self.capabilities = replace(leg.capabilities, transfer=True, joins=CONFERENCES)
        self._rest = rest
        self._call_sid = ""  # set by `start`
        self._target = ""  # whom the call is being put through to
        self._room = ""  # the conference that it is in

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        started = await super().start(timeout_s)
        self._call_sid = started.call_id
        return started

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in self._leg:
            if isinstance(event, CallEnded) and (self._target or self._room):  # Twilio ends the stream to obey
                yield CallEnded(f"transferred to {self._target}" if self._target else "transferred into a conference")
            else:
                yield event

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            TwilioRefused: a transfer or a conference does not happen, and why.
        """
        match command:
            case Transfer(target):
                self._target = target
                await self._go(twiml_transfer(target))
            case Join(room):
                self._room = room
                await self._go(twiml_conference(room))
            case Leave() if self._room:
                await self._rest.update(self._call_sid, {"Status": "completed"})
            case Leave():
                pass
            case _:
                await super().send(command)

    async def _go(self, twiml: str) -> None:
        try:
            await self._rest.update(self._call_sid, {"Twiml": twiml})
        except RuntimeError:
            self._target = self._room = ""
            raise
