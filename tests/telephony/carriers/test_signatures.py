"""What each carrier signs: the right is let in, and what differs by anything is not."""

import base64
from collections.abc import Mapping

import carrier_signing
import pytest

from telephony.carriers.signatures import SignedRequest, check_telnyx

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
