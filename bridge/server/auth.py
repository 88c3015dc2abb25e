"""Who may come in: checked before any work is done for them."""

import hmac
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from bridge.server.access.forms import read_form
from bridge.settings import Settings, is_loopback
from telephony.signature import twilio_signature_ok

BEARER_PROTOCOL: Final = "bearer."
"""WebSocket subprotocol that carries the API token for browsers, which cannot set headers: bearer.<token>."""


def asks_for_socket(request: web.Request) -> bool:
    """True for an upgrade; a page that was refused one repeats its request without it, to learn why."""
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def check_client(request: web.Request, settings: Settings) -> None:
    """Admit a client that has the API token: as a bearer, in the URL, or as the password of Basic authentication.

    Raises:
        web.HTTPForbidden: a page of another site opened the socket, or the server is closed to clients without token.
        web.HTTPUnauthorized: no token, or a wrong one.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin and not _is_ours(origin, request, settings) and not {origin, "*"} & set(settings.allowed_origins):
        raise web.HTTPForbidden(text=f"origin {origin!r} is not allowed: add it to --allowed-origins\n")
    if settings.api_token:
        if not any(_same(token, settings.api_token.get_secret_value()) for token in _tokens(request)):
            raise web.HTTPUnauthorized(text="send the API token: Authorization: Bearer <token>\n")
    elif not is_loopback(settings.host) and not settings.insecure:
        raise web.HTTPForbidden(text="closed: set BRIDGE_API_TOKEN, or start with --insecure\n")


async def check_twilio(request: web.Request, settings: Settings) -> None:
    """Admit a request that Twilio signed; anyone where no auth token is set.

    Raises:
        web.HTTPForbidden: the signature is missing or wrong, or the server is closed to unsigned requests.
    """
    if not settings.twilio_auth_token:
        if not is_loopback(settings.host) and not settings.insecure:
            raise web.HTTPForbidden(text="closed: set BRIDGE_TWILIO_AUTH_TOKEN, or start with --insecure\n")
        if hdrs.ORIGIN in request.headers:
            raise web.HTTPForbidden(text="this door is for Twilio, which is no web page\n")
        return
    form = await read_form(request)  # empty for the upgrade of a socket
    params: Mapping[str, list[str]] = {key: form.getall(key) for key in form}
    url = public_url(request, settings, socket=asks_for_socket(request))
    signature = request.headers.get("X-Twilio-Signature", "")
    token = settings.twilio_auth_token.get_secret_value()
    if not twilio_signature_ok(token=token, signature=signature, url=f"{url}{request.path_qs}", params=params):
        raise web.HTTPForbidden(text="the Twilio signature does not match: check the auth token and --public-url\n")


def public_url(request: web.Request, settings: Settings, *, socket: bool) -> str:
    """Return the address the outside world has for us: scheme and host, no slash at the end.

    It comes from --public-url; from the proxy's headers only where told so; else from the request itself.
    """
    own_host = request.headers.get(hdrs.HOST, "")  # without one, request.host would block on the resolver
    if settings.public_url:
        host = urlsplit(settings.public_url).netloc + urlsplit(settings.public_url).path.rstrip("/")
        secure = True
    elif settings.trust_proxy_headers:
        host = _first(request.headers.get("X-Forwarded-Host", own_host))
        secure = _first(request.headers.get("X-Forwarded-Proto", request.scheme)) in {"https", "wss"}
    else:
        host, secure = own_host, request.secure
    scheme = ("ws" if socket else "http") + ("s" if secure else "")
    return f"{scheme}://{host}"


def _first(forwarded: str) -> str:
    """Return what the outermost of several proxies said."""
    return forwarded.partition(",")[0].strip()


def _is_ours(origin: str, request: web.Request, settings: Settings) -> bool:
    """True for a page that came from this server. Without a Host header none can be told to.

    On a loopback address the name must be a loopback name or that of --public-url: any site can have a name of its
    own resolve to 127.0.0.1, and its page would then pass for ours.
    """
    try:
        page, host = urlsplit(origin), request.headers[hdrs.HOST]
    except (KeyError, ValueError):  # ValueError: no URL at all
        return False
    named = is_loopback(page.hostname or "") or page.netloc == urlsplit(settings.public_url).netloc
    return page.netloc == host and (named or not is_loopback(settings.host))


def _tokens(request: web.Request) -> Iterator[str]:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        yield token.strip()
    elif scheme.lower() == "basic":  # switches that have no other: any user, and the token is the password
        with suppress(ValueError):
            yield b64decode(token.strip(), validate=True).decode().partition(":")[2]
    if "token" in request.query:
        yield request.query["token"]
    for protocol in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(","):
        if protocol.strip().startswith(BEARER_PROTOCOL):
            yield protocol.strip().removeprefix(BEARER_PROTOCOL)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), right.encode(errors="surrogateescape"))
