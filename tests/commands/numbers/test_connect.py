"""A number is pointed at this server and taken back, asked of a server that answers as the carriers' documents say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from carrier_api import CarrierApi

from bridge.cli import main
from bridge.commands.numbers.connect import NUMBERS, NotConnected, connect, disconnect
from bridge.settings import Settings

NUMBER = "+4930123456"
ACCOUNT = "AC" + "0" * 32
OPTIONS: dict[str, dict[str, object]] = {
    "twilio": {"twilio_account_sid": ACCOUNT, "twilio_auth_token": "t"},
    "telnyx": {"telnyx_api_key": "k"},
    "plivo": {"plivo_auth_id": "MA1", "plivo_auth_token": "t"},
    "vonage": {"vonage_application_id": "app1", "vonage_auth_id": "k", "vonage_auth_token": "s"},
}
_TWILIO = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers"
ANSWERS: dict[str, dict[str, object]] = {
    "twilio": {
        f"GET {_TWILIO}.json": {
            "incoming_phone_numbers": [
                {
                    "sid": "PN1",
                    "voice_url": "https://old.example/v",
                    "voice_method": "GET",
                    "voice_application_sid": None,
                }
            ]
        }
    },
    "telnyx": {
        "GET /v2/phone_numbers": {"data": [{"id": "17", "phone_number": NUMBER, "connection_id": "555"}]},
        "POST /v2/texml_applications": (201, {"data": {"id": "900"}}),
    },
    "plivo": {
        "GET /v1/Account/MA1/Number/4930123456/": {
            "number": "4930123456",
            "application": "/v1/Account/MA1/Application/555/",
        },
        "POST /v1/Account/MA1/Application/": (201, {"app_id": "900", "message": "created"}),
    },
    "vonage": {
        "GET /account/numbers": {"count": 1, "numbers": [{"country": "DE", "msisdn": "4930123456", "app_id": "555"}]}
    },
}
WEBHOOK = "https://bot.example.com/{}/voice"
SET: dict[str, list[tuple[str, str, object]]] = {
    "twilio": [
        (
            "POST",
            f"{_TWILIO}/PN1.json",
            {"VoiceUrl": WEBHOOK.format("twilio"), "VoiceMethod": "POST", "VoiceApplicationSid": ""},
        )
    ],
    "telnyx": [
        (
            "POST",
            "/v2/texml_applications",
            {"friendly_name": f"voice-bridge {NUMBER}", "voice_url": WEBHOOK.format("telnyx"), "voice_method": "post"},
        ),
        ("PATCH", "/v2/phone_numbers/17", {"connection_id": "900"}),
    ],
    "plivo": [
        (
            "POST",
            "/v1/Account/MA1/Application/",
            {"app_name": "voice-bridge-4930123456", "answer_url": WEBHOOK.format("plivo"), "answer_method": "POST"},
        ),
        ("POST", "/v1/Account/MA1/Number/4930123456/", {"app_id": "900"}),
    ],
    "vonage": [("POST", "/number/update", {"country": "DE", "msisdn": "4930123456", "app_id": "app1"})],
}
UNDONE: dict[str, list[tuple[str, str, object]]] = {
    "twilio": [
        (
            "POST",
            f"{_TWILIO}/PN1.json",
            {"VoiceUrl": "https://old.example/v", "VoiceMethod": "GET", "VoiceApplicationSid": ""},
        )
    ],
    "telnyx": [
        ("PATCH", "/v2/phone_numbers/17", {"connection_id": "555"}),
        ("DELETE", "/v2/texml_applications/900", {}),
    ],
    "plivo": [
        ("POST", "/v1/Account/MA1/Number/4930123456/", {"app_id": "555"}),
        ("DELETE", "/v1/Account/MA1/Application/900/", {}),
    ],
    "vonage": [("POST", "/number/update", {"country": "DE", "msisdn": "4930123456", "app_id": "555"})],
}
every = pytest.mark.parametrize("carrier", NUMBERS)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return iter(())


def settings(carrier: str, api: CarrierApi, **more: object) -> Settings:
    where = "vonage_numbers_url" if carrier == "vonage" else f"{carrier}_api_url"
    known = {"public_url": "https://bot.example.com", where: api.url, **OPTIONS[carrier]}
    return Settings.model_validate({**known, **more})


def changes(api: CarrierApi) -> list[tuple[str, str, object]]:
    return [(method, path, body) for method, path, body, _ in api.asked if method != "GET"]


@every
async def test_a_number_is_pointed_here_and_the_operator_reads_what_was_changed(carrier: str) -> None:
    async with CarrierApi(ANSWERS[carrier]) as api:
        lines = [line async for line in connect(carrier, NUMBER, settings(carrier, api)) if line]
    assert changes(api) == SET[carrier]
    assert all(key for _, _, _, key in api.asked), "it signs in for each"
    assert WEBHOOK.format(carrier) in " ".join(lines)
    assert NUMBER in lines[-1] and ("555" in lines[-1] or "old.example" in lines[-1])


@every
async def test_it_is_taken_back_to_where_it_led_once(carrier: str) -> None:
    async with CarrierApi(ANSWERS[carrier]) as api:
        options = settings(carrier, api)
        assert [line async for line in connect(carrier, NUMBER, options)]
        with pytest.raises(NotConnected, match="connected before"):
            _ = [line async for line in connect(carrier, NUMBER, options)]
        api.asked.clear()
        lines = [line async for line in disconnect(carrier, NUMBER, options)]
        assert changes(api) == UNDONE[carrier]
        assert "again" in lines[0]
        with pytest.raises(NotConnected, match="not connected here"):
            _ = [line async for line in disconnect(carrier, NUMBER, options)]


@every
async def test_a_number_that_is_not_in_the_account_changes_nothing(carrier: str) -> None:
    async with CarrierApi() as api:
        with pytest.raises(NotConnected, match=rf"no number \{NUMBER}"):
            _ = [line async for line in connect(carrier, NUMBER, settings(carrier, api))]
    assert not changes(api)


async def test_what_was_changed_before_a_refusal_can_be_taken_back() -> None:
    async with CarrierApi({**ANSWERS["telnyx"], "PATCH /v2/phone_numbers/17": 422}) as api:
        options, lines = settings("telnyx", api), list[str]()
        with pytest.raises(NotConnected, match="not like that"):
            async for line in connect("telnyx", NUMBER, options):
                lines.append(line)
    assert "900" in lines[0]
    async with CarrierApi() as api:
        assert [line async for line in disconnect("telnyx", NUMBER, settings("telnyx", api))]
    assert changes(api) == UNDONE["telnyx"]


@every
async def test_what_is_missing_is_named(carrier: str) -> None:
    with pytest.raises(NotConnected, match=r"needs BRIDGE_\w+"):
        _ = [line async for line in connect(carrier, NUMBER, Settings(public_url="https://bot.example.com"))]
    with pytest.raises(NotConnected, match="--public-url"):
        _ = [line async for line in connect(carrier, NUMBER, Settings())]


def test_the_command_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["telnyx", "connect", NUMBER, "--public-url", "https://bot.example.com"]) == 1
    assert "bridge: Telnyx's API needs BRIDGE_TELNYX_API_KEY" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["telnyx", "connect", "030 123"])
    assert "is no number like" in capsys.readouterr().err
