"""AudioSocket on literals, its pace on a clock of numbers, and its port on loopback."""

import asyncio
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.pacer import Pacer
from bridge.legs.tcp_stream import StreamLeg
from telephony.audiosocket import MAX_MALFORMED, AudioSocketProtocol, frame
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Event,
    Hangup,
    Malformed,
    Mark,
    Media,
    Play,
    Played,
)

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


def test_a_call_that_begins_quietly_at_the_wrong_rate_says_what_to_set() -> None:
    protocol = AudioSocketProtocol(quiet_rate=16_000)
    protocol.receive(IDENTITY)
    protocol.quiet()
    with pytest.raises(RemoteProtocolError, match="say --audiosocket-rate 8000"):
        protocol.receive(AUDIO)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_frames_may_come_in_any_pieces(size: int) -> None:
    stream, protocol = IDENTITY + AUDIO + frame(0x03, b"5") + frame(0x00), AudioSocketProtocol()
    events: list[Event] = []
    for start in range(0, len(stream), size):
        events += protocol.receive(stream[start : start + size])
    assert events[1:] == [Media(b"\1\0" * 160, 0), Dtmf("5"), CallEnded("caller hung up")]


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n" + bytes(30_000), AUDIO, frame(0x01, b"short")])
def test_what_is_no_audiosocket_ends_the_call(first: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no AudioSocket"):
        AudioSocketProtocol().receive(first)


@pytest.mark.parametrize(
    "bad", [frame(0x77, b"x"), frame(0x10, b"odd"), frame(0x10), frame(0x12, bytes(4)), frame(3, b"e"), frame(3)]
)
def test_a_malformed_frame_costs_itself_only_and_too_many_the_call(bad: bytes) -> None:
    protocol = begun()
    events = protocol.receive(bad + AUDIO)
    assert [type(event) for event in events] == [Malformed, Media]
    with pytest.raises(RemoteProtocolError, match="malformed"):
        protocol.receive(bad * MAX_MALFORMED)


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


# ---------------------------------------------------------------- pace


def test_frames_leave_on_absolute_deadlines_and_silence_where_there_is_nothing_to_say() -> None:
    pace = Pacer(L16_8K, 1000)
    pace.play(b"\1\1" * 200)
    frames, _ = pace.due(1000)
    assert frames == [b"\1\1" * 160, b"\1\1" * 40 + bytes(240), bytes(320)]
    assert pace.due(1019) == ([], [])
    assert [len(pace.due(now)[0]) for now in (1021, 1040, 1085)] == [1, 1, 2]
    assert pace.late == 0


def test_a_mark_is_told_when_its_audio_has_been_played_not_when_it_left() -> None:
    pace = Pacer(L16_8K, 0)
    pace.play(bytes(320))
    pace.mark("m")
    assert [now for now in range(0, 100, 10) if pace.due(now)[1]] == [20]


def test_a_clear_leaves_silence_and_tells_the_marks_that_waited() -> None:
    pace = Pacer(L16_8K, 0)
    pace.play(b"\1\1" * 8000)
    pace.mark("m")
    pace.due(0)
    assert pace.clear() == ["m"]
    assert pace.due(20) == ([bytes(320)], [])


def test_after_a_long_stall_no_burst_is_sent() -> None:
    pace = Pacer(L16_8K, 0)
    pace.due(0)
    frames, _ = pace.due(1000)
    assert len(frames) == 3 and pace.late > 40


# ---------------------------------------------------------------- over TCP


async def test_a_peer_that_only_says_its_name_is_a_call_without_waiting_for_audio() -> None:
    legs: asyncio.Queue[StreamLeg] = asyncio.Queue()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        legs.put_nowait(leg := StreamLeg(reader, writer, AudioSocketProtocol(), send_s=1))
        await leg.pump()

    async with asyncio.timeout(5), await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        leg = await legs.get()
        writer.write(IDENTITY)
        assert (await leg.start(3)).format == L16_8K
        assert await reader.readexactly(323) == frame(0x10, bytes(320)), "silence is sent at once"
        writer.close()
        await leg.close("done")


async def test_a_call_over_tcp_from_uuid_to_hang_up() -> None:
    legs: asyncio.Queue[StreamLeg] = asyncio.Queue()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        leg = StreamLeg(reader, writer, AudioSocketProtocol(), send_s=1)
        legs.put_nowait(leg)
        await leg.pump()

    async with asyncio.timeout(5), await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        leg = await legs.get()
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
