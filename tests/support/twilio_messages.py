"""What Twilio sends."""

import base64
import json
from typing import Final

STREAM: Final = "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"


PACKET: Final = bytes(range(160))


def media(packet: int = 1, /, **changed: object) -> str:
    fields = {
        "track": "inbound",
        "chunk": str(packet),
        "timestamp": str(100 + 20 * packet),
        "payload": base64.b64encode(PACKET).decode(),
        **changed,
    }
    return json.dumps({"event": "media", "sequenceNumber": str(packet + 1), "streamSid": STREAM, "media": fields})
