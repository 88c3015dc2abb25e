"""Who may come in as a carrier: whoever signs as it, shows a ticket that our answer gave it, or has the API token."""

import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web
from multidict import MultiDict, MultiDictProxy
from pydantic import SecretStr

from bridge.admission.refusals import Why
from bridge.server.access.forms import read_body, read_form
from bridge.server.access.refused import Forbidden, InParts
from bridge.server.app_keys import KEY_SETS
from bridge.server.auth import asks_for_socket, check_client, public_url
from bridge.settings import Settings, api_tokens_known, is_exposed
from bridge.settings.options import SECRETS
from bridge.settings.tokens import ApiToken, Scope
from telephony.carriers import tickets
from telephony.carriers.catalogue import BY_NAME, Carrier
from telephony.carriers.key_set import KeySet, key_id
from telephony.carriers.signatures import SignedRequest, bearer_in

KNOWN_BEFORE: Final = web.RequestKey("known_before", dict[str, str])
"""Of a request that opens a stream: what its ticket tells of the call; missing where it came without one."""
_OF_CARRIERS: Final = tuple(f"{name}_" for name in BY_NAME)
_RANDOM: Final = secrets.token_bytes(32)
"""For tickets of a server that has no secret at all: good in this process."""


def key_of(carrier: Carrier, settings: Settings) -> str:
    """Return what requests of `carrier` are verified with; "" where that is not set."""
    value = getattr(settings, carrier.key) if carrier.key else ""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def ticket_key(settings: Settings) -> bytes:
    """Return what tickets are sealed with: made of the secrets that all processes of this server know."""
    secret = [getattr(settings, name) for name in SECRETS if name == "api_token" or name.startswith(_OF_CARRIERS)]
    known = [value.get_secret_value() for value in secret if isinstance(value, SecretStr)]
    return hashlib.sha256("\n".join(["tickets", *known]).encode()).digest() if known else _RANDOM


async def check_carrier(
    request: web.Request, settings: Settings, tokens: Sequence[ApiToken], *, carrier: Carrier
) -> None:
    """Admit a request of `carrier`; anyone where nothing is set to verify it with and others cannot reach the port.

    Raises:
        web.HTTPForbidden: it is not signed by the carrier, or the server is closed to unsigned requests.
        web.HTTPUnauthorized: a socket with a wrong token.
        web.HTTPBadRequest: its form is none.
    """
    socket = request.method == hdrs.METH_GET and asks_for_socket(request)  # whoever says so with a body is none
    key = key_of(carrier, settings)
    if hdrs.ORIGIN in request.headers:
        raise Forbidden(Why.ORIGIN, f"this door is for {carrier.title}, which is no web page")
    ticket = (socket or not carrier.key) and _has_ticket(request, settings, carrier)
    if ticket and (carrier.ticket_opens or not key):
        return
    if not carrier.key or (not carrier.signs_webhook and _is_webhook(request, carrier)):
        check_client(request, settings, tokens, needs=Scope.CALLS)
        if key or not carrier.key:
            return
    elif key and (carrier.signs_sockets or not socket):
        why = carrier.check(key, await _signed(request, settings, carrier, socket=socket))
        if not why:
            return
        if not (socket and api_tokens_known(settings)):
            raise Forbidden(Why.SIGNATURE, f"this is not signed by {carrier.title}", detail=why)
    if socket and api_tokens_known(settings):
        check_client(request, settings, tokens, needs=Scope.CALLS)
    elif key:
        raise Forbidden(Why.SIGNATURE, "this is no stream that was ordered here in the last two minutes")
    elif is_exposed(settings) and not settings.insecure:
        raise Forbidden(Why.CLOSED, f"closed: set BRIDGE_{carrier.key.upper()}, or start with --insecure")


def _is_webhook(request: web.Request, carrier: Carrier) -> bool:
    return request.path.rstrip("/") == f"/{carrier.name}/voice"


def _has_ticket(request: web.Request, settings: Settings, carrier: Carrier) -> bool:
    """Return whether the address of a stream shows that it was ordered here. Calls out have an id, which is as good."""
    if (ticket := request.match_info.get("ticket")) is None:
        return "id" in request.match_info
    told = tickets.read(ticket_key(settings), carrier.name, ticket, now_s=time.time())
    if told is None:
        return False
    request[KNOWN_BEFORE] = dict(told)
    return True


async def _signed(request: web.Request, settings: Settings, carrier: Carrier, *, socket: bool) -> SignedRequest:
    keys = KeySet()
    if carrier.keys_at:
        named = key_id(bearer_in(request.headers.get(hdrs.AUTHORIZATION, "")))
        limit_s, address = settings.twilio_api_timeout, str(getattr(settings, carrier.keys_at))
        keys = await request.app[KEY_SETS].known(address, named, limit_s=limit_s) if named else keys
    try:
        form = MultiDictProxy[str](MultiDict()) if socket else await read_form(request)
    except InParts:  # which no carrier sends, nor signs
        form = MultiDictProxy[str](MultiDict())
    return SignedRequest(
        url=f"{public_url(request, settings, socket=socket)}{request.path_qs}",
        now_s=time.time(),
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=b"" if socket else await read_body(request),
        form={name: form.getall(name) for name in form},
        key_set=keys,
    )
