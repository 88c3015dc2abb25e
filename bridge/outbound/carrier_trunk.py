"""Calls that a carrier besides Twilio places for us; what it is asked is a table in bridge/legs/carriers/rest.toml."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bridge.legs.carriers.leg import CarrierLeg
from bridge.legs.carriers.rest import CarrierRest
from bridge.outbound.call_request import CallRequest
from bridge.outbound.streamed_call import StreamedCall, StreamedCalls
from bridge.settings import Settings
from telephony.carriers.catalogue import BY_NAME, Carrier
from telephony.jsontext import Fields


class CarrierTrunk(StreamedCalls):
    """Makes the legs of such calls."""

    def __init__(self, carrier: Carrier, rest: CarrierRest, settings: Settings) -> None:
        super().__init__(settings)
        self._carrier, self._rest = carrier, rest

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
        return self._add(
            call_id,
            capabilities=replace(can, transfer=transfers, dtmf_out=digits),
            place=partial(self._rest.ask, "dial", **wanted),
            hang_up=self._rest.cancel,
            equip=lambda leg: CarrierLeg(leg, self._rest, peer=request.to, ours=str(wanted["from"])),
        )

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
