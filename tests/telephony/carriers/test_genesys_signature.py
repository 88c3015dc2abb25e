"""What Genesys signs: its own example is let in, and what differs by anything is not."""

import pytest

from telephony.carriers.genesys_signature import check_genesys
from telephony.carriers.signatures import SignedRequest

# The example of https://developer.genesys.cloud/devapps/audiohook/security
GENESYS_SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
GENESYS_URL = "wss://audiohook.example.com/api/v1/voicebiometrics/ws"
GENESYS_CREATED_S = 1641013200
GENESYS = {
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": (
        'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
        '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
        'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430'
    ),
}


def from_genesys(*, url: str = GENESYS_URL, after_s: float = 5.0, secret: str = GENESYS_SECRET, **headers: str) -> str:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return check_genesys(secret, SignedRequest(url, GENESYS_CREATED_S + after_s, headers={**GENESYS, **changed}))


def test_the_example_of_genesys_is_genesys() -> None:
    assert from_genesys() == ""
    assert from_genesys(url=GENESYS_URL.replace(".com", ".com:443")) == ""


def test_what_genesys_did_not_sign_so_is_refused() -> None:
    assert from_genesys(url=GENESYS_URL.replace("audiohook.", "other."))
    assert from_genesys(url=f"{GENESYS_URL}?x=1")
    assert from_genesys(audiohook_session_id="another")
    assert from_genesys(secret="b3RoZXI=")
    assert "no base64" in from_genesys(secret="%%%")
    assert "s ago" in from_genesys(after_s=31)
    assert "s ago" in from_genesys(after_s=-31)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (' "x-api-key"', "", "does not sign x-api-key"),
        ('"@request-target" ', "", "does not sign @request-target"),
        ('nonce="VGhpc0lzQVVuaXF1ZU5vbmNl"', 'nonce="short"', "nonce"),
        ("created=1641013200;", "", "no time"),
        ("sig1=", "sig2=", "one label"),
        ("(", "((", "one label"),
    ],
)
def test_a_signature_that_covers_too_little_is_refused(old: str, new: str, why: str) -> None:
    assert why in from_genesys(signature_input=GENESYS["signature-input"].replace(old, new, 1))


@pytest.mark.parametrize("value", ["", "x", "sig1=::", "sig1=:%%:", "a" * 5000, "\udc80"])
def test_headers_that_are_none_are_refused(value: str) -> None:
    assert from_genesys(signature=value) and from_genesys(signature_input=value)
