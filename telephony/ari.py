"""Asterisk's REST interface (ARI), as far as a call needs it: its events, and where a transfer goes. Pure.

A channel that the dialplan hands to `Stasis(bridge)` is ours: we answer it, join it with a channel of external media,
which is RTP to us, and hear of keys and hang-ups as events. Source: docs.asterisk.org, "Asterisk REST Interface".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from telephony.events import AudioFormat, Capabilities, Encoding
from telephony.jsontext import Fields, json_object, key_of, object_of, text_of

FORMATS: Final[Mapping[str, tuple[AudioFormat, int]]] = {
    "ulaw": (AudioFormat(Encoding.MULAW, 8000), 0),
    "alaw": (AudioFormat(Encoding.ALAW, 8000), 8),
}
"""By Asterisk's name of a format: what it is, and its payload type in RTP.

Asterisk sends others too, slin16 for one, but is deaf to them: without a negotiation it knows static types only.
"""

_EXTENSION: Final = re.compile(r"(?P<exten>[\w.+*#-]{1,64})(@(?P<context>[\w.-]{1,64}))?", re.ASCII)
_ENDPOINT: Final = re.compile(r"\w+/[^\s/,&|]{1,200}", re.ASCII)


class AriProtocol:
    """What a call of this wire can do. Clear, mark and what is sent ahead are the leg's: RTP has no buffer."""

    capabilities = Capabilities(
        audio_out=True,
        clear=True,
        mark=True,
        hangup=True,
        transfer=True,
        joins="ari",
        leaves=True,
        dtmf_out=True,
        send_ahead_ms=2000,
    )


@dataclass(frozen=True, slots=True)
class Entered:
    """The dialplan has given us a channel."""

    channel: str
    """Its id."""
    name: str
    """E.g. PJSIP/alice-00000001."""
    caller: str
    callee: str
    """The extension it is at."""
    context: str
    parameters: Mapping[str, str]
    """What the dialplan says behind the application: NAME=VALUE, or arg1, arg2."""
    caller_name: str = ""
    """CALLERID(name); anybody may have chosen it."""


@dataclass(frozen=True, slots=True)
class Left:
    """A channel is ours no more: hung up, or back in the dialplan."""

    channel: str
    cause: int = 0
    """Why it was hung up, in the numbers of Q.850; 0 is not told."""
    why: str = ""
    """The same in Asterisk's words."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """How the ringing of a channel that we asked for goes on; the last one comes before its end."""

    channel: str
    status: str
    """In the words of DIALSTATUS, e.g. BUSY; "" while it rings."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key was pressed, and is up again."""

    channel: str
    digit: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another client has the application now; we hear nothing any more."""


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody has asked Asterisk to tell this: we have, to learn whether it still does."""

    name: str


AriEvent = Entered | Left | Dialled | Pressed | Replaced | Told


def understand(message: str | bytes) -> AriEvent | None:
    """Return what `message` means; None where it is nothing to a call.

    Raises:
        Refused: it is no event, or lacks what its kind has.
    """
    told = json_object(message)
    match text_of(told, "type"):
        case "StasisStart":
            return _entered(object_of(told, "channel"), told.get("args"))
        case "StasisEnd" | "ChannelDestroyed":
            cause, why = told.get("cause"), told.get("cause_txt")
            return Left(_channel(told), cause if type(cause) is int else 0, why if isinstance(why, str) else "")
        case "Dial":
            status = told.get("dialstatus")
            peer = text_of(object_of(told, "peer"), "id", where="peer")
            return Dialled(peer, status if isinstance(status, str) else "")
        case "ChannelDtmfReceived":
            digit = key_of(told, "digit").digit
            return Pressed(_channel(told), digit)
        case "ApplicationReplaced":
            return Replaced()
        case "ChannelUserevent":
            return Told(text_of(told, "eventname"))
    return None


def _channel(told: Fields) -> str:
    """Return the id of the channel that an event is about."""
    return text_of(object_of(told, "channel"), "id", where="channel")


def _entered(channel: Fields, args: object) -> Entered:
    caller, dialplan = object_of(channel, "caller"), object_of(channel, "dialplan")
    return Entered(
        channel=text_of(channel, "id", where="channel"),
        name=text_of(channel, "name", where="channel"),
        caller=text_of(caller, "number", where="channel.caller"),
        callee=text_of(dialplan, "exten", where="channel.dialplan"),
        context=text_of(dialplan, "context", where="channel.dialplan"),
        parameters=_parameters(args if isinstance(args, list) else []),
        caller_name=name if isinstance(name := caller.get("name"), str) else "",
    )


def _parameters(args: Sequence[object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, arg in enumerate(args, 1):
        name, given, value = str(arg).partition("=")
        found[name if given and name else f"arg{number}"] = unquote(value) if given and name else str(arg)
    return found


@dataclass(frozen=True, slots=True)
class Extension:
    """A place in the dialplan."""

    name: str
    context: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Somebody that the caller's own side is to call, e.g. PJSIP/sip:bob@example.com."""

    address: str


def destination(target: str, *, context: str) -> Extension | Endpoint:
    """Return where `target` is: "300", "300@CONTEXT", "sip:bob@example.com" or "PJSIP/bob"; else in `context`.

    Raises:
        ValueError: it is none of these.
    """
    if target.startswith(("sip:", "sips:")) and not re.search(r"[\s/,&|]", target):
        return Endpoint(f"PJSIP/{target}")
    if _ENDPOINT.fullmatch(target):
        return Endpoint(target)
    if found := _EXTENSION.fullmatch(target):
        return Extension(found["exten"], found["context"] or context)
    allowed = "an extension, EXTENSION@CONTEXT, a SIP address, TECH/NAME"
    raise ValueError(f"transfer: got {target[:80]!r}; allowed: {allowed}")
