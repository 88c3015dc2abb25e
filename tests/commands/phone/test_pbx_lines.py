"""What the far side of each WebSocket wire says is what our own side of it understands."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import aiohttp
import pytest

from bridge.commands.phone.pbx_line import NoKeys, PbxLine
from bridge.commands.phone.pbx_lines import PBX_WIRES, asked_at, has_bot, path_of
from telephony.asterisk import AsteriskProtocol
from telephony.events import CallStarted, Dtmf, Mark, Media, Play
from telephony.freeswitch import AudioForkProtocol, AudioStreamProtocol
from telephony.wire_protocol import WireProtocol
from telephony.wires import WIRES

FRAME = b"\x10" * 160


class Socket:
    """Keeps what is sent, and has `coming`."""

    close_code = 1000

    def __init__(self, *coming: str | bytes) -> None:
        self.sent: list[str | bytes] = []
        self._coming = coming

    async def send_str(self, message: str) -> None:
        self.sent.append(message)

    async def send_bytes(self, message: bytes) -> None:
        self.sent.append(message)

    async def send_json(self, message: object) -> None:
        import json

        self.sent.append(json.dumps(message))

    async def __aiter__(self) -> AsyncIterator[Any]:
        for data in self._coming:
            yield aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, data, None)


def line_of(wire: str, *coming: str | bytes) -> tuple[PbxLine, Socket]:
    socket = Socket(*coming)
    return PBX_WIRES[wire].line(cast(aiohttp.ClientWebSocketResponse, socket), "CA1"), socket


PROTOCOLS: list[tuple[str, Callable[[], WireProtocol]]] = [
    ("asterisk", AsteriskProtocol),
    ("jambonz", lambda: AudioForkProtocol("x")),
    ("audiostream", lambda: AudioStreamProtocol("x")),
]


@pytest.mark.parametrize(("wire", "make"), PROTOCOLS)
async def test_a_call_begins_speaks_and_presses_keys(wire: str, make: Callable[[], WireProtocol]) -> None:
    line, socket = line_of(wire)
    await line.begin()
    await line.send(line.media(FRAME, 1))
    if PBX_WIRES[wire].has_keys:
        await line.press("5")
    else:
        with pytest.raises(NoKeys, match="no keys"):
            await line.press("5")
    protocol = make()
    events = [event for message in socket.sent for event in protocol.receive(message)]
    [started] = [event for event in events if isinstance(event, CallStarted)]
    assert started.call_id == "CA1"
    assert any(isinstance(event, Media) for event in events)
    assert any(event == Dtmf("5") for event in events) is PBX_WIRES[wire].has_keys


@pytest.mark.parametrize(("wire", "make"), PROTOCOLS)
async def test_what_the_server_says_is_heard(wire: str, make: Callable[[], WireProtocol]) -> None:
    line, socket = line_of(wire)
    await line.begin()
    protocol = make()
    for message in socket.sent:
        protocol.receive(message)
    fmt = protocol.output if hasattr(protocol, "output") else None
    sound = FRAME if fmt is not None and fmt.encoding.value == "mulaw" else b"\x00\x40" * 160
    told = [*protocol.send(Play(sound)), *(protocol.send(Mark("m1")) if protocol.capabilities.mark else ())]
    hearing, _ = line_of(wire, *told)
    heard = [event async for event in hearing.receive()]
    assert any(isinstance(event, Play) and event.payload for event in heard)
    assert (Mark("m1") in heard) is protocol.capabilities.mark
    assert hearing.close_code == 1000


def test_the_paths_are_those_of_the_server() -> None:
    addresses = {wire.name: (wire.address, wire.subprotocols) for wire in WIRES}
    for name, wire in PBX_WIRES.items():
        assert addresses[name][0] == wire.path == path_of(name)
        assert wire.query or asked_at(f"ws://host{wire.path}", name) == f"ws://host{wire.path}"
        assert set(wire.subprotocols) <= set(addresses[name][1])
    assert path_of("twilio") == addresses["twilio"][0]


def test_a_wire_has_a_bot_where_its_audio_goes_both_ways() -> None:
    can = {wire.name: wire.capabilities for wire in WIRES}
    assert {name: has_bot(name) for name in PBX_WIRES} == {name: can[name].audio_out for name in PBX_WIRES}
    assert has_bot("twilio")


def test_an_address_with_a_query_is_left_as_it_is() -> None:
    assert asked_at("ws://host/v1/listen?encoding=linear16", "deepgram") == "ws://host/v1/listen?encoding=linear16"
    assert asked_at("ws://host/twilio/stream", "twilio") == "ws://host/twilio/stream"
