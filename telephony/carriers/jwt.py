"""JSON web tokens, as far as carriers use them (RFC 7519): HS256 is read, RS256 is written."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from telephony.jsontext import Fields, object_of_body

MOST_CHARS: Final = 8192


def claims_of(token: str, secret: str) -> Fields | None:
    """Return what `token` claims; None where it is not signed by HMAC-SHA256 with `secret`, and with nothing else.

    Times in it are not looked at.
    """
    if not secret or len(token) > MOST_CHARS or token.count(".") != 2:
        return None
    signed, _, seal = token.rpartition(".")
    right = _text(hmac.digest(secret.encode(), signed.encode(errors="replace"), hashlib.sha256))
    if not hmac.compare_digest(right.encode(), seal.encode(errors="replace")):
        return None
    header, _, claims = signed.partition(".")
    try:
        return _object(claims) if _object(header).get("alg") == "HS256" else None
    except ValueError:
        return None


def signed_by(private_key: str, claims: Mapping[str, object]) -> str:
    """Return a token with `claims`, signed by RSA and SHA-256. `private_key`: PEM.

    Raises:
        ValueError: the key is none of RSA in PEM.
    """
    key = load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the private key is none of RSA")
    header = {"alg": "RS256", "typ": "JWT"}
    text = ".".join(_text(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{text}.{_text(key.sign(text.encode(), PKCS1v15(), hashes.SHA256()))}"


def _object(part: str) -> Fields:
    return object_of_body(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
