"""What peers do to us, on every wire that the server opens, over real sockets: each costs its own call at most.

The engines are stand-ins, so that this is about the wires. A peer that does not read a WebSocket is in test_leg.py,
where it can be told from the kernel's buffers; SIP is in test_sip_features.py.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol
from uuid import uuid4

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from fakes import FakeAsr, FakeTts, LoudnessVad, ScriptBot
from integration.sip_peers import free_port
from wires import KNOWN, TRAFFIC, b64, text

from bridge.engines import Engines
from bridge.server import LINES, METRICS, make_app
from bridge.settings import Settings
from telephony.audiosocket import frame
from telephony.codec import encode
from telephony.events import AudioFormat, Encoding
from telephony.wires import WIRES

PHONES: Final = [wire for wire in KNOWN if wire.capabilities.audio_out]
NAMES: Final = [*(wire.name for wire in PHONES), "audiosocket"]
every = pytest.mark.parametrize("name", NAMES)
GARBAGE: Final = {"audiosocket": frame(0x77, b"x")}
MULAW: Final = AudioFormat(Encoding.MULAW, 8000)
L16: Final = AudioFormat(Encoding.L16, 8000)
AUDIO: Final = {"twilio": MULAW, "asterisk": MULAW}


class Peer(Protocol):
    """The far side of one call."""

    async def send(self, message: str | bytes) -> None: ...

    async def heard(self) -> None:
        """Return when something has come from the bridge."""

    def abort(self) -> None:
        """Drop the connection without a word."""


class WebSocketPeer:
    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws

    async def send(self, message: str | bytes) -> None:
        await (self._ws.send_str(message) if isinstance(message, str) else self._ws.send_bytes(message))

    async def heard(self) -> None:
        async for message in self._ws:
            if message.type is aiohttp.WSMsgType.BINARY or "media" in message.data or "streamAudio" in message.data:
                return
        raise ConnectionError("the call is over")

    def abort(self) -> None:
        self._ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class TcpPeer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, message: str | bytes) -> None:
        self._writer.write(message if isinstance(message, bytes) else message.encode())
        await self._writer.drain()

    async def heard(self) -> None:
        while any((await self._reader.readexactly(3 + 320))[3:]) is False:
            pass

    def abort(self) -> None:
        self._writer.transport.abort()


class Place:
    """A server and who calls it."""

    def __init__(self, app: web.Application, url: str, session: aiohttp.ClientSession, port: int) -> None:
        self._app, self._url, self._session, self.port = app, url, session, port
        self._writers: list[asyncio.StreamWriter] = []

    async def call(self, name: str) -> Peer:
        """Return a peer whose call has started."""
        peer: Peer
        if name == "audiosocket":
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self._writers.append(writer)
            peer = TcpPeer(reader, writer)
            await peer.send(frame(1, uuid4().bytes))
        else:
            wire = next(wire for wire in PHONES if wire.name == name)
            peer = WebSocketPeer(await self._session.ws_connect(self._url + wire.address, protocols=wire.subprotocols))
            for message in TRAFFIC[name].begin:
                await peer.send(message)
        for number in range(1, 11):
            await peer.send(packet(name, number, loud=False))
        await self.until(lambda: self.running(name))
        return peer

    async def answered(self, name: str, peer: Peer, *, number: int = 11) -> None:
        """Say something on a call that has heard packets up to `number`, and hear the answer."""
        for at in range(100):
            await peer.send(packet(name, number + at, loud=at < 50))
        async with asyncio.timeout(10):
            await peer.heard()

    def running(self, name: str) -> int:
        return int(self._figure(f'bridge_calls{{wire="{name}"}}'))

    def ended(self, name: str, fault: str = "") -> int:
        return int(self._figure(f'bridge_calls_ended_total{{fault="{fault}",wire="{name}"}}'))

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

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


def packet(name: str, number: int, *, loud: bool) -> str | bytes:
    """Return 20 ms of audio on this wire, a tone or silence."""
    audio = AUDIO.get(name, L16)
    tone = (0.5 * np.sin(np.arange(160) * 0.3) if loud else np.zeros(160)).astype(np.float32)
    payload = encode(tone, audio.encoding)
    if name == "audiosocket":
        return frame(0x10, payload)
    if name == "twilio":
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": b64(payload)}
        return text(event="media", streamSid="MZ1", media=media)
    return payload


@asynccontextmanager
async def place(**options: object) -> AsyncIterator[Place]:
    engines = Engines(
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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)  # aiohttp's test server cancels handlers
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            here = Place(app, f"http://127.0.0.1:{runner.addresses[0][1]}", session, port)
            yield here
            await here.close()
    finally:
        await runner.cleanup()


def reasons(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [record.getMessage() for record in caplog.records if "call ended" in record.getMessage()]


@every
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
        if name == "talk":  # its client is told of each, and may do better
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
    steady = any(wire.name == name and wire.capabilities.steady for wire in PHONES)
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
            await peer.send(packet("twilio", number, loud=False))
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
    assert {wire.name for wire in WIRES if wire.capabilities.audio_out} - {"sip"} == set(NAMES)
