"""Calls that a carrier besides Twilio places for us; what it is asked is a table in bridge/legs/carriers/rest.toml."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bridge.legs.carriers.leg import CarrierLeg
from bridge.legs.carriers.rest import CarrierRest
from bridge.outbound.call_request import CallRequest
from bridge.outbound.streamed_call import StreamedCall
from bridge.settings import Settings
from telephony.carriers.catalogue import BY_NAME, Carrier
from telephony.jsontext import Fields


class CarrierTrunk:
    """Makes the legs of such calls, and finds them again when the carrier opens their streams."""

    def __init__(self, carrier: Carrier, rest: CarrierRest, settings: Settings) -> None:
        self._carrier, self._rest, self._settings = carrier, rest, settings
        self._host = settings.public_url.partition("://")[2].rstrip("/")
        self._calls: dict[str, StreamedCall] = {}

    def __call__(self, request: CallRequest, call_id: str) -> StreamedCall:
        """Return the leg of a call. `call_id`, which nobody can guess, is part of the addresses that are told."""
        place = f"{self._host}/{self._carrier.name}"
        wanted: dict[str, str | int] = {
            "to": request.to,
            "from": request.caller or self._settings.dial_from,
            "seconds": round(self._settings.dial_timeout),
            "stream": f"wss://{place}/outbound/{call_id}",
            "answer": f"https://{place}/answer/{call_id}",
            "status": f"https://{place}/status/{call_id}",
        }
        can = self._carrier.protocol.capabilities
        transfers, digits = self._rest.can("transfer"), can.dtmf_out or self._rest.can("send_digits")
        call = StreamedCall(
            capabilities=replace(can, transfer=transfers, dtmf_out=digits),
            place=partial(self._rest.ask, "dial", **wanted),
            hang_up=self._rest.cancel,
            equip=lambda leg: CarrierLeg(leg, self._rest),
            start_s=self._settings.start_timeout,
            over=lambda: self._calls.pop(call_id, None),
        )
        self._calls[call_id] = call
        return call

    def get(self, call_id: str) -> StreamedCall | None:
        """Return a call that is not over; None where there is none."""
        return self._calls.get(call_id)

    def note(self, call: StreamedCall, told: Fields) -> None:
        """Tell `call` what a webhook of the carrier says of its state."""
        if why := self._rest.outcome(told):
            call.unanswered(why)


def carrier_trunks(apis: Mapping[str, CarrierRest], settings: Settings) -> Mapping[str, CarrierTrunk]:
    """Return the trunks over those of `apis` that can place calls; they must be able to reach us."""
    if not settings.public_url:
        return {}
    able = {name: rest for name, rest in apis.items() if rest.can("dial")}
    return {name: CarrierTrunk(BY_NAME[name], rest, settings) for name, rest in able.items()}
