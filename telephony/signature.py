"""Did Twilio really send this request?

Its signature is the base64 of an HMAC-SHA1, keyed with the auth token, over the URL that Twilio requested and the
sorted form parameters: https://www.twilio.com/docs/usage/security
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

SIGNATURE_CHARS: Final = 28
"""20 bytes of SHA-1 in base64."""

_STANDARD_PORT: Final = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class _Form(dict[str, Sequence[str]]):
    """Parameters in the shape the validator knows for many values under one name."""

    def getall(self, name: str) -> Sequence[str]:
        return self[name]


def twilio_signature_ok(
    *, token: str, signature: str, url: str, params: Mapping[str, str | Sequence[str]] | None = None
) -> bool:
    """True when Twilio, knowing `token`, signed this request.

    `url` is ours as the outside world writes it, with the query; the host must come from configuration, not from the
    request. A WebSocket upgrade is signed as wss:// and without `params`. The port may or may not be part of what was
    signed, and a slash at the end of the path too, so each is tried; the scheme, the host and the rest must be right.
    """
    from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

    if not token or len(signature) != SIGNATURE_CHARS:  # its length is no secret
        return False
    form = _Form({name: [value] if isinstance(value, str) else value for name, value in (params or {}).items()})
    validator = RequestValidator(token)
    given = signature.encode(errors="replace")
    try:
        right = [validator.compute_signature(spelling, form).encode() for spelling in _spellings(url)]
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
