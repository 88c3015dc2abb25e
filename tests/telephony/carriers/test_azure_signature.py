"""Azure's tokens: what its published key signed for our resource is let in, and nothing else. And what we sign."""

from email.utils import parsedate_to_datetime

import carrier_signing
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from telephony.carriers.azure_signature import check_azure, signed_headers
from telephony.carriers.key_set import KeySet, key_id, key_set, keys_at
from telephony.carriers.signatures import SignedRequest

NOW_S = 1_700_000_000.0
URL = "https://bot.example.com/azure/status"
# The form of https://acscallautomation.communication.azure.com/calling/.well-known/acsopenidconfiguration
CONFIGURATION = {
    "issuer": carrier_signing.AZURE_ISSUER,
    "jwks_uri": "https://acscallautomation.communication.azure.com/calling/keys",
    "id_token_signing_alg_values_supported": ["RS256"],
}
KEYS = key_set(CONFIGURATION, carrier_signing.azure_keys())
OTHER = generate_private_key(public_exponent=65537, key_size=2048)


def from_azure(headers: dict[str, str], *, now_s: float = NOW_S, keys: KeySet = KEYS) -> str:
    named = {name.lower(): value for name, value in headers.items()}
    return check_azure(carrier_signing.AZURE_RESOURCE, SignedRequest(URL, now_s, headers=named, key_set=keys))


def test_what_azure_signed_is_azure() -> None:
    assert from_azure(carrier_signing.azure(NOW_S)) == ""
    assert from_azure(carrier_signing.azure(NOW_S), now_s=NOW_S + 299) == ""
    assert from_azure(carrier_signing.azure(NOW_S, aud=["other", carrier_signing.AZURE_RESOURCE])) == ""
    assert from_azure(carrier_signing.azure(NOW_S, nbf=None)) == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another resource"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": int(NOW_S) - 100},
        {"nbf": int(NOW_S) + 100},
        {"nbf": []},
        {"name": "key2"},
        {"key": OTHER},
    ],
)
def test_another_audience_issuer_key_or_time_is_refused(changed: dict[str, object]) -> None:
    assert from_azure(carrier_signing.azure(NOW_S, **changed))  # type: ignore[arg-type]


def test_a_token_is_good_for_its_five_minutes() -> None:
    assert "exp" in from_azure(carrier_signing.azure(NOW_S), now_s=NOW_S + 361)
    assert "nbf" in from_azure(carrier_signing.azure(NOW_S), now_s=NOW_S - 61)


def test_no_token_no_keys_and_another_way_of_signing_are_refused() -> None:
    signed = carrier_signing.azure(NOW_S)
    assert "no Authorization" in from_azure({})
    assert "no Authorization" in from_azure({"Authorization": signed["Authorization"].replace("Bearer", "Basic")})
    assert "publishes" in from_azure(signed, keys=KeySet())
    claims = {"iss": carrier_signing.AZURE_ISSUER, "aud": carrier_signing.AZURE_RESOURCE, "exp": int(NOW_S) + 300}
    for algorithm, key in (("none", None), ("HS256", "n" * 64), ("RS512", OTHER)):
        forged = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "key1"})  # type: ignore[arg-type]
        assert from_azure({"Authorization": f"Bearer {forged}"})


@given(st.text())
def test_whatever_a_stranger_writes_is_not_azure(text: str) -> None:
    assert from_azure({"Authorization": f"Bearer {text}"})


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "\udcff", "é", "x" * 9000, "W10.W10.", f"{'W' * 4000}.e30."])
def test_what_is_no_token_names_no_key(token: str) -> None:
    assert key_id(token) == ""


@pytest.mark.parametrize(
    "published",
    [
        {},
        {"keys": None},
        {"keys": {}},
        {"keys": [7, None, [], {}]},
        {"keys": [{"kid": "a", "kty": "RSA"}, {"kid": "b", "kty": "RSA", "n": "?", "e": 7}]},
        {"keys": [{"kid": "a", "kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [{"kid": ["a"], "kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
    ],
)
def test_a_set_without_a_key_of_rsa_has_none(published: dict[str, object]) -> None:
    assert key_set(CONFIGURATION, published).keys == {}


@pytest.mark.parametrize("issuer", [None, "", 7])
def test_a_configuration_without_an_issuer_is_good_for_nothing(issuer: object) -> None:
    found = key_set({**CONFIGURATION, "issuer": issuer}, carrier_signing.azure_keys())
    assert found.keys == {}
    assert keys_at({"jwks_uri": 7}) == "" and keys_at(CONFIGURATION).endswith("/calling/keys")


def test_our_requests_are_signed_as_its_own_sdk_signs_them() -> None:
    # What azure-communication-callautomation 1.6.0 sent at this time with this key.
    now_s = parsedate_to_datetime("Sun, 29 Nov 2026 16:22:27 GMT").timestamp()
    host, version = "contoso.communication.azure.com", "api-version=2026-03-12"
    reject = b'{"incomingCallContext": "CTX", "callRejectReason": "busy"}'
    sent = {
        ("/calling/callConnections:reject", reject): (
            "u8FUVxD8VuaWPu6PV/czhddhYaZQ+q5ApaXM6T8znxs=",
            "WETp4YR+YkTGDkqk4ncylxes3Bi1GQrqoWOO9cv5AKA=",
        ),
        ("/calling/callConnections/18dea47f-b081:terminate", b""): (
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "Ut37QS7oAysE83bptKEXdnwCQ/n7wNmi7xJPKoUny8U=",
        ),
    }
    for (path, body), (digest, signature) in sent.items():
        key, target = "c2VjcmV0LWtleQ==", f"{path}?{version}"
        assert signed_headers(key, method="POST", target=target, host=host, body=body, now_s=now_s) == {
            "x-ms-date": "Sun, 29 Nov 2026 16:22:27 GMT",
            "x-ms-content-sha256": digest,
            "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}",
        }


def test_an_access_key_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"base64|Base64|padding"):
        signed_headers("%%%", method="POST", target="/", host="h", body=b"", now_s=NOW_S)
