"""A call that a client wants placed: what it may ask for, and whom it may call. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from bridge.legs.sip.uri import host_of
from bridge.settings.route import escaped, normal
from telephony.jsontext import Fields, text_of
from telephony.malformed import Refused
from telephony.sip_address import NoAddress, parse

MOST_PARAMETERS: Final = 32
_NUMBER: Final = re.compile(r"\+?[0-9*#]{2,32}")
_CALLER: Final = re.compile(r"\+?[0-9]{2,20}")
_ADDRESS: Final = re.compile(
    r"(?P<who>sips?:[\w.+~%*#-]{1,64}@(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?)"
    r"(?:;transport=(?:udp|tcp|tls))?",
    re.ASCII,
)
_HEADER: Final = re.compile(
    r"X-[\w-]{1,60}|P-Asserted-Identity|P-Preferred-Identity|Privacy|User-to-User|Subject|Diversion|Alert-Info|Call-Info",
    re.IGNORECASE | re.ASCII,
)
_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,512}")
_FIELDS: Final = ("to", "from", "wire", "parameters", "headers")


class BadCallRequest(ValueError):
    """No such call can be placed; the text names the field, its value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """Whom to call, as which caller, over which wire."""

    to: str
    """A number without blanks, or a SIP address."""
    caller: str = ""
    """The number that is shown; "" is the wire's own."""
    wire: str = ""
    """The wire's name in the metrics; "" is the first that can place calls."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the bot and the routes are told."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the INVITE; SIP only."""


def read(body: object) -> CallRequest:
    """Return what `body`, parsed JSON, asks for.

    Raises:
        BadCallRequest: it asks for no call.
    """
    try:
        return _read(body)
    except Refused as why:
        raise BadCallRequest(str(why)) from None


def body_of(request: CallRequest) -> dict[str, object]:
    """Return `request` as `read` reads it."""
    return {
        "to": request.to,
        "from": request.caller,
        "wire": request.wire,
        "parameters": dict(request.parameters),
        "headers": dict(request.headers),
    }


def _read(body: object) -> CallRequest:
    if not isinstance(body, dict):
        raise BadCallRequest('body: must be a JSON object, e.g. {"to": "+4930123456"}')
    if unknown := sorted(str(name)[:40] for name in body.keys() - set(_FIELDS)):
        raise BadCallRequest(f"field {unknown[0]!r}: there is none; allowed: {', '.join(_FIELDS)}")
    wire = _text(body, "wire")
    caller = normal(_text(body, "from"))
    if caller and not _CALLER.fullmatch(caller):
        raise BadCallRequest(f"field from: got {caller[:40]!r}; allowed: a number like +4930123456")
    return CallRequest(
        to=_whom(_text(body, "to")),
        caller=caller,
        wire=wire,
        parameters=_texts(body, "parameters"),
        headers=_headers(body),
    )


def is_allowed(to: str, allow: Iterable[str]) -> bool:
    """Tell whether `to`, as in a request, may be called: a number by how it begins, an address by a pattern for it."""
    if not (address := _ADDRESS.fullmatch(to)):
        return any(to.startswith(prefix) for prefix in allow if "@" not in prefix)
    who = address["who"].lower()
    return any(fnmatchcase(who, escaped(pattern.lower())) for pattern in allow if "@" in pattern)


def _whom(to: str) -> str:
    number = normal(to)
    if not (_NUMBER.fullmatch(number) or _ADDRESS.fullmatch(number)):
        allowed = "a number like +4930123456, or an address like sip:alice@example.com"
        raise BadCallRequest(f"field to: got {to[:80]!r}; allowed: {allowed}")
    return number


def redirected_to(address: str, trunk_host: str) -> str:
    """Return the `to` of a request for the address that a call is redirected to: a number where it is the trunk's.

    `trunk_host`: without its port; "" is none.

    Raises:
        BadCallRequest: it is none that may be asked for.
    """
    try:
        target = parse(address if "<" in address else f"<{address}>")
    except NoAddress as why:
        raise BadCallRequest(f"the address {address[:80]!r}: {why}") from None
    host = host_of(f"sip:{target.host}", port=False).lower()
    if _NUMBER.fullmatch(target.user) and (target.scheme == "tel" or host == trunk_host.lower() != ""):
        return target.user  # so it is the number that is allowed or not, and it goes through the trunk
    plain, *parameters = target.uri.partition("?")[0].split(";")
    kept = [text for text in parameters if text.lower().startswith("transport=")][:1]
    return _whom(";".join([plain, *kept]))


def _text(body: Fields, name: str) -> str:
    return "" if body.get(name) is None else text_of(body, name)


def _texts(body: Fields, name: str) -> Mapping[str, str]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MOST_PARAMETERS:
        raise BadCallRequest(f"field {name}: allowed: an object of at most {MOST_PARAMETERS} strings")
    for key, text in value.items():
        if not (isinstance(text, str) and key and _LINE.fullmatch(key) and _LINE.fullmatch(text)):
            raise BadCallRequest(f"field {name}.{key[:40]!r}: allowed: a string on one line, of at most 512 characters")
    return value


def _headers(body: Fields) -> Mapping[str, str]:
    headers = _texts(body, "headers")
    for name in headers:
        if not _HEADER.fullmatch(name):  # the others are the stack's: a second Contact or Route would be another call
            raise BadCallRequest(
                f"field headers.{name[:40]!r}: allowed: X-..., P-Asserted-Identity, Privacy and the like"
            )
    return headers
