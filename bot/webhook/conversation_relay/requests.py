"""Asks an application as Twilio does: a signed form by POST, and TwiML for an answer."""

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from yarl import URL

from bot.api import CallInfo
from bot.webhook.client import session
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay.signature import request_signature
from bot.webhook.fault import HookFailed

_PLACES: Final = tuple(f"{side}{what}" for side in ("From", "To") for what in ("City", "State", "Zip", "Country"))


def form_of(call: CallInfo, *, status: str) -> dict[str, str]:
    """Return what Twilio tells of a call. Names: https://www.twilio.com/docs/voice/twiml#request-parameters"""
    told = call.parameters
    form = {
        "CallSid": call.call_id,
        "AccountSid": told.get("AccountSid", ""),
        "From": call.caller,
        "To": call.callee,
        "Caller": call.caller,
        "Called": call.callee,
        "CallStatus": status,
        "ApiVersion": told.get("ApiVersion", "2010-04-01"),
        "Direction": "outbound-api" if call.direction == "outbound" else "inbound",
    }
    more = {
        "ForwardedFrom": call.forwarded_from,
        "CallerName": call.caller_name,
        "StirVerstat": call.stir_verstat,
        "ParentCallSid": told.get("ParentCallSid", ""),
        **{name: told.get(name, "") for name in _PLACES},
    }
    return form | {name: value for name, value in more.items() if value}


async def ask(configuration: Configuration, url: str, form: Mapping[str, str]) -> bytes:
    """Return what the application answers to `form`.

    Raises:
        HookFailed: nothing in time, too much, or a status other than 200 and 204.
    """
    secret = configuration.secret
    headers = {"X-Twilio-Signature": request_signature(secret, url, form)} if secret else {}
    data = bytearray()
    try:
        http = await session()
        async with (
            asyncio.timeout(configuration.wait_s),
            http.post(URL(url, encoded=True), data=dict(form), headers=headers, allow_redirects=False) as response,
        ):
            if response.status not in {200, 204}:
                raise HookFailed(f"the application answers with status {response.status}; a redirect is not followed")
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > configuration.max_bytes:
                    raise HookFailed(f"the application answers with more than {configuration.max_bytes} bytes")
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise HookFailed(f"the application cannot be asked: {type(error).__name__}") from None
    return bytes(data)
