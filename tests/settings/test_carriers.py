"""What carriers' options must not be."""

import pytest

from bridge.settings import Settings, refusals


def test_a_key_goes_over_the_network_encrypted_only() -> None:
    assert not refusals(Settings.model_validate({"telnyx_api_url": "http://127.0.0.1:9"}))
    [line] = refusals(Settings.model_validate({"telnyx_api_url": "http://api.example.com"}))
    assert line.startswith("--telnyx-api-url http://api.example.com:") and "https://" in line


def test_who_may_come_in_is_asked_encrypted_only() -> None:
    assert not refusals(Settings.model_validate({"azure_openid_url": "http://127.0.0.1:9/keys"}))
    [line] = refusals(Settings.model_validate({"azure_openid_url": "http://keys.example.com"}))
    assert "who may come in is said there, so it must be https://" in line


@pytest.mark.parametrize("key", ["short", "A" * 44, "%" * 43 + "="])
def test_a_public_key_that_is_none_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(ValueError, match="telnyx_public_key"):
        Settings.model_validate({"telnyx_public_key": key})
