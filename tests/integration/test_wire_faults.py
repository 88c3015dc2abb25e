"""What peers do to us, on every wire that the server opens, over real sockets: each costs its own call at most.

The engines are stand-ins, so that this is about the wires. A peer that does not read a WebSocket is in test_leg.py,
where it can be told from the kernel's buffers; SIP is in test_sip_features.py.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from fakes import FakeAsr, FakeTts, LoudnessVad, ScriptBot
from integration.sip_peers import free_port
from integration.wire_peers import NAMES, SILENCE, TONE, Peer, TcpPeer, connect, packet
from serving import served

from bridge.server.app import make_app
from bridge.server.app_keys import LINES, METRICS
from bridge.server.resources import Resources
from bridge.settings import Settings
from telephony.audiosocket import frame
from telephony.wire import Family
from telephony.wires import WIRES

every = pytest.mark.parametrize("name", NAMES)
GARBAGE: Final = {"audiosocket": frame(0x77, b"x")}


class Place:
    """A server and who calls it."""

    def __init__(self, app: web.Application, url: str, session: aiohttp.ClientSession, port: int) -> None:
        self._app, self._url, self._session, self.port = app, url, session, port
        self._peers: list[Peer] = []

    async def call(self, name: str) -> Peer:
        """Return a peer whose call has started."""
        peer = await connect(name, url=self._url, session=self._session, audiosocket_port=self.port)
        self._peers.append(peer)
        for number in range(1, 11):
            await peer.send(packet(name, number))
        await self.until(lambda: self.running(name))
        return peer

    async def answered(self, name: str, peer: Peer, *, number: int = 11) -> None:
        """Say something on a call that has heard packets up to `number`, and hear the answer."""
        for at in range(100):
            await peer.send(packet(name, number + at, TONE if at < 50 else SILENCE))
        async with asyncio.timeout(10):
            while not (await peer.listen()).any():
                pass

    def running(self, name: str) -> int:
        return int(self._figure(f'bridge_calls{{wire="{name}"}}'))

    def ended(self, name: str, fault: str = "") -> int:
        return int(self._figure(f'bridge_calls_ended_total{{fault="{fault}",wire="{name}"}}'))

    async def close(self) -> None:
        for peer in self._peers:
            if isinstance(peer, TcpPeer):
                with suppress(ConnectionError):
                    await peer.close()

    async def until(self, happened: Callable[[], object], within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not happened():  # noqa: ASYNC110 - a metric calls nobody
                await asyncio.sleep(0.02)

    def _figure(self, line: str) -> float:
        lines = self._app[METRICS].text().decode().splitlines()
        return next((float(text.split()[-1]) for text in lines if text.startswith(line)), 0.0)

    @property
    def free(self) -> bool:
        return self._app[LINES].taken == 0


@asynccontextmanager
async def place(**options: object) -> AsyncIterator[Place]:
    engines = Resources(
        asr=FakeAsr(),
        open_vad=LoudnessVad,
        denoisers=None,
        workers=None,
        tts=FakeTts(),
        make_bot=lambda: ScriptBot(*["Yes."] * 9),
        fallback=None,
    )
    port = free_port()
    given = {"audiosocket_port": port, "no_input_timeout": 0.0, **options}
    app = make_app(Settings.model_validate(given), engines)
    async with served(app) as url, aiohttp.ClientSession() as session:
        here = Place(app, url, session, port)
        yield here
        await here.close()


def reasons(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [record.getMessage() for record in caplog.records if "call ended" in record.getMessage()]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "audiocodes"])  # it waits for the next socket
async def test_a_socket_that_drops_in_mid_call_ends_the_call_within_a_second(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with place() as here:
        peer, other = await here.call(name), await here.call(name)
        peer.abort()
        await here.until(lambda: here.ended(name) == 1, within_s=1)
        assert "connection lost" in reasons(caplog)[0] or "hung up" in reasons(caplog)[0]
        await here.answered(name, other)
        other.abort()
        await here.until(lambda: here.free)


@every
async def test_endless_garbage_ends_its_call_and_no_other(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with place() as here:
        peer, other = await here.call(name), await here.call(name)
        with suppress(ConnectionError, aiohttp.ClientError):  # it is hung up on
            for _ in range(150):
                await peer.send(GARBAGE.get(name, "{"))
        if name in {"talk", "realtime"}:  # its client is told of each, and may do better
            await here.answered(name, peer)
        else:
            await here.until(lambda: here.ended(name, "remote") == 1)
            assert "malformed" in reasons(caplog)[0]
        await here.answered(name, other)


@every
async def test_a_peer_that_never_says_stop_and_sends_nothing_more_is_a_call_or_is_gone(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A wire whose audio never stops takes silence for the end; on the others somebody may just say nothing."""
    caplog.set_level(logging.INFO)
    steady = any(wire.name == name and wire.capabilities.steady for wire in WIRES)
    async with place(media_timeout=0.5) as here:
        peer = await here.call(name)
        if steady:
            await here.until(lambda: here.ended(name) == 1, within_s=2)
            assert "no message from the peer" in reasons(caplog)[0]
        else:
            await asyncio.sleep(1)
            await here.answered(name, peer)


@pytest.mark.parametrize("numbers", [(11, 12, 12, 13), (11, 12, 17, 18), (11, 13, 12, 14), (11, 12, 14, 13, 11, 15)])
async def test_packets_that_come_twice_late_or_never_cost_themselves(numbers: Sequence[int]) -> None:
    """On Twilio's wire packets have numbers; on the others a stream of bytes keeps them in order and whole."""
    async with place() as here:
        peer = await here.call("twilio")
        for number in numbers:
            await peer.send(packet("twilio", number))
        await here.answered("twilio", peer, number=max(numbers) + 1)
        assert here.running("twilio") == 1


async def test_an_asterisk_that_reads_nothing_is_dropped_and_costs_no_other_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with place(send_timeout=0.5) as here:
        other = await here.call("audiosocket")
        with socket.socket() as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.setblocking(False)
            await asyncio.get_running_loop().sock_connect(stuck, ("127.0.0.1", here.port))
            await asyncio.get_running_loop().sock_sendall(stuck, frame(1, uuid4().bytes))
            await here.until(lambda: here.ended("audiosocket") == 1, within_s=20)
        assert "has not read" in reasons(caplog)[0]
        await here.answered("audiosocket", other)


def test_all_wires_with_a_voice_are_asked() -> None:
    """RTP has no connection that could drop: its wires have tests of their own."""
    assert {wire.name for wire in WIRES if wire.capabilities.audio_out and wire.family is not Family.RTP} == set(NAMES)
