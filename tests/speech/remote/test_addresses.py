"""Names and addresses in URLs."""

import socket

import pytest

from bridge.speech.remote.addresses import OneAddress, is_v4, name_in, resolve


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://asr:8000", "asr"),
        ("https://asr.speech.svc.cluster.local/v1", "asr.speech.svc.cluster.local"),
        ("http://10.0.0.5:8000", ""),
        ("http://[fd00::2]:8000", ""),
        ("http://localhost:8000", ""),
        ("", ""),
    ],
)
def test_names_are_told_from_addresses(url: str, name: str) -> None:
    assert name_in(url) == name


async def test_the_system_says_which_addresses_a_name_has() -> None:
    found = await resolve("localhost")
    assert set(found) & {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 64 + ".test", "two..dots", "\udcff"])
async def test_a_name_without_an_address_is_an_error_of_the_network(host: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # the words are the system's
        await resolve(host)


@pytest.mark.parametrize(("ip", "family"), [("10.0.0.5", socket.AF_INET), ("fd00::2", socket.AF_INET6)])
async def test_one_address_is_the_answer_for_every_name(ip: str, family: socket.AddressFamily) -> None:
    [found] = await OneAddress(ip).resolve("asr.test", 8000)
    assert (found["hostname"], found["host"], found["port"], found["family"]) == ("asr.test", ip, 8000, family)
    assert is_v4(ip) == (family is socket.AF_INET)
