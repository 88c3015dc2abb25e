"""Did this carrier really send this request? What each signs, and how.

Telnyx: https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks (the same for voice), Ed25519.
Plivo: https://www.plivo.com/docs/voice/concepts/signature-validation, V3, HMAC-SHA256.
Vonage: https://developer.vonage.com/en/getting-started/concepts/webhooks, a JWT by HMAC-SHA256.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from telephony.carriers.jwt import claims_of
from telephony.carriers.key_set import KeySet
from telephony.signature import twilio_signature_ok

TOLERANCE_S: Final = 300.0
"""How far a signed time may be from ours: a request that was overheard is of no use after that."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request, as far as carriers sign it."""

    url: str
    """Ours as the outside world writes it, with the query; the host is from our configuration."""
    now_s: float
    """Unix time."""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in lower case."""
    body: bytes = b""
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Fields of a form in the body."""
    key_set: KeySet = field(default_factory=KeySet)
    """What the carrier signs with, where it publishes its keys."""


def check_telnyx(key: str, request: SignedRequest) -> str:
    """Return why the request is not Telnyx's; "" where it is. `key`: the account's public key, in base64."""
    stamp, signature = (request.headers.get(f"telnyx-{name}", "") for name in ("timestamp", "signature-ed25519"))
    if not (stamp and signature):
        return "it has no telnyx-signature-ed25519 and telnyx-timestamp"
    if not (len(stamp) < 16 and stamp.isascii() and stamp.isdigit()):
        return "its telnyx-timestamp is no time"
    if late := _out_of_time(int(stamp), request.now_s):
        return late
    try:
        public = Ed25519PublicKey.from_public_bytes(b64decode(key, validate=True))
    except ValueError:
        return "--telnyx-public-key is no Ed25519 key of 32 bytes in base64"
    try:
        public.verify(b64decode(signature, validate=True), f"{stamp}|".encode() + request.body)
    except (InvalidSignature, ValueError):
        return "its signature is not made with the key of --telnyx-public-key"
    return ""


def check_plivo(token: str, request: SignedRequest, *, maker: str = "Plivo") -> str:
    """Return why the request is not Plivo's; "" where it is. `token`: the auth token of the account.

    `maker`: whose name is in the headers; Vobiz signs in the same way.
    """
    header = f"X-{maker}-Signature-V3"
    given, nonce = (request.headers.get(f"{header}{ending}".lower(), "") for ending in ("", "-Nonce"))
    if not (nonce and given):
        return f"it has no {header} and {header}-Nonce"
    right = [plivo_signature(token, spelling, nonce) for spelling in _plivo_texts(request)]
    found = [one.strip().encode(errors="replace") for one in given.split(",")[:10]]
    if not sum(hmac.compare_digest(one, good) for one in found for good in right):
        return f"its signature is not {maker}'s for {request.url}: check the auth token and --public-url"
    return ""


def plivo_signature(token: str, text: str, nonce: str) -> bytes:
    """Return Plivo's signature of `text`: the address, and what `_plivo_texts` puts behind it."""
    return b64encode(hmac.digest(token.encode(), f"{text}.{nonce}".encode(errors="replace"), hashlib.sha256))


def check_signalwire(key: str, request: SignedRequest) -> str:
    """Return why the request is not SignalWire's; "" where it is. `key`: the signing key of the space's API.

    The rule is Twilio's, SHA-1 over address and form; https://signalwire.com/docs/platform/webhooks.
    """
    names = ("x-signalwire-signature", "x-twilio-signature")
    signature = next((found for name in names if (found := request.headers.get(name))), "")
    if not signature:
        return "it has no X-SignalWire-Signature"
    if not twilio_signature_ok(token=key, signature=signature, url=request.url, params=request.form):
        return f"its signature is not SignalWire's for {request.url}: check the signing key and --public-url"
    return ""


def check_nothing(_: str, __: SignedRequest) -> str:
    """Return that a request is not the carrier's: it signs none."""
    return "this carrier signs nothing"


def check_vonage(secret: str, request: SignedRequest) -> str:
    """Return why the request is not Vonage's; "" where it is. `secret`: the account's signature secret."""
    token = bearer_in(request.headers.get("authorization", ""))
    if not token:
        return "it has no Authorization: Bearer with a JWT"
    claims = claims_of(token, secret)
    if claims is None:
        return "its JWT is not made with the signature secret (HS256)"
    issued_s = claims.get("iat")
    if not isinstance(issued_s, int | float) or isinstance(issued_s, bool):
        return "its JWT does not say when it was made"
    if late := _out_of_time(issued_s, request.now_s):
        return late
    digest = claims.get("payload_hash")
    if request.body and not (isinstance(digest, str) and _is_digest(request.body, digest)):
        return "its JWT is not of this body (payload_hash)"
    return ""


def bearer_in(authorization: str) -> str:
    """Return the token in an Authorization header; "" where there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _is_digest(body: bytes, digest: str) -> bool:
    return hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), digest.lower().encode(errors="replace"))


def _out_of_time(signed_s: float, now_s: float) -> str:
    if abs(signed_s - now_s) <= TOLERANCE_S:
        return ""
    return f"it was signed {now_s - signed_s:.0f} s ago; allowed are {TOLERANCE_S:.0f} s: check this machine's clock"


def _plivo_texts(request: SignedRequest) -> Sequence[str]:
    """Return what Plivo may have signed: the address with its sorted query, and behind a dot the sorted form."""
    parts = urlsplit(request.url)
    query = parse_qs(parts.query, keep_blank_values=True)
    sorted_query = "&".join(f"{name}={value}" for name in sorted(query) for value in sorted(query[name]))
    form = request.form if request.method == "POST" else {}
    fields = "".join(f"{name}{value}" for name in sorted(form) for value in sorted(form[name]))
    port = f":{parts.port}" if parts.port else ""
    bare = parts.netloc.removesuffix(port) if port in {":443", ":80"} else parts.netloc
    texts: list[str] = []
    for netloc in dict.fromkeys((bare, parts.netloc)):
        address = f"{parts.scheme}://{netloc}{parts.path}"
        if form:
            texts.append(f"{address}?{sorted_query}.{fields}" if sorted_query else f"{address}?{fields}")
        else:
            texts.append(f"{address}?{sorted_query}" if sorted_query else address)
    return texts
