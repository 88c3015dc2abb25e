"""Servers behind a name: all of its addresses are engines, and those that come and go are followed."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from fakes import FakePause
from speaking_server import SpeakingServer
from waiting import answered

from bridge.server.plugin_loading import load_recogniser
from bridge.server.tls import self_signed
from bridge.settings import Settings
from bridge.speech.api import EngineFailed, Request
from bridge.speech.backends.openai.servers import OpenAiServers, _meet
from bridge.speech.pool import Pool
from bridge.speech.remote.addresses import is_v4, resolve

SECOND = np.zeros(16_000, np.float32)


@dataclass
class Dns:
    """What the name has for addresses, as the test says; an error is raised."""

    ips: Sequence[str] | OSError
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if isinstance(self.ips, OSError):
            raise self.ips
        return self.ips


class Fleet:
    """Servers at addresses of this machine, all on one port, behind the name asr.test."""

    def __init__(self) -> None:
        self.stack, self.port, self.pause = AsyncExitStack(), 0, FakePause()
        self.servers: dict[str, SpeakingServer] = {}
        self.dns = Dns(())

    async def start(self, *ips: str) -> None:
        for ip in ips:
            self.servers[ip] = await self.stack.enter_async_context(SpeakingServer().served(self.port, host=ip))
            self.port = self.servers[ip].port

    async def pool(self, **options: object) -> Pool:
        settings = Settings.model_validate({"asr_url": f"http://asr.test:{self.port}", **options})
        engines = OpenAiServers(settings, await _meet(settings, self.dns), ask=self.dns, pause=self.pause)
        pool = Pool(engines, timeout_s=5, sources=[engines])
        self.stack.callback(pool.close)
        pool.follow()
        return pool

    async def look(self, ips: Sequence[str] | OSError) -> None:
        """Let the name have these, and the bridge ask for them."""
        self.dns.ips = ips
        count = len(self.dns.asked)
        await self.pause.until(len(self.pause.delays))
        await self.pause.end()
        async with asyncio.timeout(5):
            while len(self.dns.asked) == count:  # noqa: ASYNC110  # it is asked on the next turns of the loop
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)

    async def heard_by(self, pool: Pool, count: int = 40) -> set[str]:
        """Return the addresses that decodes went to that were asked for at once."""
        requests = [Request(SECOND, final=n % 2 == 0, timeout_s=5, key=str(n)) for n in range(count)]
        heard = await asyncio.gather(*map(pool.decode, requests))
        return {each.engine.partition("@")[2] or "another" for each in heard}

    async def until_up(self, pool: Pool, count: int) -> None:
        await answered(lambda: self.heard_by(pool), lambda heard: len(heard) >= count)


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    fleet = Fleet()
    async with fleet.stack:
        yield fleet


async def test_every_address_of_a_name_is_an_engine_that_is_asked_by_the_name(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2", "127.0.0.3", "127.0.0.4")
    fleet.dns.ips = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    pool = await fleet.pool()
    assert await fleet.heard_by(pool) == set(fleet.dns.ips)
    assert pool.name.split(", ")[0] == f"openai-asr.test:{fleet.port}@127.0.0.2"
    assert {host for server in fleet.servers.values() for host in server.hosts} == {f"asr.test:{fleet.port}"}
    assert pool.capabilities.backlog == 3 * 64


async def test_a_new_address_gets_decodes_once_it_hears_and_one_that_is_gone_gets_none(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2", "127.0.0.3")
    fleet.dns.ips = ["127.0.0.2"]
    pool = await fleet.pool()
    await fleet.look(["127.0.0.2", "127.0.0.3"])
    await fleet.until_up(pool, 2)
    for _ in range(2):
        await fleet.look(["127.0.0.3"])
    assert await fleet.heard_by(pool) == {"127.0.0.3"}
    assert pool.capabilities.backlog == 64
    await fleet.look(["127.0.0.2", "127.0.0.3"])
    await fleet.until_up(pool, 2)


async def test_one_answer_without_an_address_and_a_name_that_nobody_knows_change_nothing(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2", "127.0.0.3")
    both = fleet.dns.ips = ["127.0.0.2", "127.0.0.3"]
    pool = await fleet.pool()
    for ips in (["127.0.0.2"], both, OSError("away"), [], ["127.0.0.3"], OSError("away")):
        await fleet.look(ips)
    assert await fleet.heard_by(pool) == set(both)


async def test_an_address_that_does_not_answer_is_waited_for_and_costs_no_decode(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2")
    fleet.dns.ips = ["127.0.0.2", "127.0.0.3"]
    pool = await fleet.pool()
    assert await fleet.heard_by(pool) == {"127.0.0.2"}
    await fleet.start("127.0.0.3")
    await fleet.until_up(pool, 2)


async def test_an_address_that_joins_and_is_no_such_server_gets_nothing(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2", "127.0.0.3")
    fleet.servers["127.0.0.3"].models = [{"id": "whisper-large"}]  # one that cannot continue a text
    fleet.dns.ips = ["127.0.0.2"]
    pool = await fleet.pool()
    await fleet.look(["127.0.0.2", "127.0.0.3"])
    assert await fleet.heard_by(pool) == {"127.0.0.2"}
    assert pool.capabilities.prefix


async def test_a_name_with_addresses_of_both_families_is_as_many_engines_as_servers(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2")
    fleet.dns.ips = ["::1", "127.0.0.2", "fd00::2"]
    pool = await fleet.pool()
    assert pool.name == f"openai-asr.test:{fleet.port}@127.0.0.2"
    await fleet.look(["fd00::2", "127.0.0.2"])
    assert pool.capabilities.backlog == 64


async def test_a_name_that_nobody_knows_at_the_start_is_followed_where_another_server_is_there(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2")
    fleet.dns.ips = OSError("Name or service not known")
    urls = f"http://asr.test:{fleet.port},http://127.0.0.2:{fleet.port}"
    pool = await fleet.pool(asr_url=urls)
    assert pool.name == f"openai-127.0.0.2:{fleet.port}"
    await fleet.start("127.0.0.3")
    await fleet.look(["127.0.0.3"])
    await fleet.until_up(pool, 2)
    assert set(fleet.dns.asked) == {"asr.test"}


async def test_the_start_says_which_name_has_no_address(fleet: Fleet) -> None:
    fleet.port, fleet.dns.ips = 8000, OSError("Name or service not known")
    with pytest.raises(EngineFailed, match=r"asr\.test has no address: Name or service not known"):
        await fleet.pool()


async def test_the_certificate_must_be_the_names_though_the_address_is_connected_to(tmp_path: Path) -> None:
    shown: list[str | None] = []
    async with tls_server(tmp_path, shown) as port:
        settings = Settings.model_validate({"asr_url": f"https://asr.test:{port}"})
        with pytest.raises(EngineFailed, match="certificate verify failed"):
            await _meet(settings, Dns(["127.0.0.2"]))
    assert shown
    assert set(shown) == {"asr.test"}


@asynccontextmanager
async def tls_server(folder: Path, shown: list[str | None]) -> AsyncIterator[int]:
    """Serve with a certificate that nobody has signed; note the names that clients ask for."""
    (folder / "both.pem").write_bytes(await asyncio.to_thread(self_signed, "asr.test"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    context.sni_callback = lambda _, name, __: shown.append(name)
    async with SpeakingServer().served(host="127.0.0.2", tls=context) as server:
        yield server.port


async def test_a_server_that_is_gone_from_the_name_ends_what_it_has_in_hand(fleet: Fleet) -> None:
    await fleet.start("127.0.0.2", "127.0.0.3")
    fleet.dns.ips = ["127.0.0.2"]
    pool = await fleet.pool()
    begun, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: object) -> object:
        begun.set()
        await answer.wait()
        return fleet.servers["127.0.0.2"]._answer(await request.json())  # type: ignore[attr-defined]

    fleet.servers["127.0.0.2"].faults.append(slow)  # type: ignore[arg-type]
    decode = asyncio.create_task(pool.decode(Request(SECOND, final=True, timeout_s=5)))
    await begun.wait()
    await fleet.look(["127.0.0.3"])
    await fleet.look(["127.0.0.3"])
    answer.set()
    assert (await decode).text == "one"


async def test_the_bridge_asks_the_system_for_the_addresses_of_a_name(fleet: Fleet) -> None:
    name = socket.gethostname()
    try:
        ips = [ip for ip in await resolve(name) if is_v4(ip)]
    except OSError:
        pytest.skip("this machine's own name has no address")
    await fleet.start(ips[0])
    pool = await asyncio.to_thread(load_recogniser, Settings(asr=("openai",), asr_url=(f"http://{name}:{fleet.port}",)))
    fleet.stack.callback(pool.close)
    pool.follow()
    assert f"openai-{name}:{fleet.port}@{ips[0]}" in pool.name
    heard = await pool.decode(Request(SECOND, final=True, timeout_s=5))
    assert heard.text == "one"
