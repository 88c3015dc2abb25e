"""What a hook is told: one JSON object for each event of a call, and its signature. Pure.

{"event": "turn", "id": "CA12-3", "call": {"id": "CA12", "from": "+49...", "to": "+49...", "parameters": {}},
 "text": "Where is my order?", "language": "English", "history": [{"speaker": "bot", "text": "Hello!"}]}
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from bot.api import CallInfo, Heard, Turn


def call_of(call: CallInfo) -> Mapping[str, object]:
    """Return who calls whom."""
    who = {"from": call.caller, "to": call.callee, "direction": call.direction}
    told = {
        "caller_name": call.caller_name,
        "forwarded_from": call.forwarded_from,
        "stir_verstat": call.stir_verstat,
    }
    known = {name: value for name, value in told.items() if value}
    return {"id": call.call_id, **who, **known, "parameters": dict(call.parameters)}


def turn_of(turn: Turn) -> Mapping[str, object]:
    """Return what the caller has said, and the conversation before it: of the bot's lines what was heard."""
    lines = [{"speaker": str(line.speaker), "text": line.text} for line in turn.history]
    told: dict[str, object] = {"text": turn.text, "language": turn.language, "history": lines}
    return told if turn.keys is None else {**told, "keys": turn.keys}


def interruption_of(heard: Heard) -> Mapping[str, object]:
    """Return what was heard of a reply before the caller spoke over it, and what was not."""
    return {"heard": str(heard), "unheard": heard.rest, "heard_ms": heard.played_ms}


def encode(event: str, request_id: str, call: CallInfo, more: Mapping[str, object]) -> bytes:
    """Return the body of a request. Text of any script is written as itself, in UTF-8."""
    body = {"event": event, "id": request_id, "call": call_of(call), **more}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what stands in X-Bridge-Signature: HMAC-SHA256 over "timestamp.body", so that neither can be changed."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
