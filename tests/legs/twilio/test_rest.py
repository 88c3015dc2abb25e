"""Transfers over Twilio's REST API, asked of a server that answers as Twilio does, and worse."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, FakeLeg
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio_api import ACCOUNT, CALL, TOKEN, TwilioApi, settings
from twilio_messages import media

from bot.actions import Action, Transfer
from bot.api import Bot, CallInfo
from bridge.legs.base import PassiveLeg
from bridge.legs.twilio.rest import TwilioRefused, TwilioRest, twilio_rest
from bridge.legs.twilio.transfer import TwilioTransferLeg
from bridge.server.app import make_app
from bridge.settings import Settings, refusals
from telephony import events
from telephony.carriers.json_stream import MULAW_8K
from telephony.events import CallEnded, CallStarted, Mark
from telephony.twiml import twiml_conference, twiml_transfer

PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"


@asynccontextmanager
async def rest(api: TwilioApi, **more: object) -> AsyncIterator[TwilioRest]:
    async with twilio_rest(settings(api.url, **more)) as ours:
        assert ours
        yield ours


async def test_a_token_that_was_changed_is_used_from_the_next_request_on() -> None:
    async with TwilioApi() as api, rest(api, twilio_auth_token="an-old-one") as ours:
        with pytest.raises(TwilioRefused):
            await ours.update(CALL, {"Status": "completed"})
        ours.sign_in_with(TOKEN)
        await ours.update(CALL, {"Status": "completed"})


async def refusal(api: TwilioApi, call: str = CALL, **more: object) -> str:
    async with api, rest(api, **more) as ours:
        with pytest.raises(TwilioRefused) as refused:
            await ours.update(call, {"Status": "completed"})
    return str(refused.value)


# ---------------------------------------------------------------- the API


async def test_a_call_is_changed_by_a_form_to_its_own_address_with_the_accounts_password() -> None:
    async with TwilioApi() as api, rest(api) as ours:
        await ours.update(CALL, {"Status": "completed", "StatusCallbackEvent": ["ringing", "answered"]})
    assert api.asked == [
        (PATH, [("Status", "completed"), ("StatusCallbackEvent", "ringing"), ("StatusCallbackEvent", "answered")])
    ]


async def test_a_call_that_is_placed_is_known_by_its_sid() -> None:
    async with TwilioApi(status=201, body={"sid": CALL, "status": "queued"}) as api, rest(api) as ours:
        assert await ours.create({"To": "+49301"}) == CALL
    assert api.asked == [(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", [("To", "+49301")])]


@pytest.mark.parametrize("body", [{}, {"sid": "CA1"}, {"sid": 7}, {"sid": f"{CALL}/../x"}])
async def test_a_call_without_a_proper_sid_is_not_placed(body: object) -> None:
    async with TwilioApi(status=201, body=body) as api, rest(api) as ours:
        with pytest.raises(TwilioRefused, match="without the SID"):
            await ours.create({"To": "+49301"})


@pytest.mark.parametrize("raw", [b"[]", b'"no"', b'{"sid": "CA'])
async def test_an_answer_that_is_no_object_is_an_error_and_not_an_empty_one(raw: bytes) -> None:
    assert "answered with no JSON" in await refusal(TwilioApi(status=200, raw=raw))


async def test_a_wrong_token_is_refused_in_twilios_words() -> None:
    assert await refusal(TwilioApi(), twilio_auth_token="wrong") == "Twilio says 401: Authenticate (error 20003)"


async def test_what_is_not_there_is_refused_in_twilios_words() -> None:
    api = TwilioApi(status=404, body={"code": 20404, "message": "The requested resource was not found"})
    assert await refusal(api) == "Twilio says 404: The requested resource was not found (error 20404)"


@pytest.mark.parametrize("raw", [b"", b"<html>busy</html>", b"[1]", b"\xff\xfe", b'{"message": ""}', b"[" * 100_000])
async def test_a_broken_api_is_refused_with_what_it_said(raw: bytes) -> None:
    assert (await refusal(TwilioApi(status=500, raw=raw))).startswith("Twilio says 500: ")


async def test_an_answer_without_end_is_refused() -> None:
    assert "262144 bytes" in await refusal(TwilioApi(raw=b" " * 300_000))


async def test_an_api_that_does_not_answer_is_waited_for_so_long_and_not_longer() -> None:
    assert await refusal(TwilioApi(stuck=True)) == "Twilio did not answer in time"


async def test_an_api_that_is_not_there_is_named() -> None:
    async with twilio_rest(settings("http://127.0.0.1:1")) as ours:
        assert ours
        with pytest.raises(TwilioRefused, match="cannot be reached"):
            await ours.update(CALL, {})


async def test_the_password_does_not_follow_a_redirect() -> None:
    api = TwilioApi(status=302)
    assert "302" in await refusal(api)
    assert [path for path, _ in api.asked] == [PATH]


@pytest.mark.parametrize("sid", ["", "CA1", "../Messages", f"{CALL}?x", f"{CALL}\n", "MZ" + "1" * 32, "x" * 5000])
async def test_what_is_no_sid_asks_for_nothing(sid: str) -> None:
    api = TwilioApi()
    assert "no call of Twilio" in await refusal(api, call=sid)
    assert not api.asked


@pytest.mark.parametrize("given", [{"twilio_account_sid": ""}, {"twilio_auth_token": None}])
async def test_without_account_or_token_there_is_no_api(given: dict[str, object]) -> None:
    async with twilio_rest(settings("http://127.0.0.1:1", **given)) as ours:
        assert ours is None


def test_an_account_without_its_token_does_not_start() -> None:
    [line] = refusals(Settings(twilio_account_sid=ACCOUNT))
    assert "BRIDGE_TWILIO_AUTH_TOKEN" in line


def test_the_token_goes_over_the_network_encrypted_only() -> None:
    assert not refusals(settings("http://127.0.0.1:9"))
    [line] = refusals(settings("http://api.example.com"))
    assert "must be https://" in line


# ---------------------------------------------------------------- what Twilio is told


@pytest.mark.parametrize(
    ("target", "element"), [("+4930123456", "Dial"), ("sip:a@pbx.example.com", "Sip"), ("SIPS:a@b", "Sip")]
)
def test_a_number_is_dialled_and_an_address_is_called(target: str, element: str) -> None:
    root = ElementTree.fromstring(twiml_transfer(target))
    [named] = root.iter(element)
    assert (root.tag, named.text) == ("Response", target)


def test_a_target_stays_text_whatever_is_in_it() -> None:
    root = ElementTree.fromstring(twiml_transfer('</Dial><Say>"hi"&\x00</Say>'))
    [dial] = root
    assert dial.text == '</Dial><Say>"hi"&</Say>'


# ---------------------------------------------------------------- the leg


class OpenedLeg(FakeLeg, PassiveLeg):
    async def start(self, timeout_s: float) -> CallStarted:
        return CallStarted(CALL, MULAW_8K)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None


async def test_a_transfer_goes_to_the_api_and_the_stream_ends_for_it() -> None:
    async with TwilioApi() as api, rest(api) as ours:
        inner = OpenedLeg()
        leg = TwilioTransferLeg(inner, ours)
        assert leg.capabilities == replace(inner.capabilities, transfer=True, joins="twilio")
        await leg.start(1)
        await leg.send(Mark("m"))
        await leg.send(events.Transfer("+4930123456"))
        inner.feed(CallEnded("caller hung up"))
        assert [event async for event in _until_end(leg)] == [CallEnded("transferred to +4930123456")]
    assert inner.sent == [Mark("m")]
    assert api.asked == [(PATH, [("Twiml", twiml_transfer("+4930123456"))])]


async def test_after_a_refused_transfer_the_call_goes_on_as_before() -> None:
    async with TwilioApi(status=500) as api, rest(api) as ours:
        leg = TwilioTransferLeg(inner := OpenedLeg(), ours)
        await leg.start(1)
        with pytest.raises(TwilioRefused, match="500"):
            await leg.send(events.Transfer("+49301"))
        inner.feed(CallEnded("caller hung up"))
        assert [event async for event in _until_end(leg)] == [CallEnded("caller hung up")]


async def test_a_call_joins_a_conference_and_the_stream_ends_for_it() -> None:
    async with TwilioApi() as api, rest(api) as ours:
        leg = TwilioTransferLeg(inner := OpenedLeg(), ours)
        await leg.start(1)
        await leg.send(events.Leave())
        assert not api.asked, "it is in none"
        await leg.send(events.Join("room-1"))
        inner.feed(CallEnded("caller hung up"))
        assert [event async for event in _until_end(leg)] == [CallEnded("transferred into a conference")]
        await leg.send(events.Leave())
    assert api.asked == [(PATH, [("Twiml", twiml_conference("room-1"))]), (PATH, [("Status", "completed")])]


async def test_a_conference_that_twilio_refuses_leaves_the_call_with_us() -> None:
    async with TwilioApi(status=500) as api, rest(api) as ours:
        leg = TwilioTransferLeg(inner := OpenedLeg(), ours)
        await leg.start(1)
        with pytest.raises(TwilioRefused, match="500"):
            await leg.send(events.Join("room-1"))
        inner.feed(CallEnded("caller hung up"))
        assert [event async for event in _until_end(leg)] == [CallEnded("caller hung up")]
        await leg.send(events.Leave())
        assert len(api.asked) == 1


def test_a_conference_is_silent_and_over_for_all_when_one_leaves() -> None:
    [dial] = ElementTree.fromstring(twiml_conference("room-1"))
    [room] = dial
    assert (dial.tag, room.tag, room.text) == ("Dial", "Conference", "room-1")
    assert room.attrib == {"beep": "false", "endConferenceOnExit": "true", "waitUrl": ""}


async def _until_end(leg: TwilioTransferLeg) -> AsyncIterator[events.Event]:
    async for event in leg:
        yield event
        if isinstance(event, CallEnded):
            return


# ---------------------------------------------------------------- the server


class Porter(Bot):
    """Puts every caller through at once."""

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:
        yield Transfer("+4930123456")


@pytest.mark.parametrize(("status", "fallback"), [(200, False), (401, True)])
async def test_a_bot_transfers_and_a_refusal_is_heard_as_the_fallback_and_logged(
    status: int, fallback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sorry = (np.full(2400, 0.3, np.float32), "Sorry.")
    engines = replace(RESOURCES, make_bot=Porter, fallback=sorry)
    api = TwilioApi(status=status, body={"message": "Authenticate", "code": 20003})
    signature = RequestValidator(TOKEN).compute_signature("wss://bot.example.com/twilio/stream", {})
    async with (
        api,
        TestClient[web.Request, web.Application](TestServer(make_app(settings(api.url), engines))) as client,
        client.ws_connect("/twilio/stream", headers={"X-Twilio-Signature": signature}) as line,
    ):
        start = {"streamSid": "MZ1", "callSid": CALL, "tracks": ["inbound"]}
        await line.send_json({"event": "start", "streamSid": "MZ1", "start": start})
        await line.send_str(media().replace(json.loads(media())["streamSid"], "MZ1"))
        assert await api.requests(1) == [(PATH, [("Twiml", twiml_transfer("+4930123456"))])]
        if fallback:
            assert (await line.receive_json(timeout=5))["event"] == "media"
            assert "Twilio says 401: Authenticate (error 20003)" in caplog.text
        await line.send_json({"event": "stop", "streamSid": "MZ1", "stop": {}})
        closed = await line.receive(timeout=5)
        while closed.type is not closed.type.CLOSE:
            closed = await line.receive(timeout=5)
        assert closed.extra == ("caller hung up" if fallback else "transferred to +4930123456")
