"""What cannot be said of one option of a carrier alone."""

from collections.abc import Callable, Iterator
from typing import Final

from pydantic import BaseModel

SIGN_ADDRESSES: Final = ("plivo_auth_token", "vobiz_auth_token", "signalwire_signing_key", "genesys_client_secret")
"""Options with which carriers sign our address."""

_ENCRYPTED: Final = {"_api_url": "the key goes there", "_openid_url": "who may come in is said there"}
"""What the options end with whose addresses must be encrypted, and why."""


def refusals(settings: BaseModel, *, is_here: Callable[[str], bool]) -> Iterator[str]:
    """Yield why a server must not start with these options of carriers. `is_here`: whether a URL is of this machine."""
    known = getattr(settings, "public_url", "") or getattr(settings, "trust_proxy_headers", False)
    for name in SIGN_ADDRESSES:
        if getattr(settings, name, None) and not known:
            yield (
                f"with --{name.replace('_', '-')} our URL is signed, so it must be known: set "
                "--public-url https://HOST, or --trust-proxy-headers behind a proxy"
            )
    for name in type(settings).model_fields:
        why = next((why for ending, why in _ENCRYPTED.items() if name.endswith(ending)), "")
        if not why or name == "twilio_api_url":
            continue
        url = str(getattr(settings, name))
        if url and not (url.startswith("https:") or is_here(url)):
            yield f"--{name.replace('_', '-')} {url}: {why}, so it must be https://"
