"""Addresses that anybody may name a recording by."""

import asyncio

import pytest

from bot.webhook.addresses import NotPublic, PublicResolver, is_public
from bot.webhook.configuration import Configuration
from bot.webhook.fault import HookFailed
from bot.webhook.recordings import Recordings
from bot.webhook.replies import Fetch


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
def test_hosts_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::"),
        *("255.255.255.255", "localhost", ""),
    ],
)
def test_hosts_of_somebodys_own_network_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("name", ["localhost", "127.1", "0x7f000001", "2130706433"])
async def test_a_name_counts_by_what_it_resolves_to(name: str) -> None:
    resolver = PublicResolver()
    with pytest.raises(NotPublic):
        await resolver.resolve(name, 80)
    await resolver.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "127.1", "[::ffff:10.0.0.1]", "169.254.169.254"])
async def test_a_recording_from_anywhere_is_not_one_from_our_own_network(host: str) -> None:
    reached: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        recordings = Recordings(Configuration(url="https://hook.example/", media_origins=("*",), wait_s=2))
        with pytest.raises(HookFailed, match=r"open internet|not a canonical"):
            await recordings.fetch(Fetch(f"http://{host}:{port}/secret.wav"))
    assert not reached
