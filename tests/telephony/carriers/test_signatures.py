"""What each carrier signs: the right is let in, and what differs by anything is not."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import carrier_signing
import pytest

from telephony.carriers.signatures import SignedRequest, check_plivo, check_telnyx, check_vonage

NOW_S = 1_700_000_000.0
URL = "https://bot.example.com/telnyx/voice"
BODY = b"CallSid=v3%3Aabc&From=%2B4915&To=%2B4930"
KEY = carrier_signing.TELNYX_KEY


def from_telnyx(headers: Mapping[str, str], *, body: bytes = BODY, now_s: float = NOW_S, key: str = KEY) -> str:
    return check_telnyx(key, SignedRequest(URL, now_s, headers=headers, body=body))


def test_what_telnyx_signed_is_telnyx() -> None:
    assert from_telnyx(carrier_signing.telnyx(BODY, NOW_S)) == ""
    assert from_telnyx(carrier_signing.telnyx(b"", NOW_S), body=b"") == ""


@pytest.mark.parametrize("late_s", [-301, 301, 100_000])
def test_what_was_overheard_is_of_no_use_after_five_minutes(late_s: int) -> None:
    signed = carrier_signing.telnyx(BODY, NOW_S)
    assert "allowed are 300 s" in from_telnyx(signed, now_s=NOW_S + late_s)
    assert from_telnyx(signed, now_s=NOW_S + 299) == ""


def test_another_body_another_time_and_another_key_are_refused() -> None:
    signed = carrier_signing.telnyx(BODY, NOW_S)
    assert "not made with the key" in from_telnyx(signed, body=BODY + b"&x=1")
    assert "not made with the key" in from_telnyx({**signed, "telnyx-timestamp": str(int(NOW_S) + 1)})
    other = base64.b64encode(bytes(32)).decode()
    assert from_telnyx(signed, key=other)
    assert "no Ed25519 key" in from_telnyx(signed, key="AAAA")
    assert "no Ed25519 key" in from_telnyx(signed, key="%%%")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"telnyx-timestamp": "1700000000"},
        {"telnyx-timestamp": "now", "telnyx-signature-ed25519": "AAAA"},
        {"telnyx-timestamp": "9" * 400, "telnyx-signature-ed25519": "AAAA"},
        {"telnyx-timestamp": "1700000000", "telnyx-signature-ed25519": "\udc80"},
        {"telnyx-timestamp": "\u0661", "telnyx-signature-ed25519": "AAAA"},
    ],
)
def test_headers_of_strangers_are_refused_with_a_reason(headers: Mapping[str, str]) -> None:
    assert from_telnyx(headers)


# ---------------------------------------------------------------- Plivo, Vobiz

PLIVO_URL = "https://bot.example.com/plivo/voice"
PLIVO_FORM = {"CallUUID": ["c1"], "From": ["+4915"], "To": ["+4930"], "Direction": ["inbound"]}


def from_plivo(signature: str, *, nonce: str = "12345", maker: str = "Plivo", **request: Any) -> str:  # noqa: ANN401
    headers = {f"x-{maker.lower()}-signature-v3": signature, f"x-{maker.lower()}-signature-v3-nonce": nonce}
    known = {"url": PLIVO_URL, "form": PLIVO_FORM, "now_s": NOW_S, **request}
    return check_plivo("token", SignedRequest(headers=headers, **known), maker=maker)


@pytest.mark.parametrize(
    ("signature", "request_"),
    [  # made with the Python SDK of Plivo, 4.63
        ("NZvtWxtvKGZ4KawIV0hLmMZN+47aMbktUM0aPGK2B7M=", {}),
        ("NKkIObmcN6/39tBoLQ6QiT6jae31/O0MFmgCj+1Qp48=", {"url": f"{PLIVO_URL}?shop=7&a=b%20c"}),
        (
            "ARL51elraaN9mAJoZeDnGAQS5ABcLQKHXocW9XK0tCM=",
            {"url": f"{PLIVO_URL}?To=%2B4930&From=%2B4915&a=", "method": "GET", "form": {}},
        ),
        ("7UVU+Ezr8Q3FAFAvMsdl3y8djJYRky2WiZH7ELHTjo8=", {"form": {}}),
        (
            "6Xsog3rv9K04W12VKaxGPEzqSwnvA+g0oONpSLHjgIU=",
            {"url": "https://bot.example.com/plivo/transfer?to=%2B49301", "form": {"CallUUID": ["c1"]}},
        ),
    ],
)
def test_what_plivo_signed_is_plivos_and_vobiz_signs_alike(signature: str, request_: dict[str, Any]) -> None:
    assert from_plivo(signature, **request_) == ""
    assert from_plivo(signature, maker="Vobiz", **request_) == ""
    assert from_plivo(f"other,{signature}", **request_) == "", "tokens that take turns sign both"
    assert from_plivo(signature, nonce="12346", **request_)
    assert from_plivo(signature, **{**request_, "url": "https://bot.example.com/plivo/status/1"})
    assert from_plivo(signature, **{**request_, "form": {"x": ["1"]}, "method": "POST"})


def test_the_port_may_be_part_of_what_was_signed_or_not() -> None:
    assert from_plivo("NZvtWxtvKGZ4KawIV0hLmMZN+47aMbktUM0aPGK2B7M=", url=PLIVO_URL.replace(".com", ".com:443")) == ""


@pytest.mark.parametrize("signature", ["", "x", "\udc80", "," * 1000])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    assert from_plivo(signature)


# ---------------------------------------------------------------- Vonage


def from_vonage(token: str, *, body: bytes = b"", now_s: float = NOW_S) -> str:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return check_vonage("s3cret", SignedRequest("https://x", now_s, headers=headers, body=body))


def test_what_vonage_signed_is_vonages() -> None:
    body = b'{"uuid":"c1"}'
    digest = hashlib.sha256(body).hexdigest()
    assert from_vonage(carrier_signing.jwt("s3cret", {"iat": NOW_S})) == ""
    token = carrier_signing.jwt("s3cret", {"iat": int(NOW_S), "payload_hash": digest, "api_key": "k"})
    assert from_vonage(token, body=body) == ""
    assert "payload_hash" in from_vonage(token, body=body + b" ")
    assert "payload_hash" in from_vonage(carrier_signing.jwt("s3cret", {"iat": NOW_S}), body=body)
    assert "allowed are 300 s" in from_vonage(token, body=body, now_s=NOW_S + 301)


@pytest.mark.parametrize("claims", [{}, {"iat": "now"}, {"iat": True}, {"iat": None}, {"iat": [1]}])
def test_a_token_without_its_time_is_refused(claims: Mapping[str, object]) -> None:
    assert "when it was made" in from_vonage(carrier_signing.jwt("s3cret", claims))


def test_a_token_that_is_not_signed_by_the_secret_is_refused() -> None:
    assert "no Authorization" in from_vonage("")
    assert "not made with" in from_vonage("x.y.z")
    assert "not made with" in from_vonage(carrier_signing.jwt("other", {"iat": NOW_S}))
    assert "not made with" in from_vonage(carrier_signing.jwt("s3cret", {"iat": NOW_S}, alg="none"))
