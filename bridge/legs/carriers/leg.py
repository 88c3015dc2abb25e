"""A stream whose call is transferred, ended and sent digits over the carrier's REST API, where the stream cannot."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from bridge.leg import HangupCause, OpeningLeg
from bridge.legs.base import WrappedLeg
from bridge.legs.carriers.rest import CarrierRefused, CarrierRest
from telephony.carriers.answers import dial_in_xml
from telephony.carriers.azure import TONES
from telephony.events import CallEnded, CallStarted, Command, Event, NotTransferred, SendDtmf, Transfer


class CarrierLeg(WrappedLeg):
    """`leg`, the stream of a call; `rest` does the rest."""

    def __init__(self, leg: OpeningLeg, rest: CarrierRest, *, peer: str = "", ours: str = "") -> None:
        """`peer`, `ours`: the numbers of a call that we placed; of others the start says them."""
        super().__init__(leg)
        transfer = leg.capabilities.transfer or rest.can("transfer")
        digits = leg.capabilities.dtmf_out or rest.can("send_digits")
        self.capabilities = replace(leg.capabilities, transfer=transfer, dtmf_out=digits)
        self._rest = rest
        self._call_id = ""  # set by `start`, and what is told of the call
        self._told: Mapping[str, str] = {}
        self._peer, self._ours = peer, ours
        self._target = ""  # whom the call is being put through to
        self._refused = ""  # why it was not, until the call has heard of it
        self._over = False  # nothing is left to hang up

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        started = await super().start(timeout_s)
        self._call_id, self._told = started.call_id, started.parameters
        self._peer, self._ours = self._peer or started.caller, self._ours or started.callee
        self._rest.legs[self._call_id] = self
        return started

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in self._leg:
            if self._refused:
                yield NotTransferred(self._refused)
                self._refused = ""
            if not isinstance(event, CallEnded):
                yield event
                continue
            self._over = not self._rest.hangs_up_always
            yield CallEnded(f"transferred to {self._target}") if self._target else event

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            CarrierRefused: a transfer does not happen, or digits are not sent, and why.
        """
        match command:
            case Transfer(target) if self._rest.can("transfer"):
                await self._transfer(target)
            case SendDtmf(digits) if self._rest.can("send_digits"):
                tones = tuple(TONES[digit] for digit in digits if digit in TONES)
                await self._rest.ask("send_digits", digits=digits, tones=tones, **self._known())
            case _:
                await super().send(command)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """End the call, which with some carriers would go on without its stream, and close the stream.

        The call first: once the socket is closed the server has no more time for its request.
        """
        await self._hang_up()
        await super().close(reason, cause=cause)

    async def __aexit__(self, *exc: object) -> None:
        """End a call that goes on without its stream: its end cancels whoever carries the call, before `close`."""
        if self._rest.hangs_up_always:
            await self._hang_up()
        await super().__aexit__(*exc)

    async def _hang_up(self) -> None:
        if self._call_id and not (self._over or self._target):
            self._over = True
            await self._rest.hang_up(self._call_id)

    def not_transferred(self, why: str) -> None:
        """See HandsOver."""
        if self._target:
            self._target, self._refused = "", why

    def _known(self) -> dict[str, str]:
        """Return what requests may say of the call."""
        told = {f"told_{name}": value for name, value in self._told.items()}
        numbers = {"peer_number": self._peer, "our_number": self._ours}
        known = {name: number for name, number in numbers.items() if number.startswith("+")}
        return {**told, **known, "call": self._call_id}

    async def _transfer(self, target: str) -> None:
        self._target = target
        action = self._rest.transfer_by(target, self._told)
        try:
            await self._rest.ask(action, target=target, dial=dial_in_xml(target), **self._known())
        except CarrierRefused:
            self._target = ""
            raise
        if self._rest.profile.actions[action].get("stream_goes_on"):
            await super().close(f"transferred to {target}")
