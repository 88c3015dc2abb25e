"""What an application answers Twilio's question what to do with a call: TwiML, as far as a relay needs it. Pure.

https://www.twilio.com/docs/voice/twiml/connect/conversationrelay and https://www.twilio.com/docs/voice/twiml.
Verbs that are not read here are left out, and named in `Instructions.unread`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from bot.actions import Action, Hangup, Transfer
from bot.api import Say
from bot.webhook.conversation_relay.dialect import declared
from bot.webhook.conversation_relay.settings import RelaySettings, changed, truth
from bot.webhook.fault import HookFailed
from bot.webhook.fields import WrongField
from bot.webhook.replies import Fetch


@dataclass(frozen=True, slots=True)
class Connection:
    """A session of ConversationRelay that the application wants."""

    url: str
    action: str
    """Who is asked what to do when the session is over; "" is nobody."""
    settings: RelaySettings
    parameters: Mapping[str, str]
    reconnects: bool = False
    """An application that is away is waited for, with what happens meanwhile: `applicationReconnect`."""
    not_carried: Sequence[str] = field(default_factory=tuple)
    """Elements in it that mean nothing here."""


Step = str | Action | Fetch | Connection


@dataclass(frozen=True, slots=True)
class Instructions:
    """A whole answer."""

    steps: Sequence[Step]
    unread: Sequence[str] = field(default_factory=tuple)
    """Verbs that are not carried out."""


def read(document: bytes, base: str) -> Instructions:
    """Return what `document` asks for; addresses in it may be relative to `base`. An empty one asks for nothing.

    Raises:
        HookFailed: it is no TwiML, declares entities, or an attribute is none that Twilio takes.
    """
    if not document.strip():
        return Instructions([])
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HookFailed("the TwiML is not UTF-8") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise HookFailed("the TwiML declares a type or entities, which no TwiML needs")
    try:
        response = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise HookFailed(f"the TwiML is no XML: {error}") from None
    if response.tag != "Response":
        raise HookFailed(f"the TwiML begins with <{response.tag[:40]}>, must be <Response>")
    steps: list[Step] = []
    unread: list[str] = []
    for verb in response:
        try:
            step = _step(verb, base)
        except (ValueError, TypeError) as error:  # of an action, an address, or a field
            raise HookFailed(f"the TwiML's <{verb.tag[:40]}>: {error}") from None
        if step is None:
            unread.append(verb.tag[:40])
        else:
            steps.append(step)
    return Instructions(steps, unread)


def _step(verb: Element, base: str) -> Step | None:
    text = " ".join("".join(verb.itertext()).split())
    match verb.tag:
        case "Say" if text:
            return Say(text, interruptible=False)
        case "Play" if text:
            return Fetch(urljoin(base, text), interruptible=False)
        case "Dial" if text:
            return Transfer(text)
        case "Hangup" | "Reject":
            return Hangup("the application hung up")
        case "Connect":
            relay = verb.find("ConversationRelay")
            return None if relay is None else _connection(verb, relay, base)
    return None


def _connection(connect: Element, relay: Element, base: str) -> Connection:
    url = relay.get("url", "")
    if urlsplit(url).scheme not in {"ws", "wss"} or not urlsplit(url).hostname:
        raise ValueError(f"url is {url[:80]!r}, must be wss://HOST/PATH")
    settings = RelaySettings(dtmf_detection=False)  # as Twilio has it where the attribute is left out
    try:
        for language in relay.findall("Language"):
            settings = declared(settings, language.attrib)
        settings = changed(settings, relay.attrib)
        reconnects = truth(relay.get("applicationReconnect", "false"), "applicationReconnect")
    except WrongField as wrong:
        raise ValueError(f"{wrong.name} is {str(wrong.value)[:40]!r}, must be {wrong.kind}") from None
    named = {each.get("name", ""): each.get("value", "") for each in relay.findall("Parameter")}
    action = connect.get("action", "")
    return Connection(
        url,
        urljoin(base, action) if action else "",
        settings,
        {name: value for name, value in named.items() if name},
        reconnects,
        [each.tag[:40] for each in relay if each.tag not in {"Language", "Parameter"}],
    )
