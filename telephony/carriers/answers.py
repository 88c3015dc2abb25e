"""What carriers' webhooks are answered with: a document that connects the call to our stream, or turns it away."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

XML: Final = "text/xml"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def texml_stream(url: str, *, codec: str) -> str:
    """Return TeXML that connects the call to the stream at `url`, both ways in `codec`, PCMU or PCMA.

    Source: https://developers.telnyx.com/docs/voice/programmable-voice/texml-verbs/stream
    """
    codecs = f'codec="{codec}" bidirectionalMode="rtp" bidirectionalCodec="{codec}"'
    return _response(f"<Connect><Stream url={quoteattr(_legal(url))} {codecs}/></Connect>")


def texml_busy(_: str = "") -> str:
    """Return TeXML that turns the call away with a busy tone."""
    return _response('<Reject reason="busy"/>')


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
