"""Twilio's signature, against one computed here from its description."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.signature import body_hash_ok, signature_algorithm, twilio_signature_ok

TOKEN: Final = "12345"
WEBHOOK: Final = "https://bot.example/twilio/voice"
STREAM: Final = "wss://bot.example/twilio/stream"
FORM: Final = {"CallSid": "CA1234567890ABCDE", "From": "+12349013030", "To": "+18005551212", "Digits": "1234"}


def signed(url: str, params: Mapping[str, str | Sequence[str]] | None = None, *, token: str = TOKEN) -> str:
    text = url
    for name, value in sorted((params or {}).items()):
        for one in [value] if isinstance(value, str) else sorted(set(value)):
            text += name + one
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def ok(
    url: str, signature: str, params: Mapping[str, str | Sequence[str]] | None = None, *, token: str = TOKEN
) -> bool:
    return twilio_signature_ok(token=token, signature=signature, url=url, params=params or {})


def test_the_example_of_twilios_documentation_holds() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    assert ok(url, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", params)


def test_a_webhook_that_twilio_signed_is_let_in() -> None:
    assert ok(WEBHOOK, signed(WEBHOOK, FORM), FORM)


def test_an_upgrade_that_twilio_signed_is_let_in() -> None:
    assert ok(STREAM, signed(STREAM))


@pytest.mark.parametrize("scheme", ["https", "wss"])
@pytest.mark.parametrize("ours", ["", ":443"])
@pytest.mark.parametrize("theirs", ["", ":443"])
def test_the_standard_port_may_be_signed_or_not(scheme: str, ours: str, theirs: str) -> None:
    assert ok(f"{scheme}://bot.example{ours}/twilio/stream", signed(f"{scheme}://bot.example{theirs}/twilio/stream"))


@pytest.mark.parametrize("theirs", ["", ":8443"])
def test_another_port_of_ours_may_be_signed_or_not(theirs: str) -> None:
    assert ok("wss://bot.example:8443/s", signed(f"wss://bot.example{theirs}/s"))


@pytest.mark.parametrize("theirs", ["", ":443"])
def test_an_address_may_be_of_version_6(theirs: str) -> None:
    assert ok("wss://[2001:db8::1]/s", signed(f"wss://[2001:db8::1]{theirs}/s"))


@pytest.mark.parametrize("ours", ["", "/"])
@pytest.mark.parametrize("theirs", ["", "/"])
@pytest.mark.parametrize("path", ["", "/twilio/stream"])
def test_a_slash_at_the_end_may_be_signed_or_not(ours: str, theirs: str, path: str) -> None:
    assert ok(f"wss://bot.example{path}{ours}", signed(f"wss://bot.example{path}{theirs}"))


def test_the_query_is_signed_as_it_was_sent() -> None:
    url = f"{WEBHOOK}?tenant=a%20b&x="
    assert ok(url, signed(url, FORM), FORM)
    assert not ok(WEBHOOK, signed(url, FORM), FORM)


@pytest.mark.parametrize(
    "signed_url",
    [
        "https://bot.example/twilio/stream",
        "ws://bot.example/twilio/stream",
        "wss://bot.example:80/twilio/stream",
        "wss://bot.example:8443/twilio/stream",
        "wss://evil.example/twilio/stream",
        "wss://bot.example/twilio",
        "wss://bot.example/twilio/stream//",
        "wss://bot.example/twilio/stream?a=1",
    ],
)
def test_a_signature_for_another_address_does_not_open_the_stream(signed_url: str) -> None:
    assert not ok(STREAM, signed(signed_url))


def test_a_signature_made_with_another_token_is_wrong() -> None:
    assert not ok(WEBHOOK, signed(WEBHOOK, FORM, token="54321"), FORM)


@pytest.mark.parametrize("changed", [{"From": "+10000000000"}, {"Extra": "1"}, {"Digits": ""}])
def test_a_changed_form_is_wrong(changed: dict[str, str]) -> None:
    assert not ok(WEBHOOK, signed(WEBHOOK, FORM), FORM | changed)


@pytest.mark.parametrize("signature", ["", "x", "=" * 28, "A" * 28, "ü" * 28, "\udcff" * 28, "A" * 1_000_000])
def test_a_missing_or_senseless_signature_is_wrong(signature: str) -> None:
    assert not ok(WEBHOOK, signature, FORM)


def test_every_changed_character_makes_it_wrong() -> None:
    right = signed(WEBHOOK, FORM)
    for i, char in enumerate(right):
        assert not ok(WEBHOOK, right[:i] + ("B" if char == "A" else "A") + right[i + 1 :], FORM)


def test_no_token_lets_nobody_in() -> None:
    assert not ok(WEBHOOK, signed(WEBHOOK, FORM, token=""), FORM, token="")


def test_a_name_with_several_values_is_signed_with_all_of_them() -> None:
    params = {"MediaUrl": ["b", "a", "b"], "From": "+1"}
    assert ok(WEBHOOK, signed(WEBHOOK, params), params)
    assert not ok(WEBHOOK, signed(WEBHOOK, params), {"MediaUrl": ["a"], "From": "+1"})


def test_text_beyond_ascii_is_signed_as_utf_8() -> None:
    params = {"CallerName": "अमर Müller 😀", "ключ": "значение"}
    assert ok(WEBHOOK, signed(WEBHOOK, params), params)


def test_a_huge_form_is_checked_like_any_other() -> None:
    params = {f"k{i}": "v" * 100 for i in range(5000)}
    assert ok(WEBHOOK, signed(WEBHOOK, params), params)


def test_what_is_no_text_is_no_form_of_twilios() -> None:
    assert not ok(WEBHOOK, "A" * 28, {"From": "\udcff"})
    assert not ok(WEBHOOK, "A" * 28, {"\ud800": ""})
    assert not ok(WEBHOOK, "A" * 28, {"file": cast("Sequence[str]", [b"upload"])})


@pytest.mark.parametrize("url", ["wss://bot.example:port/s", "wss://bot.example:99999/s", "wss://[::1/s", "", "\ud800"])
def test_what_is_no_address_opens_nothing(url: str) -> None:
    assert not ok(url, "A" * 28)


anything = st.text(st.characters(exclude_categories=[]))


@given(signature=anything, params=st.dictionaries(anything, anything | st.lists(anything)))
def test_no_request_without_the_token_is_let_in_or_raises(
    signature: str, params: dict[str, str | Sequence[str]]
) -> None:
    assert not ok(WEBHOOK, signature, params)
    assert not ok(WEBHOOK, (signature + "A" * 28)[:28], params)


@given(params=st.dictionaries(st.text(min_size=1), st.text() | st.lists(st.text(), min_size=1)))
def test_whatever_twilio_signs_is_let_in(params: dict[str, str | Sequence[str]]) -> None:
    assert ok(WEBHOOK, signed(WEBHOOK, params), params)


# ---------------------------------------------------------------- SHA-256


def signed_256(url: str, params: Mapping[str, str] | None = None) -> str:
    text = url + "".join(name + value for name, value in sorted((params or {}).items()))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(("url", "params"), [(WEBHOOK, FORM), (STREAM, {}), (f"{WEBHOOK}?shop=7", {})])
def test_a_shared_key_signs_the_same_text_by_sha_256(url: str, params: Mapping[str, str]) -> None:
    right = signed_256(url, params)
    assert twilio_signature_ok(token=TOKEN, signature=right, url=url, params=params, algorithm="HMAC_SHA256")
    assert not twilio_signature_ok(token="other", signature=right, url=url, params=params, algorithm="HMAC_SHA256")
    assert not ok(url, right, params), "an algorithm is not guessed by the length"
    sha1 = signed(url, params)
    assert not twilio_signature_ok(token=TOKEN, signature=sha1, url=url, params=params, algorithm="HMAC_SHA256")


@pytest.mark.parametrize(
    ("header", "algorithm"),
    [
        ("", "HMAC_SHA1"),
        ("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", "HMAC_SHA256"),
        ("algorithm = hmac_sha256 , key=x", "HMAC_SHA256"),
        ("key=x", "HMAC_SHA1"),
        ("key=x,algorithm=HMAC_MD5", "HMAC_MD5"),
    ],
)
def test_the_header_names_the_algorithm(header: str, algorithm: str) -> None:
    assert signature_algorithm(header) == algorithm


def test_a_body_is_known_by_its_hash() -> None:
    body = b'{"a": 1}'
    assert body_hash_ok(body, hashlib.sha256(body).hexdigest().upper())
    for wrong in ("", "x", "\udcff", hashlib.sha256(b"other").hexdigest()):
        assert not body_hash_ok(body, wrong)
