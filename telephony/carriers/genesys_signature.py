"""Did Genesys really open this socket? HTTP message signatures, as its AudioHook uses them.

Source: https://developer.genesys.cloud/devapps/audiohook/security.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from telephony.carriers.signatures import SignedRequest

_SIGNATURE_INPUT: Final = re.compile(r"(?P<label>\w{1,20})=(?P<names>\([^()]*\))(?P<rules>(?:;[^()]*)?)")
_SIGNATURE: Final = re.compile(r"(?P<label>\w{1,20})=:(?P<value>[A-Za-z0-9+/=]{1,100}):")
_QUOTED: Final = re.compile(r'"([^"]{1,100})"')
_PARAMETER: Final = re.compile(r';\s*(\w+)=("[^"]*"|\d+)')
_MOST_INPUT_CHARS: Final = 2048
_LEAST_NONCE_CHARS: Final = 22
_OPENING_S: Final = 30.0
"""Genesys means a signature to be good for 10 s; clocks differ."""
_OF_GENESYS: Final = frozenset(
    {
        *("@request-target", "audiohook-session-id", "audiohook-organization-id", "audiohook-correlation-id"),
        *("@authority", "x-api-key"),
    }
)


def check_genesys(secret: str, request: SignedRequest) -> str:
    """Return why the request is not Genesys's; "" where it is. `secret`: the integration's client secret, in base64.

    What is signed is a line for each thing that it names, and one for the rules of signing; HMAC-SHA256.
    """
    rules, found = (request.headers.get(name, "") for name in ("signature-input", "signature"))
    input_, given = _SIGNATURE_INPUT.fullmatch(rules), _SIGNATURE.fullmatch(found)
    if input_ is None or given is None or input_["label"] != given["label"] or len(rules) > _MOST_INPUT_CHARS:
        return "it has no Signature-Input and Signature of one label"
    names, values = _QUOTED.findall(input_["names"]), dict(_PARAMETER.findall(input_["rules"]))
    if missing := _OF_GENESYS - set(names):
        return f"it does not sign {', '.join(sorted(missing))}"
    created, expires, nonce = (values.get(name, "").strip('"') for name in ("created", "expires", "nonce"))
    if not (created.isdigit() and len(created) < 16) or len(nonce) < _LEAST_NONCE_CHARS:
        return "its signature has no time or no nonce"
    if abs(int(created) - request.now_s) > _OPENING_S or (expires.isdigit() and int(expires[:16]) < request.now_s):
        return f"it was signed {request.now_s - int(created):.0f} s ago: check this machine's clock"
    try:
        key = b64decode(secret, validate=True)
    except ValueError:
        return "--genesys-client-secret-file holds no base64"
    for authority in _authorities(request.url):
        lines = [f'"{name}": {_signed_part(name, request, authority)}' for name in names]
        text = "\n".join([*lines, f'"@signature-params": {input_["names"]}{input_["rules"]}'])
        right = b64encode(hmac.digest(key, text.encode(errors="replace"), hashlib.sha256))
        if hmac.compare_digest(right, given["value"].encode(errors="replace")):
            return ""
    return f"its signature is not Genesys's for {request.url}: check the client secret and --public-url"


def _signed_part(name: str, request: SignedRequest, authority: str) -> str:
    if name == "@request-target":
        parts = urlsplit(request.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
    return authority if name in {"@authority", "host"} else request.headers.get(name, "")


def _authorities(url: str) -> Sequence[str]:
    """Return our name as the other side may write it: with its port and without."""
    parts = urlsplit(url)
    return list(dict.fromkeys((parts.netloc, parts.netloc.removesuffix(":443"), parts.hostname or "")))
