"""What carriers' webhooks are answered with: a document that connects the call to our stream, or turns it away."""

import json
import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

XML: Final = "text/xml"
JSON: Final = "application/json"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def twiml_of_others(url: str, _: str = "", __: str = "") -> str:
    """Return the TwiML that others than Twilio understand: it connects the call to the stream at `url`."""
    return _response(f"<Connect><Stream url={quoteattr(_legal(url))}/></Connect>")


def twiml_dial(target: str) -> str:
    """Return TwiML that puts the call through to `target`: a number, or a SIP address (sip: or sips:)."""
    return _response(f"<Dial>{dial_in_xml(target)}</Dial>")


def exotel_stream(url: str, rate: str, _: str = "") -> str:
    """Return what the Voicebot applet wants of an address that it asks for its stream.

    Source: https://developer.exotel.com/docs/agentstream/stream-voicebot-applet
    """
    return json.dumps({"url": f"{url}?sample-rate={rate}"})


def texml_stream(url: str, codec: str, _: str = "") -> str:
    """Return TeXML that connects the call to the stream at `url`, both ways in `codec`, PCMU or PCMA.

    Source: https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs/stream
    """
    codecs = f'codec="{codec}" bidirectionalMode="rtp" bidirectionalCodec="{codec}"'
    return _response(f"<Connect><Stream url={quoteattr(_legal(url))} {codecs}/></Connect>")


def texml_busy(_: str = "") -> str:
    """Return TeXML that turns the call away with a busy tone."""
    return _response('<Reject reason="busy"/>')


def plivo_stream(url: str, _: str = "", __: str = "") -> str:
    """Return XML that connects the call to the stream at `url`, both ways in mu-law, for as long as it lasts.

    Source: https://www.plivo.com/docs/voice/xml/audiostream. What is told of the call is in our address: `extraHeaders`
    takes letters and digits only.
    """
    kind = 'bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000"'
    return _response(f"<Stream {kind}>{text_in_xml(url)}</Stream>")


def plivo_busy(_: str = "") -> str:
    """Return XML that turns the call away with a busy tone."""
    return _response('<Hangup reason="busy"/>')


def plivo_dial(target: str) -> str:
    """Return XML that puts the call through to `target`: a number, or a SIP address (sip: or sips:)."""
    kind = "User" if target.lower().startswith(("sip:", "sips:")) else "Number"
    return _response(f"<Dial><{kind}>{text_in_xml(target)}</{kind}></Dial>")


def vonage_stream(url: str, rate: str, call_id: str = "") -> str:
    """Return an NCCO that connects the call to the socket at `url`, with L16 at `rate` hertz.

    `call_id`: the telephone's leg, which the first text of the socket tells again. Source:
    https://developer.vonage.com/en/voice/voice-api/ncco-reference#connect
    """
    endpoint = {
        "type": "websocket",
        "uri": url,
        "content-type": f"audio/l16;rate={rate}",
        "headers": {"CallSid": call_id} if call_id else {},
        "authorization": {"type": "vonage"},
    }
    return json.dumps([{"action": "connect", "endpoint": [endpoint]}])


def vonage_busy(_: str = "") -> str:
    """Return an NCCO that ends the call: there is none that says busy."""
    return "[]"


def nothing(_: str = "", __: str = "", ___: str = "") -> str:
    """Return nothing, for carriers that ask nothing."""
    return ""


def _response(inside: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>'


def _legal(text: str) -> str:
    return _NOT_XML.sub("", text)


def text_in_xml(text: str) -> str:
    """Return `text` as the content of an element; what XML forbids is left out."""
    return escape(_legal(text))


def dial_in_xml(target: str) -> str:
    """Return `target`, a number or a SIP address (sip: or sips:), as the content of `<Dial>` where that is Twilio's."""
    text = text_in_xml(target)
    return f"<Sip>{text}</Sip>" if target.lower().startswith(("sip:", "sips:")) else text
