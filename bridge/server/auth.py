"""Who may come in: checked before any work is done for them."""

import hmac
import secrets
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from pydantic import SecretStr

from bridge.admission.refusals import Why
from bridge.server.access.forms import read_body, read_form
from bridge.server.access.refused import Forbidden, InParts, Unauthorized, WrongHost
from bridge.settings import Settings, api_tokens_known, is_exposed, is_loopback, twilio_secret_known
from bridge.settings.tokens import EVERY_SCOPE, ApiToken, Scope, digest_of
from telephony.signature import (
    ALGORITHMS,
    BODY_HASH,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    body_hash_ok,
    signature_algorithm,
    twilio_signature_ok,
)

BEARER_PROTOCOL: Final = "bearer."
"""WebSocket subprotocol that carries the API token for browsers, which cannot set headers: bearer.<token>."""

BEFORE_TOKEN: Final = frozenset({"token", "bearer"})
"""Subprotocols behind which Deepgram's clients in browsers name their key as the next."""
OPENAI_PROTOCOL: Final = "openai-insecure-api-key."
"""OpenAI's for the same."""


def with_api_token(settings: Settings) -> Settings:
    """Return `settings` with a token made now, where one is needed and none was set.

    Behind a proxy or a tunnel every request comes from this machine, so that where it comes from proves nothing.
    """
    if api_tokens_known(settings) or settings.insecure or not is_exposed(settings):
        return settings
    return settings.model_copy(update={"api_token": SecretStr(secrets.token_urlsafe(24))})


def asks_for_socket(request: web.Request) -> bool:
    """True for an upgrade; a page that was refused one repeats its request without it, to learn why."""
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client was let in by."""

    name: str = ""
    """Of its token, for the records; "" where none is asked for."""
    digest: str = ""
    """The token's SHA-256; "" where none is asked for."""
    scopes: frozenset[Scope] = EVERY_SCOPE

    def check(self, needs: Scope) -> None:
        """Let it do what `needs` that scope.

        Raises:
            Forbidden: its token is not good for that.
        """
        if needs not in self.scopes:
            has = ", ".join(scope for scope in Scope if scope in self.scopes)
            why = f"the token {self.name!r} is good for {has}; this needs one for {needs}"
            raise Forbidden(Why.SCOPE, why, json=True)


SHOWN: Final = web.RequestKey("shown", Shown)
"""Of a request to a door that asks for the API token."""
_EVERYTHING: Final = "api_token"


def check_client(
    request: web.Request, settings: Settings, tokens: Sequence[ApiToken] = (), *, needs: Scope = Scope.CALLS
) -> Shown:
    """Admit a client that has a token: as a bearer, in the URL, or as the password of Basic authentication.

    `tokens`: those that are good besides the API token, each for some things. `needs`: what the client wants.

    Raises:
        web.HTTPForbidden: a page of another site opened the socket, its token is not good for that, or the server is
            closed to clients without token.
        web.HTTPUnauthorized: no token, or a wrong one.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin and not _is_ours(origin, request, settings) and not {origin, "*"} & set(settings.allowed_origins):
        raise Forbidden(Why.ORIGIN, f"origin {origin!r} is not allowed: add it to --allowed-origins")
    if known := _known(settings, tokens):
        given = [digest_of(token) for token in _tokens(request)]
        shown = next((each for each in known for digest in given if hmac.compare_digest(each.digest, digest)), None)
        if shown is None:
            why = Why.WRONG_TOKEN if given else Why.NO_TOKEN
            raise Unauthorized(why, "send the API token: Authorization: Bearer <token>")
        shown.check(needs)
        return shown
    if is_exposed(settings) and not settings.insecure:
        raise Forbidden(Why.CLOSED, "closed: set BRIDGE_API_TOKEN, or start with --insecure")
    return Shown()


def _known(settings: Settings, tokens: Sequence[ApiToken]) -> Sequence[Shown]:
    of_file = [Shown(token.name, token.digest, token.scopes) for token in tokens]
    if settings.api_token is None:
        return of_file
    return [Shown(_EVERYTHING, digest_of(settings.api_token.get_secret_value())), *of_file]


async def check_twilio(request: web.Request, settings: Settings) -> None:
    """Admit a request that Twilio signed; anyone where no secret of Twilio's is set.

    Raises:
        web.HTTPForbidden: the signature is missing or wrong, or the server is closed to unsigned requests.
        web.HTTPBadRequest: its form is none.
    """
    if not twilio_secret_known(settings):
        if is_exposed(settings) and not settings.insecure:
            raise Forbidden(Why.CLOSED, "closed: set BRIDGE_TWILIO_AUTH_TOKEN, or start with --insecure")
        if hdrs.ORIGIN in request.headers:
            raise Forbidden(Why.ORIGIN, "this door is for Twilio, which is no web page")
        return
    url = f"{public_url(request, settings, socket=asks_for_socket(request))}{request.path_qs}"
    secret, algorithm = _signed_with(request, settings)
    wrong = Forbidden(
        Why.SIGNATURE,
        "the Twilio signature does not match: check the auth token and --public-url",
        detail=f"its signature is not Twilio's for {url}: check the auth token and --public-url",
    )
    try:
        form = await read_form(request)  # empty for the upgrade of a socket, and for a GET
    except InParts:
        raise wrong from None
    if (digest := request.query.get(BODY_HASH)) and not form and not body_hash_ok(await read_body(request), digest):
        raise wrong
    params: Mapping[str, list[str]] = {key: form.getall(key) for key in form}
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if not twilio_signature_ok(token=secret, signature=signature, url=url, params=params, algorithm=algorithm):
        raise wrong


def _signed_with(request: web.Request, settings: Settings) -> tuple[str, str]:
    """Return the secret that the request must be signed with, and the algorithm.

    Raises:
        Forbidden: the secret is not known here, or the algorithm is none of ours.
    """
    named = request.headers.get(SIGNATURE_SETTINGS_HEADER, "")
    algorithm = signature_algorithm(named)
    secret = settings.twilio_shared_key if named else settings.twilio_auth_token
    if not secret:
        flag = "--twilio-shared-key-file" if named else "--twilio-auth-token-file"
        raise Forbidden(Why.SIGNATURE, f"signed with a key that is not known here: set {flag}")
    if algorithm not in ALGORITHMS:
        raise Forbidden(Why.SIGNATURE, f"signed with {algorithm[:40]!r}; allowed: {', '.join(ALGORITHMS)}")
    return secret.get_secret_value(), algorithm


def public_url(request: web.Request, settings: Settings, *, socket: bool) -> str:
    """Return the address the outside world has for us: scheme, host and what a proxy strips, no slash at the end.

    It comes from --public-url; from the proxy's headers only where told so; else from the request itself.

    Raises:
        WrongHost: what the headers name is no host.
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
    address = f"{scheme}://{host}"
    try:
        urlsplit(address).port  # noqa: B018 - asking is the check: whoever reads our address may rely on it
    except ValueError:
        raise WrongHost(Why.HOST, f"{host[:100]!r} names no host") from None
    return address


def _first(forwarded: str) -> str:
    """Return what the outermost of several proxies said."""
    return forwarded.partition(",")[0].strip()


def _is_ours(origin: str, request: web.Request, settings: Settings) -> bool:
    """True for a page that came from this server. Without a Host header none can be told to.

    On a loopback address the name must be a loopback name or the one that the outside world has for us: any site can
    have a name of its own resolve to 127.0.0.1, and its page would then pass for ours.
    """
    try:
        page, host = urlsplit(origin), request.headers[hdrs.HOST]
    except (KeyError, ValueError):  # ValueError: no URL at all
        return False
    if is_exposed(settings) and page.netloc == urlsplit(public_url(request, settings, socket=False)).netloc:
        return True
    return page.netloc == host and (is_loopback(page.hostname or "") or not is_loopback(settings.host))


def _tokens(request: web.Request) -> Iterator[str]:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() in {"bearer", "token"}:  # the latter is Deepgram's
        yield token.strip()
    elif scheme.lower() == "basic":  # switches that have no other: any user, and the token is the password
        with suppress(ValueError):
            yield b64decode(token.strip(), validate=True).decode().partition(":")[2]
    if "token" in request.query:
        yield request.query["token"]
    before = ""
    for protocol in map(str.strip, request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")):
        if before.lower() in BEFORE_TOKEN:
            yield protocol
        for prefix in (BEARER_PROTOCOL, OPENAI_PROTOCOL):
            if protocol.startswith(prefix):
                yield protocol.removeprefix(prefix)
        before = protocol
