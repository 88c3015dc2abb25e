"""An application is asked as Twilio asks it, and what it answers has limits."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from serving import served

from bot.api import CallInfo
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay.requests import ask, form_of
from bot.webhook.fault import HookFailed


async def asked(answer: Callable[[web.Request], Awaitable[web.StreamResponse]], **how: object) -> bytes:
    app = web.Application()
    app.add_routes([web.post("/twiml", answer)])
    async with served(app) as site:
        url = f"{site}/twiml"
        return await ask(Configuration(twiml_url=url, max_bytes=1024, **how), url, {"CallSid": "CA1"})  # type: ignore[arg-type]


def test_a_call_is_told_in_twilios_words() -> None:
    parameters = {"AccountSid": "AC1", "FromCity": "Bonn", "shop": "7"}
    call = CallInfo("CA1", "+49", "+30", parameters, direction="outbound", caller_name="ANNA")
    form = form_of(call, status="ringing")
    assert form == {
        "CallSid": "CA1",
        "AccountSid": "AC1",
        "From": "+49",
        "To": "+30",
        "Caller": "+49",
        "Called": "+30",
        "CallStatus": "ringing",
        "ApiVersion": "2010-04-01",
        "Direction": "outbound-api",
        "CallerName": "ANNA",
        "FromCity": "Bonn",
    }


async def test_a_form_is_posted_and_without_a_secret_not_signed() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert "X-Twilio-Signature" not in request.headers
        return web.Response(text=str((await request.post())["CallSid"]))

    assert await asked(answer) == b"CA1"


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [(500, "", "status 500"), (302, "", "redirect"), (200, "x" * 2000, "more than 1024 bytes")],
)
async def test_what_is_no_answer_is_a_fault(status: int, body: str, why: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers={"Location": "http://127.0.0.1/"})

    with pytest.raises(HookFailed, match=why):
        await asked(answer)


async def test_an_application_that_says_nothing_is_waited_for_no_longer_than_allowed() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    with pytest.raises(HookFailed, match="TimeoutError"):
        await asked(answer, wait_s=0.1)
    with pytest.raises(HookFailed, match="cannot be asked"):
        await ask(Configuration(url="wss://a/b"), "http://127.0.0.1:9/", {})
