"""Did Twilio really send this request?

Its signature is the base64 of an HMAC, keyed with the auth token, over the URL that Twilio requested and the sorted
form parameters: https://www.twilio.com/docs/usage/security. The HMAC is of SHA-1; where a SharedKey signs instead of
the auth token, a header says so and names the algorithm:
https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys. A body that is no form is not signed itself, but its
SHA-256 is, in the query.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

SIGNATURE_HEADER: Final = "X-Twilio-Signature"
SIGNATURE_SETTINGS_HEADER: Final = "X-Twilio-Webhooks-Signature-Settings"
"""key=ID,algorithm=NAME, where a SharedKey signs."""
BODY_HASH: Final = "bodySHA256"
"""The parameter of the query with the SHA-256 of a body that is no form."""
ALGORITHMS: Final[Mapping[str, int]] = {"HMAC_SHA1": 28, "HMAC_SHA256": 44}
"""By its name: the characters of a signature, 20 or 32 bytes in base64."""

_STANDARD_PORT: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class _Form(dict[str, Sequence[str]]):
    """Parameters in the shape the validator knows for many values under one name."""

    def getall(self, name: str) -> Sequence[str]:
        return self[name]


def signature_algorithm(settings: str) -> str:
    """Return the algorithm that the header SIGNATURE_SETTINGS_HEADER names; the usual one without it."""
    from twilio.request_validator import get_signature_algorithm  # type: ignore[import-untyped]  # it ships no types

    return str(get_signature_algorithm(settings)).upper()


def body_hash_ok(body: bytes, digest: str) -> bool:
    """True when `digest`, the signed query's, is that of `body`."""
    return hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), digest.lower().encode(errors="replace"))


def twilio_signature_ok(
    *,
    token: str,
    signature: str,
    url: str,
    params: Mapping[str, str | Sequence[str]] | None = None,
    algorithm: str = "HMAC_SHA1",
) -> bool:
    """True when Twilio, knowing `token`, signed this request. `algorithm`: one of ALGORITHMS.

    `url` is ours as the outside world writes it, with the query; the host must come from configuration, not from the
    request. A WebSocket upgrade is signed as wss:// and without `params`. The port may or may not be part of what was
    signed, and a slash at the end of the path too, so each is tried; the scheme, the host and the rest must be right.
    """
    from twilio.request_validator import RequestValidator

    if not token or len(signature) != ALGORITHMS[algorithm]:  # its length is no secret
        return False
    form = _Form({name: [value] if isinstance(value, str) else value for name, value in (params or {}).items()})
    validator = RequestValidator(token)
    given = signature.encode(errors="replace")
    try:
        right = [validator.compute_signature(spelling, form, algorithm).encode() for spelling in _spellings(url)]
    except (ValueError, TypeError):  # no URL, half a surrogate pair, an uploaded file: nothing that Twilio signs
        return False
    return _any_equal(given, right)


def _spellings(url: str) -> Iterator[str]:
    """Yield `url` with and without its port, with and without the slash at the end of its path."""
    parts = urlsplit(url)
    port = parts.port or _STANDARD_PORT.get(parts.scheme)
    bare = parts.netloc.removesuffix(f":{port}")
    path = parts.path.removesuffix("/")
    for netloc in (bare, f"{bare}:{port}"):
        for ending in ("", "/"):
            yield parts._replace(netloc=netloc, path=path + ending).geturl()


def _any_equal(given: bytes, right: Iterable[bytes]) -> bool:
    """Compare with all of them, so that the time taken tells nothing."""
    return sum(hmac.compare_digest(given, signature) for signature in right) > 0
