"""What passes between a voice platform and an application over Twilio's ConversationRelay. Pure.

The bridge is the platform: it sends setup, prompt, interrupt, dtmf, info, configUpdated and error; the application
sends text, play, sendDigits, language, hints, config and end. Fields:
https://www.twilio.com/docs/voice/conversationrelay/websocket-messages, and of the newest
https://www.twilio.com/docs/voice/conversationrelay/dynamic-configuration
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.actions import Action, SendDtmf, SetContext, SetLanguage
from bot.api import CallInfo, Heard
from bot.languages import tag_of
from bot.webhook.conversation_relay.settings import (
    InterruptedBy,
    RelaySettings,
    changed,
    interrupted_by,
    language_of,
    unused,
)
from bot.webhook.fields import Fields, WrongField, text_of, truth_of, whole_of
from bot.webhook.replies import Fetch

TWILIOS_OWN: Final = frozenset(
    """
    AccountSid ApiVersion CallSid CallStatus CallType Direction From To Caller Called CallerName ForwardedFrom
    StirVerstat ParentCallSid FromCity FromState FromZip FromCountry ToCity ToState ToZip ToCountry
    """.split()
)
"""Parameters of a call that Twilio tells by other fields of `setup`, or not at all."""


class NotUnderstood(Exception):
    """A message of the application that breaks the rules; the text names the field and goes back to it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of what is to be said; a sentence may go on in the next."""

    text: str
    by: InterruptedBy = InterruptedBy.ANY
    """What ends it."""
    language: str = ""
    """What it is spoken in: a tag; "" is what the call began with."""


@dataclass(frozen=True, slots=True)
class EndSession:
    """The application is done with the call."""

    handoff_data: str = ""


Asked = Action | Fetch | Token | EndSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A message of the application."""

    items: Sequence[Asked] = ()
    """What to say and do, in order."""
    last: bool = False
    """The answer is complete with it."""
    preemptible: bool = False
    """What is said next may end it."""
    settings: RelaySettings | None = None
    """What holds from here on, where the message changes that."""
    answer: str = ""
    """What to send back."""

    @property
    def speaks(self) -> bool:
        """True where the caller is to hear something."""
        return any(isinstance(item, Token | Fetch) for item in self.items)


# ------------------------------------------------------------ what we send


def setup(call: CallInfo, session_id: str) -> str:
    """Return the first message of a session."""
    told = call.parameters
    return _text(
        type="setup",
        sessionId=session_id,
        accountSid=told.get("AccountSid", ""),
        parentCallSid=told.get("ParentCallSid", ""),
        callSid=call.call_id,
        **{"from": call.caller},
        to=call.callee,
        forwardedFrom=call.forwarded_from,
        callType=told.get("CallType") or _call_type(call),
        callerName=call.caller_name,
        direction=call.direction,
        callStatus=told.get("CallStatus", "in-progress").upper(),
        customParameters={name: value for name, value in told.items() if name not in TWILIOS_OWN},
    )


def _call_type(call: CallInfo) -> str:
    far = call.callee if call.direction == "outbound" else call.caller
    return {"sip": "SIP", "sips": "SIP", "client": "CLIENT"}.get(far.partition(":")[0].lower(), "PSTN")


def prompt(text: str, language: str, *, last: bool = True, known: str = "") -> str:
    """Return what the caller said; `last`: false for what they seem to be saying. `language`: English name.

    `known`: the tag that the application gave this language, where it did.
    """
    return _text(type="prompt", voicePrompt=text, lang=tag_of(language, known), last=last)


def interrupt(heard: Heard) -> str:
    """Return what the caller heard before they spoke, or pressed a key."""
    return _text(type="interrupt", utteranceUntilInterrupt=str(heard), durationUntilInterruptMs=heard.played_ms)


def dtmf(digit: str) -> str:
    """Return a key."""
    return _text(type="dtmf", digit=digit)


def info(name: str, value: str, **more: object) -> str:
    """Return an event of those that an application may ask for."""
    return _text(type="info", name=name, value=value, **more)


def not_carried(element: str) -> str:
    """Return what an application is told of an element of its TwiML that means nothing here."""
    why = "; the bridge has recognisers and voices of its own, with their backups" if element == "Failover" else ""
    return f"<{element}> in <ConversationRelay> is not carried{why}"


def error(description: str) -> str:
    """Return what was wrong with a message of the application."""
    return _text(type="error", description=description)


# ------------------------------------------------------------ what the application sends


def understand(message: str | bytes, settings: RelaySettings | None = None) -> Understood:
    """Return what a message of the application asks for, where `settings` hold.

    Raises:
        NotUnderstood: it breaks the rules; the session goes on.
    """
    try:
        value = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotUnderstood(f"Invalid message received: {str(message)[:80]}: a JSON object is understood")
    kind = value.get("type")
    if not isinstance(kind, str):
        raise NotUnderstood(f"Invalid message received: {str(message)[:80]}: type is missing")
    if kind not in _KINDS:
        raise NotUnderstood(f"Invalid message received: unknown type {kind[:40]!r}, must be one of {', '.join(_KINDS)}")
    try:
        return _KINDS[kind](value, settings or RelaySettings())
    except WrongField as wrong:
        got = str(wrong.value)[:40]
        raise NotUnderstood(f"Invalid message received: {wrong.name[:40]} is {got}, must be {wrong.kind}") from None


def _spoken(value: Fields, settings: RelaySettings) -> Understood:
    token, last = text_of(value, "token"), truth_of(value, "last", default=False)
    tag = value.get("lang")
    language = tag if isinstance(tag, str) and tag else settings.tts_language
    items = [Token(token, _by(value, settings), language)] if token else []
    return Understood(items=items, last=last, preemptible=_preemptible(value, settings))


def _play(value: Fields, settings: RelaySettings) -> Understood:
    by = _by(value, settings)
    item = Fetch(text_of(value, "source"), by.speech, by.keys)
    times = min(max(whole_of(value, "loop", 1), 1), 10)
    return Understood(items=[item] * times, last=True, preemptible=_preemptible(value, settings))


def _by(value: Fields, settings: RelaySettings) -> InterruptedBy:
    told = value.get("interruptible")
    return settings.interruptible if told is None else interrupted_by(told, "interruptible")


def _preemptible(value: Fields, settings: RelaySettings) -> bool:
    return truth_of(value, "preemptible", default=settings.preemptible)


def _keys(value: Fields, _: RelaySettings) -> Understood:
    try:
        return Understood(items=[SendDtmf(text_of(value, "digits"))])
    except ValueError as why:
        raise NotUnderstood(f"Invalid message received: digits: {why}") from None


def _languages(value: Fields, settings: RelaySettings) -> Understood:
    """The active language changes, or what is known of one: then `code` names it, or `language`."""
    fields = {name: value[name] for name in value if name != "type"}
    code = text_of(value, "code", "")
    if isinstance(listed := value.get("languages"), list):
        del fields["languages"]
        for each in listed:
            if not isinstance(each, dict):
                raise WrongField("languages", each, "a list of objects")
            settings = declared(settings, each)
    tag = code or text_of(value, "language", "") or text_of(value, "ttsLanguage", "")
    if tag and value.get("voice") is not None:
        settings = declared(settings, {"code": tag, "voice": fields.pop("voice")})
    fields.setdefault("language", code or None)
    return _change(settings, changed(settings, fields))


def declared(settings: RelaySettings, language: Fields) -> RelaySettings:
    """Return `settings` that know one more language, by its `code` and `voice`."""
    code, voice = text_of(language, "code"), text_of(language, "voice", "")
    return replace(settings, voices={**settings.voices, code: voice}) if voice else settings


def _hints(value: Fields, settings: RelaySettings) -> Understood:
    if value.get("hints") is None:
        raise WrongField("hints", value.get("hints"), "a text with commas, or a list of texts")
    return _configured({"hints": value["hints"]}, settings)


def _config(value: Fields, settings: RelaySettings) -> Understood:
    return _configured({name: value[name] for name in value if name != "type"}, settings)


def _configured(fields: Fields, settings: RelaySettings) -> Understood:
    idle = unused(fields)
    told = {name: fields[name] for name in fields if name not in idle}
    answer = _text(type="configUpdated", **told, **({"notUsed": idle} if idle else {}))
    return replace(_change(settings, changed(settings, fields)), answer=answer)


def _change(before: RelaySettings, after: RelaySettings) -> Understood:
    return Understood(items=list(setting_actions(before, after)), settings=after)


def setting_actions(before: RelaySettings, after: RelaySettings) -> Sequence[Action]:
    """Return what has to be done for `after` to hold; what is spoken, and in what voice, each `Token` says."""
    actions: list[Action] = []
    if after.transcription_language != before.transcription_language:
        heard, spoken = language_of(after.transcription_language), language_of(after.tts_language)
        actions.append(SetLanguage(heard, spoken=spoken))
    if after.hints != before.hints:
        actions.append(SetContext(after.hints))
    return actions


def _end(value: Fields, _: RelaySettings) -> Understood:
    data = value.get("handoffData", "")
    return Understood(items=[EndSession(data if isinstance(data, str) else json.dumps(data))], last=True)


_KINDS: Final[Mapping[str, Callable[[Fields, RelaySettings], Understood]]] = {
    "text": _spoken,
    "play": _play,
    "sendDigits": _keys,
    "language": _languages,
    "hints": _hints,
    "config": _config,
    "end": _end,
}


def _text(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()
