"""Azure's signatures: the token on its requests and its sockets, and how requests to it are signed.

https://learn.microsoft.com/azure/communication-services/how-tos/call-automation/secure-webhook-endpoint and
https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial.
"""

import hashlib
import hmac
from base64 import b64decode
from email.utils import formatdate
from typing import Final

from telephony.carriers.signatures import SignedRequest, bearer_in
from telephony.carriers.stream_fields import base64_text

CLOCKS_APART_S: Final = 60.0
"""How far Azure's clock may be from ours."""


def check_azure(resource_id: str, request: SignedRequest) -> str:
    """Return why the request is not Azure's; "" where it is. `resource_id`: of the resource, the token's audience."""
    token = bearer_in(request.headers.get("authorization", ""))
    if not token:
        return "it has no Authorization: Bearer with a JWT"
    claims, why = request.key_set.claims_of(token, audience=resource_id)
    if why:
        return why
    for name, sign in (("exp", 1), ("nbf", -1)):
        limit_s = claims.get(name)
        if limit_s is None and name == "nbf":
            continue
        if not isinstance(limit_s, int | float) or isinstance(limit_s, bool):
            return f"its JWT has an {name} that is no time"
        if sign * (request.now_s - limit_s) > CLOCKS_APART_S:
            return f"its JWT is not good now ({name}): check this machine's clock"
    return ""


def signed_headers(key: str, *, method: str, target: str, host: str, body: bytes, now_s: float) -> dict[str, str]:
    """Return the headers that sign a request to Azure. `key`: the access key; `target`: path and query.

    Raises:
        ValueError: the key is no base64.
    """
    date, digest = formatdate(now_s, usegmt=True), base64_text(hashlib.sha256(body).digest())
    text = f"{method}\n{target}\n{date};{host};{digest}"
    signature = base64_text(hmac.digest(b64decode(key, validate=True), text.encode(), hashlib.sha256))
    how = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
    return {"x-ms-date": date, "x-ms-content-sha256": digest, "Authorization": f"{how}&Signature={signature}"}
