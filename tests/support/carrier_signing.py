"""Signs as carriers do."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

_TELNYX: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TELNYX_KEY: Final = base64.b64encode(_TELNYX.public_key().public_bytes_raw()).decode()


def telnyx(body: bytes, now_s: float) -> dict[str, str]:
    """Return the headers of a request of Telnyx."""
    stamp = str(int(now_s))
    signature = _TELNYX.sign(f"{stamp}|".encode() + body)
    return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": base64.b64encode(signature).decode()}


def plivo(token: str, url: str, form: Mapping[str, str], *, maker: str = "Plivo") -> dict[str, str]:
    """Return the headers of a POST of Plivo or Vobiz to `url`, which has no query."""
    text = f"{url}?{''.join(name + form[name] for name in sorted(form))}.n1" if form else f"{url}.n1"
    digest = hmac.digest(token.encode(), text.encode(), hashlib.sha256)
    header = f"X-{maker}-Signature-V3"
    return {header: base64.b64encode(digest).decode(), f"{header}-Nonce": "n1"}


def jwt(secret: str, claims: Mapping[str, object], *, alg: str = "HS256") -> str:
    """Return a token that is signed by HMAC-SHA256, whatever `alg` says."""
    parts = ({"alg": alg, "typ": "JWT"}, claims)
    text = ".".join(_text(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_text(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


AZURE_ISSUER: Final = "https://acscallautomation.communication.azure.com"
AZURE_RESOURCE: Final = "e6c0a2bd-0000-4000-8000-6d1a3c5f7e90"
_AZURE: Final = generate_private_key(public_exponent=65537, key_size=2048)


def azure_keys(name: str = "key1", key: RSAPrivateKey = _AZURE) -> dict[str, object]:
    """Return the set of keys that Azure publishes (RFC 7517)."""
    public = pyjwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [{**public, "kid": name, "use": "sig", "alg": "RS256"}]}


def azure(now_s: float, *, key: RSAPrivateKey = _AZURE, name: str = "key1", **changed: object) -> dict[str, str]:
    """Return the header of Azure's callbacks and sockets; what is `changed` to None is not in the token."""
    claims = {"iss": AZURE_ISSUER, "aud": AZURE_RESOURCE, "nbf": int(now_s), "exp": int(now_s) + 300, **changed}
    kept = {claim: value for claim, value in claims.items() if value is not None}
    return {"Authorization": f"Bearer {pyjwt.encode(kept, key, algorithm='RS256', headers={'kid': name})}"}
