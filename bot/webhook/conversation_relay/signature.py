"""How Twilio signs what it sends to an application: its half of telephony/signature.py. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit


def request_signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """Return X-Twilio-Signature of a POST: over the whole URL and the sorted form.

    https://www.twilio.com/docs/usage/security
    """
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(errors="replace"), hashlib.sha1).digest()).decode()


def upgrade_signature(token: str, url: str) -> str:
    """Return X-Twilio-Signature of a WebSocket upgrade: the query counts as the form, and is no part of the URL.

    That is what Twilio's own check expects: `_build_websocket_url_and_params` in tac/server/signature_validation.py of
    twilio-agent-connect 2.5.0. Of a name that comes twice the first value counts there.
    """
    parts = urlsplit(url)
    form: dict[str, str] = {}
    for name, value in parse_qsl(parts.query):
        form.setdefault(name, value)
    return request_signature(token, parts._replace(query="", fragment="").geturl(), form)
