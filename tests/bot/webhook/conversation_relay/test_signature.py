"""Signatures as Twilio makes them: Twilio's own check takes them."""

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bot.webhook.conversation_relay.signature import request_signature, upgrade_signature

VALIDATOR = RequestValidator("t0ken")


def test_a_request_is_signed_over_its_address_and_its_form() -> None:
    url, form = "https://app.example/twiml?shop=7", {"To": "+49", "CallSid": "CA1", "From": "Zo\u00eb"}
    assert VALIDATOR.validate(url, form, request_signature("t0ken", url, form))


@pytest.mark.parametrize(
    ("url", "signed", "form"),
    [
        ("wss://app.example/relay", "wss://app.example/relay", {}),
        ("wss://app.example/relay?b=2&a=1%202", "wss://app.example/relay", {"a": "1 2", "b": "2"}),
        ("wss://app.example:8443/relay?a=1&a=2", "wss://app.example:8443/relay", {"a": "1"}),
        ("wss://app.example/relay?empty=", "wss://app.example/relay", {}),
    ],
)
def test_the_query_of_an_upgrade_is_signed_like_a_form(url: str, signed: str, form: dict[str, str]) -> None:
    assert upgrade_signature("t0ken", url) == VALIDATOR.compute_signature(signed, form)
