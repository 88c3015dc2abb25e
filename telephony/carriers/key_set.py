"""Keys that a carrier publishes for its signatures: an OpenID configuration, and the set of keys that it names.

https://openid.net/specs/openid-connect-discovery-1_0.html and RFC 7517. What is signed by them is read by PyJWT.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import jwt

from telephony.carriers.jwt import MOST_CHARS
from telephony.jsontext import Fields

MOST_KEYS: Final = 32
_NOT_READ: Final = (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError)
"""What PyJWT raises for keys and tokens that are none; all but the first come from what it reads them with."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer."""

    issuer: str = ""
    keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    """RSA, by their ids."""

    def claims_of(self, token: str, *, audience: str) -> tuple[Fields, str]:
        """Return what `token` claims, and why it is none of the issuer's for `audience`; "" where it is one.

        RS256 and nothing else is taken. Times in it are not looked at.
        """
        key = self.keys.get(key_id(token))
        if key is None:
            return {}, "its JWT is not signed with a key that the carrier publishes"
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=audience,
                issuer=self.issuer,
                options={
                    "require": ["exp", "aud", "iss"],
                    "verify_exp": False,  # PyJWT has a clock of its own
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except _NOT_READ as error:
            return {}, f"its JWT is not taken: {error}"
        return claims, ""


def keys_at(configuration: Fields) -> str:
    """Return the address of the keys that an OpenID configuration names; "" where it names none."""
    address = configuration.get("jwks_uri")
    return address if isinstance(address, str) else ""


def key_set(configuration: Fields, published: Fields) -> KeySet:
    """Return the keys of `published`, whose issuer `configuration` names; what is no RSA key is left out."""
    issuer, listed = configuration.get("issuer"), published.get("keys")
    if not isinstance(issuer, str) or not issuer:
        return KeySet()
    keys: dict[str, jwt.PyJWK] = {}
    for one in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        name = one.get("kid") if isinstance(one, dict) else None
        if not isinstance(name, str) or one.get("kty") != "RSA":
            continue
        try:
            keys[name] = jwt.PyJWK.from_dict(one, algorithm="RS256")
        except _NOT_READ:
            continue
    return KeySet(issuer, keys)


def key_id(token: str) -> str:
    """Return the id of the key that `token` says it is signed with; "" where it is no token, or says none."""
    if not token.isascii() or len(token) > MOST_CHARS:
        return ""
    try:
        found = jwt.get_unverified_header(token).get("kid")
    except _NOT_READ:
        return ""
    return found if isinstance(found, str) else ""
