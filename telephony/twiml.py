"""The TwiML that leads a Twilio call to our stream, or away."""

import re
from collections.abc import Mapping
from typing import Final

PARAMETER_CHARS: Final = 499
"""Name and value of a <Parameter> together; Twilio wants fewer than 500."""
_SOCKET: Final = re.compile("wss?://[!-~]+")
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def twiml_stream(url: str, parameters: Mapping[str, str]) -> str:
    """Return TwiML that connects the call to the stream at `url`, which is told `parameters` when it starts.

    Characters that XML forbids are dropped and values cut to PARAMETER_CHARS: a caller may choose some of them.

    Raises:
        ValueError: `url` has a query string, which Twilio would drop, or is no URL of a WebSocket.
    """
    from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]  # no types, and 5 ms

    if "?" in url:
        raise ValueError(f"url {url!r}: Twilio drops the query string; use parameters instead")
    if not _SOCKET.fullmatch(url):
        raise ValueError(f"url {url[:200]!r}: allowed: ws://HOST/PATH or wss://HOST/PATH")
    response = VoiceResponse()
    stream = response.connect().stream(url=url)
    for name, value in parameters.items():
        legal_name, legal_value = _NOT_XML.sub("", name), _NOT_XML.sub("", value)
        if 0 < len(legal_name) < PARAMETER_CHARS:
            stream.parameter(name=legal_name, value=legal_value[: PARAMETER_CHARS - len(legal_name)])
    return str(response)


def twiml_transfer(target: str) -> str:
    """Return TwiML that puts the call through to `target`: a number, or a SIP address (sip: or sips:)."""
    from twilio.twiml.voice_response import VoiceResponse

    response, legal = VoiceResponse(), _NOT_XML.sub("", target)
    if legal.lower().startswith(("sip:", "sips:")):
        response.dial().sip(legal)
    else:
        response.dial(legal)
    return str(response)


def twiml_conference(room: str) -> str:
    """Return TwiML that puts the call into the conference `room`, silently; whoever leaves it ends it for all.

    Source: https://www.twilio.com/docs/voice/twiml/conference
    """
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    response.dial().conference(room, beep="false", end_conference_on_exit=True, wait_url="")
    return str(response)


def twiml_busy() -> str:
    """Return TwiML that turns the call away with a busy tone; it is not billed."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    response.reject(reason="busy")
    return str(response)


def twiml_redirect(url: str) -> str:
    """Return TwiML that has Twilio ask `url` what to do with the call."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    response.redirect(url)
    return str(response)
