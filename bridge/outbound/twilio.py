"""Calls that Twilio places for us: asked for over its REST API, heard over a stream of their own."""

from dataclasses import replace
from functools import partial
from typing import Final

from bridge.legs.twilio.rest import TwilioRest
from bridge.legs.twilio.transfer import CONFERENCES, TwilioTransferLeg
from bridge.outbound.call_request import CallRequest
from bridge.outbound.streamed_call import StreamedCall, StreamedCalls
from bridge.settings import Settings
from telephony.outcome import twilio_outcome
from telephony.twilio import TwilioProtocol
from telephony.twiml import twiml_stream

_OVER: Final = frozenset({"busy", "no-answer", "canceled", "failed", "completed"})


class TwilioTrunk(StreamedCalls):
    """Makes the legs of such calls."""

    def __init__(self, rest: TwilioRest, settings: Settings) -> None:
        super().__init__(settings)
        self._rest = rest

    def __call__(self, request: CallRequest, call_id: str) -> StreamedCall:
        """Return the leg of a call. `call_id`, which nobody can guess, is part of the addresses that Twilio gets."""
        stream = f"wss://{self._host}/twilio/stream/{call_id}"
        fields = {
            "To": request.to,
            "From": request.caller or self._settings.dial_from,
            "Timeout": f"{self._settings.dial_timeout:.0f}",
            "Twiml": twiml_stream(stream, {}),
            "StatusCallback": f"https://{self._host}/twilio/status/{call_id}",
        }
        return self._add(
            call_id,
            capabilities=replace(TwilioProtocol.capabilities, transfer=True, joins=CONFERENCES),
            place=partial(self._rest.create, fields),
            hang_up=partial(self._rest.update, fields={"Status": "completed"}),
            equip=lambda leg: TwilioTransferLeg(leg, self._rest),
        )


def note_status(call: StreamedCall, status: str) -> None:
    """Tell `call` of a CallStatus of Twilio."""
    if status in _OVER:
        call.unanswered(twilio_outcome(status))
