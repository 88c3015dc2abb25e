"""All wires, asked the same questions: what is in the table, and whether each does what it declares."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES
from garbage import garbage
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import KNOWN, STREAMS, TRAFFIC, Message, b64, begun, protocol

import telephony
from bridge.server.app import make_app
from bridge.settings import Settings
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Command,
    Dtmf,
    Event,
    Hangup,
    Malformed,
    Mark,
    Media,
    Owed,
    Play,
    Played,
    Problem,
    Reply,
    SendDtmf,
    Transcript,
    Transfer,
)
from telephony.wire import Wire
from telephony.wire_protocol import WireProtocol
from telephony.wires import WIRES

ROOT: Final = Path(__file__).resolve().parent.parent
every = pytest.mark.parametrize("wire", KNOWN, ids=lambda wire: wire.name)
sockets = pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.is_socket], ids=lambda wire: wire.name)


def asks(wire: Wire) -> list[Command]:
    """Return one command for each thing that this wire declares it can do."""
    can = begun(wire).capabilities
    commands: list[tuple[bool, Command]] = [
        (can.audio_out, Play(bytes(320))),
        (can.clear, Clear()),
        (can.mark, Mark("m1")),
        (can.transfer, Transfer("+491")),
        (can.dtmf_out, SendDtmf("12")),
        (can.transcripts, Transcript("hello", "English", final=True, timestamp=1.0)),
    ]
    return [command for does, command in commands if does]


def denied(wire: Wire) -> list[Command]:
    can = begun(wire).capabilities
    commands: list[tuple[bool, Command]] = [
        (can.audio_out, Play(bytes(320))),
        (can.clear, Clear()),
        (can.mark, Mark("m1")),
        (can.transfer, Transfer("+491")),
        (can.dtmf_out, SendDtmf("12")),
    ]
    return [command for does, command in commands if not does]


# ---------------------------------------------------------------- the table


def test_names_and_addresses_are_unique() -> None:
    assert len({wire.name for wire in WIRES}) == len(WIRES) == len({wire.address for wire in WIRES})


@sockets
def test_every_socket_has_example_traffic_in_these_tests(wire: Wire) -> None:
    assert wire.name in TRAFFIC


def test_every_protocol_that_is_written_is_in_the_table() -> None:
    found = pkgutil.walk_packages(telephony.__path__, "telephony.")
    modules = [importlib.import_module(module.name) for module in found]
    written = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__name__.endswith("Protocol") and kind is not WireProtocol and not kind.__name__.startswith("_")
        if all(hasattr(kind, name) for name in ("receive", "send", "open"))
    }
    used = {wire.protocol for wire in WIRES}
    assert {kind for kind in written if not any(issubclass(one, kind) for one in used)} == set()


def test_the_tables_for_people_are_fresh() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "wires_table.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- what a wire declares, it does


@every
def test_a_call_starts_once(wire: Wire) -> None:
    made = protocol(wire)
    events = [event for message in TRAFFIC[wire.name].begin for event in made.receive(message)]
    [started] = [event for event in events if isinstance(event, CallStarted)]
    assert started.call_id and started.format.sample_rate >= 8000


@every
def test_caller_audio_is_contiguous(wire: Wire) -> None:
    made, at_ms = begun(wire), 0.0
    for number in range(1, 51):
        for event in made.receive(TRAFFIC[wire.name].media(number)):
            assert isinstance(event, Media)
            assert event.at_ms == int(at_ms)
            at_ms += 20
    assert at_ms == 1000


@every
def test_it_has_a_message_for_all_it_declares(wire: Wire) -> None:
    made = begun(wire)
    for command in asks(wire):
        assert made.send(command), command


@every
def test_what_it_denies_is_refused_or_means_nothing(wire: Wire) -> None:
    made = begun(wire)
    for command in denied(wire):
        try:
            assert not made.send(command), command
        except LocalProtocolError:
            continue


@every
def test_what_people_read_never_stops_a_call(wire: Wire) -> None:
    made = begun(wire)
    if made.capabilities.audio_out:
        made.send(Hangup("done"))
        made.send(Reply("a sentence"))
    made.send(Problem("a problem"))


@every
def test_a_complaint_about_what_came_before_the_call_is_no_fault_of_ours(wire: Wire) -> None:
    made = protocol(wire)
    made.open()
    made.send(Problem("audio: MEDIA_START comes first"))


@every
def test_marks_come_back_by_name(wire: Wire) -> None:
    made, played = begun(wire), TRAFFIC[wire.name].played
    if not made.capabilities.mark:
        pytest.skip("no marks")
    made.send(Play(bytes(320)))
    made.send(Mark("reply-3.7"))
    assert played
    assert list(made.receive(played("reply-3.7"))) == [Played("reply-3.7")]


@every
def test_keys_are_heard_where_there_are_keys(wire: Wire) -> None:
    if (message := TRAFFIC[wire.name].dtmf) is None:
        pytest.skip("no keys")
    assert list(begun(wire).receive(message)) == [Dtmf("5")]


@every
def test_stop_ends_the_call_and_nothing_comes_after(wire: Wire) -> None:
    if (stop := TRAFFIC[wire.name].stop) is None:
        pytest.skip("the socket's end is the call's")
    made = begun(wire)
    assert [type(event) for event in made.receive(stop) if not isinstance(event, Owed)] == [CallEnded]
    assert list(made.receive(TRAFFIC[wire.name].media(1))) == []


# ---------------------------------------------------------------- what a wire survives


@every
def test_garbage_breaks_the_rules_of_its_wire_and_nothing_else(wire: Wire) -> None:
    @settings(max_examples=150, database=None)
    @given(messages=st.lists(garbage(wire), max_size=6), begin=st.booleans())
    def survives(messages: list[Message], begin: bool) -> None:
        made = begun(wire) if begin else protocol(wire)
        heard: list[Event] = []
        with suppress(RemoteProtocolError):
            for message in messages:
                heard += made.receive(message)
        assert sum(isinstance(event, CallStarted) for event in heard) <= 1

    survives()


# ---------------------------------------------------------------- in whatever order the peer speaks

in_any_order = pytest.mark.parametrize(
    "wire", [wire for wire in WIRES if wire.name in TRAFFIC | STREAMS], ids=lambda wire: wire.name
)
_BEGINS_BY_AUDIO: Final = {"plain", "talk", "deepgram", "realtime"}
"""Wires on which audio without a word before it begins a call."""


def opening(wire: Wire) -> st.SearchStrategy[list[Message]]:
    """Return what a peer says first, with messages lost, repeated and in any order."""
    traffic = (TRAFFIC | STREAMS)[wire.name]
    said = [*traffic.begin, *(traffic.media(number) for number in range(1, 31))]
    said += [message for message in (traffic.dtmf, traffic.played and traffic.played("m1")) if message]
    return st.lists(st.sampled_from(said), max_size=60) | st.permutations(said)


@in_any_order
def test_no_order_of_the_opening_ends_a_call(wire: Wire) -> None:
    traffic = (TRAFFIC | STREAMS)[wire.name]

    @settings(max_examples=200, database=None)
    @given(messages=opening(wire))
    def is_borne(messages: list[Message]) -> None:
        made = protocol(wire)
        heard = [event for message in messages for event in made.receive(message)]
        starts = [index for index, event in enumerate(heard) if isinstance(event, CallStarted)]
        assert len(starts) <= 1
        if set(traffic.begin) <= set(messages) and wire.name != "audiosocket":
            assert starts, "all that begins a call was said"
        early = heard[: starts[0]] if starts else heard
        assert not any(isinstance(event, Media | Dtmf) for event in early)
        end_ms = 0
        for event in heard:
            if isinstance(event, Media):
                assert event.at_ms == end_ms
                end_ms += _format_of(heard).duration_ms(event.payload)

    is_borne()


@in_any_order
def test_what_comes_before_the_start_is_heard_and_so_is_what_comes_behind_it(wire: Wire) -> None:
    if wire.name in _BEGINS_BY_AUDIO:
        pytest.skip("audio begins the call")
    traffic, made = (TRAFFIC | STREAMS)[wire.name], protocol(wire)
    before = [traffic.media(number) for number in range(1, 6)]
    behind = [traffic.media(number) for number in range(6, 11)]
    heard = [event for message in (*before, *traffic.begin, *behind) for event in made.receive(message)]
    [started] = [event for event in heard if isinstance(event, CallStarted)]
    assert started.early_ms == 100
    assert sum(started.format.duration_ms(event.payload) for event in heard if isinstance(event, Media)) == 200


def _format_of(heard: list[Event]) -> AudioFormat:
    return next(event.format for event in heard if isinstance(event, CallStarted))


@in_any_order
def test_a_peer_whose_every_tenth_message_is_broken_is_borne(wire: Wire) -> None:
    traffic = (TRAFFIC | STREAMS)[wire.name]
    made = protocol(wire)
    for message in traffic.begin:
        made.receive(message)
    broken: Message = b"\x77\0\1x" if wire.name in STREAMS else "{"
    for number in range(1, 5_000):
        good = number - number // 10  # what is broken is no packet that was lost
        events = made.receive(traffic.media(good) if number % 10 else broken)
        assert [type(event) for event in events][-1:] in ([Media], [Malformed])


# ---------------------------------------------------------------- the doors


@sockets
async def test_a_server_with_secrets_lets_no_stranger_in(wire: Wire) -> None:
    rules = {"api_token": "s3cret", "twilio_auth_token": "s3cret", "public_url": "https://bot.example.com"}
    async with TestClient(TestServer(make_app(Settings.model_validate(rules), RESOURCES))) as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await client.ws_connect(wire.address)
        assert error.value.status in {401, 403}


async def test_a_switch_shows_the_token_as_its_password() -> None:
    async with TestClient(TestServer(make_app(Settings.model_validate({"api_token": "s3cret"}), RESOURCES))) as client:
        for password, status in (("s3cret", 200), ("wrong", 401)):
            basic = f"Basic {b64(f'any:{password}'.encode())}"
            async with client.get("/metrics", headers={"Authorization": basic}) as response:
                assert response.status == status
        async with client.get("/metrics", headers={"Authorization": "Basic %%%"}) as response:
            assert response.status == 401
