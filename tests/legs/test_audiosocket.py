"""AudioSocket on literals, and its port on loopback."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest
from fakes import RESOURCES, unlimited
from hypothesis import given
from hypothesis import strategies as st

from bridge.admission.lines import Lines
from bridge.admission.refusals import Refusals
from bridge.legs.audiosocket import listen
from bridge.legs.tcp_stream import StreamLeg
from bridge.metrics import Metrics
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from telephony.audiosocket import AudioSocketProtocol, frame
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Event,
    FormatChanged,
    Hangup,
    Malformed,
    Mark,
    Media,
    Notice,
    Play,
    Played,
)
from telephony.malformed import MAX_MALFORMED

NAME = UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
IDENTITY = frame(0x01, NAME.bytes)
AUDIO = frame(0x10, b"\1\0" * 160)
L16_8K = AudioFormat(Encoding.L16, 8000)


def begun() -> AudioSocketProtocol:
    protocol = AudioSocketProtocol()
    protocol.receive(IDENTITY + AUDIO)
    return protocol


def test_the_call_starts_with_the_first_audio_which_tells_its_rate() -> None:
    protocol = AudioSocketProtocol()
    assert not protocol.receive(IDENTITY)
    started, media = protocol.receive(frame(0x12, bytes(640)))
    assert started == CallStarted(str(NAME), AudioFormat(Encoding.L16, 16_000))
    assert media == Media(bytes(640), 0)
    assert protocol.receive(frame(0x12, bytes(640))) == [Media(bytes(640), 20)]


def test_a_call_whose_channel_plays_nothing_begins_all_the_same_at_the_rate_it_is_said_to_have() -> None:
    protocol = AudioSocketProtocol(quiet_rate=16_000)
    assert not protocol.quiet(), "nobody has said which call it is"
    protocol.receive(IDENTITY)
    assert protocol.quiet() == [CallStarted(str(NAME), AudioFormat(Encoding.L16, 16_000))]
    assert not protocol.quiet()
    assert protocol.send(Play(bytes(4))) == [frame(0x12, bytes(4))]
    assert protocol.receive(frame(0x12, bytes(640))) == [Media(bytes(640), 0)]


def test_a_call_that_begins_quietly_at_the_wrong_rate_goes_on_at_the_right_one_and_says_what_to_set() -> None:
    protocol = AudioSocketProtocol(quiet_rate=16_000)
    protocol.receive(IDENTITY)
    protocol.quiet()
    notice, changed, media = protocol.receive(AUDIO)
    assert isinstance(notice, Notice) and "say --audiosocket-rate 8000" in notice.message
    assert (changed, media) == (FormatChanged(L16_8K), Media(b"\1\0" * 160, 0))
    assert protocol.send(Play(bytes(4))) == [frame(0x10, bytes(4))]


@pytest.mark.parametrize("nothing", [frame(0x02), frame(0x02, bytes(2)), frame(0x10), frame(0x12), IDENTITY])
def test_silence_and_frames_without_audio_mean_nothing(nothing: bytes) -> None:
    protocol = begun()
    for _ in range(2 * MAX_MALFORMED):
        assert protocol.receive(nothing) == []
    assert protocol.receive(AUDIO) == [Media(b"\1\0" * 160, 20)]


def test_half_a_sample_is_not_heard_and_moves_no_other() -> None:
    protocol = begun()
    events = protocol.receive(frame(0x10, b"\1\0" * 160 + b"\7") + AUDIO + frame(0x10, b"\7") + AUDIO)
    assert [event.payload for event in events if isinstance(event, Media)] == [b"\1\0" * 160] * 3


def test_what_comes_before_the_uuid_is_heard_behind_it() -> None:
    protocol = AudioSocketProtocol()
    assert protocol.receive(AUDIO + frame(0x03, b"5") + frame(0x02)) == []
    started, media, key = protocol.receive(IDENTITY)
    assert isinstance(started, CallStarted) and started.early_ms == 20
    assert (media, key) == (Media(b"\1\0" * 160, 0), Dtmf("5"))


def test_a_key_before_the_first_audio_is_kept_for_the_call() -> None:
    protocol = AudioSocketProtocol()
    assert protocol.receive(IDENTITY + frame(0x03, b"5")) == []
    assert [type(event) for event in protocol.receive(AUDIO)] == [CallStarted, Dtmf, Media]


@pytest.mark.parametrize(
    ("payload", "told"),
    [(b"\2", "error 02: a frame could not be forwarded"), (b"", "without a code"), (b"\x77\1", "error 7701")],
)
def test_an_error_is_told_and_the_call_goes_on(payload: bytes, told: str) -> None:
    protocol = begun()
    [notice] = protocol.receive(frame(0xFF, payload))
    assert isinstance(notice, Notice) and told in notice.message
    assert protocol.receive(AUDIO) == [Media(b"\1\0" * 160, 20)]


def test_the_error_that_the_channel_was_hung_up_ends_the_call() -> None:
    notice, ended = begun().receive(frame(0xFF, b"\1"))
    assert isinstance(notice, Notice) and ended == CallEnded("caller hung up")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_frames_may_come_in_any_pieces(size: int) -> None:
    stream, protocol = IDENTITY + AUDIO + frame(0x03, b"5") + frame(0x00), AudioSocketProtocol()
    events: list[Event] = []
    for start in range(0, len(stream), size):
        events += protocol.receive(stream[start : start + size])
    assert events[1:] == [Media(b"\1\0" * 160, 0), Dtmf("5"), CallEnded("caller hung up")]


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n" + bytes(30_000), frame(0x77, b"x"), frame(0x01, b"short")])
def test_what_is_no_audiosocket_ends_the_call(first: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no AudioSocket"):
        AudioSocketProtocol().receive(first)


@pytest.mark.parametrize("bad", [frame(0x77, b"x"), frame(0x12, bytes(4)), frame(3, b"e"), frame(3)])
def test_a_malformed_frame_costs_itself_only_and_too_many_the_call(bad: bytes) -> None:
    protocol = begun()
    events = protocol.receive(bad + AUDIO)
    assert [type(event) for event in events] == [Malformed, Media]
    with pytest.raises(RemoteProtocolError, match="malformed"):
        protocol.receive(bad * (MAX_MALFORMED + 1))


@given(
    frames=st.lists(
        st.builds(frame, st.integers(0, 255), st.binary(max_size=400)) | st.just(AUDIO) | st.binary(max_size=20),
        max_size=20,
    ),
    size=st.integers(1, 500),
    quiet=st.booleans(),
)
def test_garbage_breaks_the_rules_of_the_wire_and_nothing_else(frames: list[bytes], size: int, quiet: bool) -> None:
    protocol, stream = AudioSocketProtocol(), b"".join(frames)
    events = [*protocol.receive(IDENTITY), *(protocol.quiet() if quiet else ())]
    with suppress(RemoteProtocolError):
        for start in range(0, len(stream), size):
            events += protocol.receive(stream[start : start + size])
    assert sum(isinstance(event, CallStarted) for event in events) <= 1
    media = [event for event in events if isinstance(event, Media)]
    assert not media or any(isinstance(event, CallStarted) for event in events[: events.index(media[0])])
    assert all(len(event.payload) % 2 == 0 and event.payload for event in media)


def test_what_comes_behind_the_end_means_nothing_and_is_not_kept() -> None:
    protocol = begun()
    protocol.receive(frame(0x00))
    for _ in range(100):
        assert protocol.receive(AUDIO * 100) == []
    assert not protocol._frames._bytes


def test_audio_leaves_at_the_rate_it_comes_and_not_before_it_is_known() -> None:
    assert begun().send(Play(bytes(4))) == [frame(0x10, bytes(4))]
    assert begun().send(Hangup()) == [frame(0x00)]
    with pytest.raises(LocalProtocolError):
        AudioSocketProtocol().send(Play(bytes(4)))


# ---------------------------------------------------------------- over TCP


@asynccontextmanager
async def connected(
    protocol: AudioSocketProtocol | None = None,
) -> AsyncIterator[tuple[StreamLeg, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A leg of ours that is yet to be opened, and the two ends of its peer."""
    legs: asyncio.Queue[StreamLeg] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        legs.put_nowait(StreamLeg(reader, writer, protocol or AudioSocketProtocol(), send_s=1))

    async with asyncio.timeout(5), await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            yield await legs.get(), reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_a_peer_that_only_says_its_name_is_a_call_without_waiting_for_audio() -> None:
    async with connected() as (leg, reader, writer), leg:
        writer.write(IDENTITY)
        assert (await leg.start(3)).format == L16_8K
        assert await reader.readexactly(323) == frame(0x10, bytes(320)), "silence is sent at once"
        writer.close()
        await leg.close("done")


async def test_a_call_over_tcp_from_uuid_to_hang_up() -> None:
    async with connected() as (leg, reader, writer), leg:
        writer.write(IDENTITY + AUDIO)
        assert (await leg.start(1)).call_id == str(NAME)
        await leg.send(Play(b"\2\2" * 8000))
        await leg.send(Mark("m"))
        assert await reader.readexactly(323) == frame(0x10, b"\2\2" * 160)
        await leg.send(Clear())
        writer.close()
        events = [event async for event in leg]
        assert events == [Media(b"\1\0" * 160, 0), Played("m"), CallEnded("caller hung up")]
        await leg.close("done")


async def test_who_hangs_up_with_audio_unread_has_hung_up_and_is_not_lost() -> None:
    async with connected() as (leg, _, writer), leg:
        writer.write(IDENTITY + AUDIO)
        await leg.start(1)
        at_once = struct.pack("ii", 1, 0)  # closed so, a socket is reset, as it is where something in it is unread
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()
        assert [event async for event in leg][-1] == CallEnded("caller hung up")


async def test_a_call_that_began_quietly_at_the_wrong_rate_is_heard_and_spoken_to_at_the_right_one() -> None:
    async with connected(AudioSocketProtocol(quiet_rate=8000)) as (leg, reader, writer), leg:
        writer.write(IDENTITY)
        assert (await leg.start(3)).format == L16_8K
        writer.write(frame(0x12, bytes(640)) * 50)
        heard = 0
        async for event in leg:
            heard += len(event.payload) if isinstance(event, Media) else 0
            if heard > 15_800:
                break
        while (await reader.readexactly(3))[0] == 0x10:
            await reader.readexactly(320)
        assert len(await reader.readexactly(640)) == 640, "20 ms at 16 kHz"
        await leg.close("done")


async def test_an_error_before_the_first_audio_is_told_once_the_call_has_begun() -> None:
    async with connected() as (leg, _, writer), leg:
        writer.write(IDENTITY + frame(0xFF, b"\4") + AUDIO)
        await leg.start(3)
        told = [await anext(events := aiter(leg)), await anext(events)]
        assert told == [Notice("Asterisk reports error 04: there was no memory"), Media(b"\1\0" * 160, 0)]
        await leg.close("done")


async def test_a_stream_that_breaks_the_protocol_is_the_peers_fault() -> None:
    async with connected() as (leg, _, writer), leg:
        writer.write(b"GET / HTTP/1.1\r\n" + bytes(30_000))
        with pytest.raises(RemoteProtocolError, match="no AudioSocket"):
            await leg.start(3)


class BrokenProtocol(AudioSocketProtocol):
    """Has a fault of ours."""

    def receive(self, data: bytes, /) -> Sequence[Event]:
        raise ZeroDivisionError("a fault of ours")


async def test_a_fault_of_ours_while_we_read_reaches_the_call() -> None:
    async with connected(BrokenProtocol()) as (leg, _, writer), leg:
        writer.write(IDENTITY)
        with pytest.raises(ZeroDivisionError):
            await leg.start(3)


@pytest.mark.parametrize("how", ["done", "fault", "cancelled"])
async def test_however_a_leg_is_left_nothing_of_it_goes_on(how: str) -> None:
    before = asyncio.all_tasks()

    async def call(leg: StreamLeg) -> None:
        async with leg:
            await leg.start(3)
            during.update(asyncio.all_tasks() - before)
            started.set()
            if how == "fault":
                raise ZeroDivisionError("a fault of ours")
            if how == "cancelled":
                await asyncio.Event().wait()

    async with connected() as (leg, _, writer):
        writer.write(IDENTITY + AUDIO)
        during, started = set[asyncio.Task[object]](), asyncio.Event()
        calling = asyncio.create_task(call(leg))
        await started.wait()
        calling.cancel()
        await asyncio.wait({calling})
        assert len(during) == 3, "the call, what reads and what plays"
        assert not during & asyncio.all_tasks()


# ---------------------------------------------------------------- the port


async def refused_or_taken(allow: str, caplog: pytest.LogCaptureFixture) -> str:
    """Call a port that takes `allow`; return its metrics once it has hung up."""
    caplog.set_level(logging.INFO)
    metrics = Metrics()
    carrier = Switchboard(Settings(start_timeout=0.2), RESOURCES, metrics, Lines(1), unlimited())
    refusals = Refusals(metrics.kept_out)
    (listening,) = await listen(carrier, host="127.0.0.1", port=0, allow=[allow], refusals=refusals)
    async with listening as port:
        reader, writer = await asyncio.open_connection(*port.sockets[0].getsockname())
        writer.write(IDENTITY + AUDIO + frame(0x00, b""))
        async with asyncio.timeout(5):
            with suppress(ConnectionError):  # who is refused is not read
                await reader.read()
        writer.close()
    return metrics.text().decode()


async def test_who_is_not_on_the_list_is_refused_with_a_line_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    counted = await refused_or_taken("10.0.0.0/8", caplog)
    assert 'bridge_refused_total{door="audiosocket",reason="address"} 1.0' in counted
    assert 'bridge_calls_refused_total{reason="address"} 1.0' in counted
    assert "refused 127.0.0.1 at the door audiosocket: not in --audiosocket-allow" in caplog.text


async def test_the_line_of_a_call_has_the_address_of_its_peer(caplog: pytest.LogCaptureFixture) -> None:
    assert "bridge_refused_total{" not in await refused_or_taken("127.0.0.0/8", caplog)
    assert " over audiosocket, peer 127.0.0.1" in caplog.text
