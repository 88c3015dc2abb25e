import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.sip.uri import bracketed, host_of, parameter, user_of, whole


@pytest.mark.parametrize(
    ("host", "written"), [("::1", "[::1]"), ("[::1]", "[::1]"), ("192.0.2.1", "192.0.2.1"), ("pbx", "pbx")]
)
def test_an_ipv6_address_stands_in_brackets(host: str, written: str) -> None:
    assert bracketed(host) == written


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        ("sip:bot@pbx.example.com", "bot", "pbx.example.com"),
        ("sips:bot@pbx.example.com:5061;transport=tls", "bot", "pbx.example.com:5061"),
        ("sip:+4930123@[2001:db8::1]:5060;user=phone", "+4930123", "[2001:db8::1]:5060"),
        ("sip:%2B49%20x:secret@host", "+49 x", "host"),
        ("sip:host", "", "host"),
        ("", "", ""),
    ],
)
def test_the_parts_of_an_address(uri: str, user: str, host: str) -> None:
    assert (user_of(uri), host_of(uri)) == (user, host)


def test_a_host_without_port_is_what_a_resolver_takes() -> None:
    assert host_of("sip:a@[2001:db8::1]:5060", port=False) == "2001:db8::1"
    assert host_of("sip:a@host:5060", port=False) == "host"


def test_a_parameter_is_found_in_any_case_or_not_at_all() -> None:
    assert parameter("sip:a@b;Transport=TLS", "transport") == "tls"
    assert parameter("sip:a@b", "transport") == ""


@pytest.mark.parametrize("address", ["<" * 50_000, '"<' * 25_000, "<a" * 25_000, "<sip:a@b" * 6000])
def test_time_grows_with_the_length_alone(address: str) -> None:
    begun_s = time.process_time()
    assert len(user_of(address) + host_of(address)) <= len(address)
    assert time.process_time() - begun_s < 1.0


@given(st.text(alphabet='<>@:;=%[]? "sipab0', max_size=40) | st.text(max_size=40))
def test_any_address_has_parts_or_none(address: str) -> None:
    for part in (user_of(address), host_of(address), host_of(address, port=False)):
        assert len(part) <= len(address)
    assert not set(host_of(address)) & set(" <>;")
    assert len(parameter(address, "transport")) <= 3 * len(address)  # small letters may be longer


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("sip:bob@elsewhere", "sip:bob@elsewhere"),
        ("tel:+4930", "tel:+4930"),
        ("+49301234", "sip:+49301234@pbx:5080"),
        ("*21#", "sip:*21%23@pbx:5080"),
        ("7>,x@evil", "sip:7%3E%2Cx%40evil@pbx:5080"),
    ],
)
def test_a_bare_number_is_one_of_the_hosts(target: str, address: str) -> None:
    assert whole(target, "pbx:5080") == address
