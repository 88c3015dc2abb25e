"""Signs as carriers do."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
