"""What passes between a voice platform and an application over Twilio's ConversationRelay. Pure.

The bridge is the platform: it sends setup, prompt, interrupt, dtmf and error; the application sends text, play,
sendDigits, language and end. Fields: https://www.twilio.com/docs/voice/conversationrelay/websocket-messages
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.actions import Action, SendDtmf, SetLanguage
from bot.api import CallInfo, Heard, Say
from bot.languages import named, tag_of
from bot.webhook.fields import Fields, WrongField, text_of, truth_of, whole_of
from bot.webhook.replies import Fetch


class NotUnderstood(Exception):
    """A message of the application that breaks the rules; the text names the field and goes back to it."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """The application is done with the call."""

    handoff_data: str = ""


@dataclass(frozen=True, slots=True)
class Understood:
    """A message of the application."""

    items: Sequence[str | Action | Fetch | EndSession]
    """What to say and do, in order."""
    last: bool = False
    """The answer is complete with it."""


def setup(call: CallInfo, session_id: str) -> str:
    """Return the first message of a session."""
    known = {
        "forwardedFrom": call.forwarded_from,
        "callerName": call.caller_name,
        "accountSid": call.parameters.get("AccountSid", ""),
    }
    return _text(
        type="setup",
        sessionId=session_id,
        callSid=call.call_id,
        **{"from": call.caller},
        to=call.callee,
        direction=call.parameters.get("Direction", "inbound"),
        customParameters=dict(call.parameters),
        **{name: value for name, value in known.items() if value},
    )


def prompt(text: str, language: str, *, last: bool = True) -> str:
    """Return what the caller said; `last`: false for what they seem to be saying. `language`: English name."""
    return _text(type="prompt", voicePrompt=text, lang=tag_of(language), last=last)


def interrupt(heard: Heard) -> str:
    """Return what the caller heard before they spoke."""
    return _text(type="interrupt", utteranceUntilInterrupt=str(heard), durationUntilInterruptMs=str(heard.played_ms))


def dtmf(digit: str) -> str:
    """Return a key."""
    return _text(type="dtmf", digit=digit)


def error(description: str) -> str:
    """Return what was wrong with a message of the application."""
    return _text(type="error", description=description)


def understand(message: str | bytes) -> Understood:
    """Return what a message of the application asks for; a type that is not known asks for nothing.

    Raises:
        NotUnderstood: it breaks the rules; the session goes on.
    """
    try:
        value = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotUnderstood(f"Invalid message received: {str(message)[:80]}: a JSON object is understood")
    if not isinstance(value.get("type"), str):
        raise NotUnderstood(f"Invalid message received: {str(message)[:80]}: type is missing")
    try:
        return _asked(value)
    except WrongField as wrong:
        got = str(wrong.value)[:40]
        raise NotUnderstood(f"Invalid message received: {wrong.name} is {got}, must be {wrong.kind}") from None


def _asked(value: Fields) -> Understood:
    match value["type"]:
        case "text":
            return _spoken(value)
        case "play":
            source = text_of(value, "source")
            item = Fetch(source, interruptible=truth_of(value, "interruptible", default=True))
            return Understood([item] * min(max(whole_of(value, "loop", 1), 1), 10), last=True)
        case "sendDigits":
            return Understood([_keys(text_of(value, "digits"))])
        case "language":
            return Understood(list(_languages(value)))
        case "end":
            data = value.get("handoffData", "")
            return Understood([EndSession(data if isinstance(data, str) else json.dumps(data))], last=True)
    return Understood([])


def signature(token: str, url: str) -> str:
    """Return X-Twilio-Signature of a WebSocket upgrade: the base64 of an HMAC-SHA1 over the URL."""
    return base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest()).decode()


def _spoken(value: Fields) -> Understood:
    token, last = text_of(value, "token"), truth_of(value, "last", default=False)
    items: list[str | Action | Fetch | EndSession] = []
    if isinstance(tag := value.get("lang"), str) and tag:
        items.append(SetLanguage(named(tag)))
    if token:
        interruptible = truth_of(value, "interruptible", default=True)
        items.append(token if interruptible else Say(token, interruptible=False))
    return Understood(items, last=last)


def _languages(value: Fields) -> Iterator[Action]:
    """Yield what changes; both are one thing here, of which what is recognised matters more."""
    for name in ("ttsLanguage", "transcriptionLanguage"):
        if value.get(name) is not None:
            yield SetLanguage(named(text_of(value, name)))


def _keys(digits: str) -> SendDtmf:
    try:
        return SendDtmf(digits)
    except ValueError as why:
        raise NotUnderstood(f"Invalid message received: digits: {why}") from None


def _text(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()
