"""What a telephone answers to a digest challenge (RFC 2617, MD5)."""

import hashlib
import re


def proof(
    challenge: str,
    *,
    user: str = "anna",
    password: str = "s3cret",
    uri: str = "sip:bot@host",
    method: str = "INVITE",
    qop: str = "auth",
    **instead: str,
) -> str:
    """Return the value of the Authorization header; `instead`: fields as they should not be."""
    told = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    realm, nonce = told.get("realm", ""), told.get("nonce", "")
    secret, asked = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    between = f"00000001:abc:{qop}:" if qop else ""
    fields = {
        "username": user,
        "realm": realm,
        "nonce": nonce,
        "uri": uri,
        "response": _md5(f"{secret}:{nonce}:{between}{asked}"),
        "algorithm": "MD5",
        **({"qop": qop, "nc": "00000001", "cnonce": "abc"} if qop else {}),
        **instead,
    }
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
