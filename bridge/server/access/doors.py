"""The doors: where one can come in, what each asks for, and who that lets in under given settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

from bridge.settings import Settings, api_tokens_known, is_exposed, twilio_secret_known
from bridge.settings.tokens import Scope
from telephony.carriers.catalogue import BY_NAME
from telephony.wire import Door as WireDoor
from telephony.wires import WIRES


class Asks(Enum):
    """What a door asks for."""

    NOTHING = "nothing"
    API_TOKEN = "API token"
    TWILIO_SIGNATURE = "Twilio signature"
    CARRIER_SIGNATURE = "the carrier's signature, a ticket of ours, or the API token"


@dataclass(frozen=True, slots=True)
class Door:
    """One or several routes under one name."""

    name: str
    """In the log and in the metrics."""
    paths: tuple[str, ...]
    """Routes as the server has them, e.g. /calls/{id}."""
    asks: Asks
    reads: Scope = Scope.ADMIN
    """What a token must be good for, to GET or to open a socket ..."""
    changes: Scope = Scope.ADMIN
    """... and for every other method."""
    carrier: str = ""
    """Whose signature it is."""

    def needs(self, method: str) -> Scope:
        """Return what a token must be good for."""
        return self.reads if method in {"GET", "HEAD"} else self.changes

    def __str__(self) -> str:
        return ", ".join(path for path in self.paths if not path.endswith("/") or path == "/")


_ASKS: Final[Mapping[WireDoor, Asks]] = MappingProxyType(
    {WireDoor.TWILIO_SIGNATURE: Asks.TWILIO_SIGNATURE, WireDoor.CARRIER_SIGNATURE: Asks.CARRIER_SIGNATURE}
)


def _of_wires() -> Iterator[Door]:
    for wire in WIRES:
        if wire.is_socket:
            asks = _ASKS.get(wire.door, Asks.API_TOKEN)
            carrier = wire.name if asks is Asks.CARRIER_SIGNATURE else ""
            yield Door(wire.name, (wire.address,), asks, reads=Scope.CALLS, carrier=carrier)


def carrier_paths(name: str) -> tuple[str, ...]:
    """Return the routes of a carrier besides its wire's own."""
    ends = ("voice", "voice/", "stream/", "stream/{ticket}", "outbound/{id}", "answer/{id}", "status", "status/{id}")
    transfer = ("transfer",) if BY_NAME[name].dial else ()
    webhooks = (*ends, *transfer) if BY_NAME[name].webhook else ("stream/", "stream/{ticket}")
    return tuple(f"/{name}/{end}" for end in webhooks)


TWILIO_VOICE: Final = ("/twilio/voice", "/twilio/voice/")
TWILIO_STREAM_TOO: Final = "/twilio/stream/"
"""Twilio asks for what is configured there, to the letter: with a slash at the end, or without."""
_OF_CALLS: Final = (
    "/calls",
    "/calls/{id}",
    "/calls/{id}/events",
    "/calls/{id}/recording",
    "/calls/{id}/say",
    "/calls/{id}/transfer",
    "/orders",
    "/events",
    "/openapi.json",
)
PAGE: Final = Door("page", ("/", "/dashboard", "/web/{name}"), Asks.NOTHING)
HTTP: Final[tuple[Door, ...]] = (
    PAGE,
    *_of_wires(),
    Door(
        "twilio",
        (*TWILIO_VOICE, TWILIO_STREAM_TOO, "/twilio/stream/{id}", "/twilio/status/{id}"),
        Asks.TWILIO_SIGNATURE,
    ),
    *(Door(name, carrier_paths(name), Asks.CARRIER_SIGNATURE, carrier=name) for name in BY_NAME),
    Door("asterisk", ("/asterisk/connect",), Asks.API_TOKEN, changes=Scope.CALLS),
    Door("transcriptions", ("/v1/audio/transcriptions",), Asks.API_TOKEN, changes=Scope.CALLS),
    Door("speech", ("/v1/audio/speech",), Asks.API_TOKEN, changes=Scope.CALLS),
    Door("calls", _OF_CALLS, Asks.API_TOKEN, reads=Scope.READ, changes=Scope.CALLS),
    Door("levels", ("/events/levels",), Asks.API_TOKEN, reads=Scope.READ),
    Door("listen in", ("/calls/{id}/listen",), Asks.API_TOKEN, reads=Scope.CALLS),
    Door("languages", ("/languages",), Asks.API_TOKEN, reads=Scope.READ),
    Door("metrics", ("/metrics",), Asks.API_TOKEN, reads=Scope.READ),
    Door("health", ("/healthz", "/readyz"), Asks.NOTHING),
)
"""All that one port has. What is not here asks for the API token."""
PLAIN: Final = next(door for door in HTTP if door.name == "plain")
"""Where a socket at / leads, too."""
_BY_PATH: Final[Mapping[str, Door]] = MappingProxyType({path: door for door in HTTP for path in door.paths})


def door_at(path: str, *, socket: bool) -> Door:
    """Return the door of the route `path`; `socket`: the request asks for a WebSocket."""
    if path == "/" and socket:
        return PLAIN
    return _BY_PATH.get(path) or Door("other", (path,), Asks.API_TOKEN)


def who_comes_in(settings: Settings) -> list[tuple[str, str]]:
    """Return each door with who may come in by it, in words for the operator."""
    names = dict.fromkeys(door.name for door in HTTP if not door.carrier)
    http = [[door for door in HTTP if door.name == name] for name in names]
    lines = [(", ".join(map(str, doors)), _who(doors[0], settings)) for doors in http]
    carriers: dict[str, list[str]] = {}
    for door in HTTP:
        if door.carrier and (place := f"/{door.carrier}/...") not in (
            group := carriers.setdefault(_who(door, settings), [])
        ):
            group.append(place)
    lines += [(", ".join(places), who) for who, places in carriers.items()]
    if settings.audiosocket_port:
        lines.append((f"AudioSocket, port {settings.audiosocket_port}", ", ".join(settings.audiosocket_allow)))
    if settings.wyoming_port:
        lines.append((f"Wyoming, port {settings.wyoming_port}", ", ".join(settings.wyoming_allow)))
    if settings.sip:
        trunk = " and the trunk" if settings.sip_trunk else ""
        lines.append((f"SIP, port {settings.sip_port}", ", ".join(settings.sip_allow) + trunk))
    if settings.ari_url:
        lines.append(("ARI", "nobody: we connect to Asterisk"))
    return lines


def _who(door: Door, settings: Settings) -> str:
    everyone = "everyone who reaches it" if is_exposed(settings) else "everyone on this machine"
    closed = is_exposed(settings) and not settings.insecure
    match door.asks:
        case Asks.NOTHING:
            return everyone
        case Asks.API_TOKEN if api_tokens_known(settings):
            return "who has an API token for it" if settings.api_tokens_file else "who has the API token"
        case Asks.API_TOKEN:
            return "nobody: set BRIDGE_API_TOKEN" if closed else everyone
        case Asks.TWILIO_SIGNATURE if twilio_secret_known(settings):
            return "Twilio, by its signature"
        case Asks.TWILIO_SIGNATURE:
            return "nobody: set BRIDGE_TWILIO_AUTH_TOKEN" if closed else everyone
        case Asks.CARRIER_SIGNATURE:
            carrier = BY_NAME[door.carrier]
            if not carrier.key:
                return _who(replace(door, asks=Asks.API_TOKEN), settings)
            if getattr(settings, carrier.key):
                return f"{carrier.title}, by its signature"
            return f"nobody: set BRIDGE_{carrier.key.upper()}" if closed else everyone
