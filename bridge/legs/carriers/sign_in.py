"""How a request is signed in with at a carrier's API, where that is no fixed header but made for each request."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from yarl import URL

from bridge.speech.voices.template import Value
from telephony.carriers.azure_signature import signed_headers
from telephony.carriers.jwt import signed_by

_TOKEN_S: Final = 60


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request as it goes out."""

    method: str
    url: URL
    body: bytes = b""


SignIn = Callable[[Mapping[str, Value], RestRequest], Mapping[str, str]]
"""Takes the options, secrets in plain, and a request; returns headers of it. A ValueError says which option is none."""


def vonage_token(options: Mapping[str, Value], _: RestRequest) -> Mapping[str, str]:
    """Sign in with a token of the application (https://developer.vonage.com/en/getting-started/concepts/authentication).

    Raises:
        ValueError: the private key is none.
    """
    now_s = int(time.time())
    claims = {"application_id": options["vonage_application_id"], "iat": now_s, "exp": now_s + _TOKEN_S}
    try:
        token = signed_by(str(options["vonage_private_key"]), {**claims, "jti": uuid4().hex})
    except ValueError as error:
        raise ValueError(f"--vonage-private-key-file: {error}") from error
    return {"Authorization": f"Bearer {token}"}


def azure_signature(options: Mapping[str, Value], request: RestRequest) -> Mapping[str, str]:
    """Sign the request with the access key.

    Raises:
        ValueError: the key is no base64.
    """
    url = request.url
    host = url.host or ""
    try:
        return signed_headers(
            str(options["azure_access_key"]),
            method=request.method,
            target=url.raw_path_qs,
            host=host if url.is_default_port() else f"{host}:{url.port}",
            body=request.body,
            now_s=time.time(),
        )
    except ValueError as error:
        raise ValueError(f"--azure-access-key-file: {error}") from error


SIGN_IN: Final[Mapping[str, SignIn]] = {"azure": azure_signature, "vonage": vonage_token}
"""By the names of carriers; what all requests of the others have is in rest.toml."""
