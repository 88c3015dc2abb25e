"""The caller's side over a real WebSocket on loopback."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from bridge.leg import HangupCause
from bridge.legs.websocket import WebSocketLeg
from telephony.carriers.json_stream import MULAW_8K
from telephony.errors import RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Dtmf,
    Encoding,
    Event,
    Malformed,
    Media,
    Notice,
    Play,
    Problem,
)
from telephony.freeswitch import AudioForkProtocol, AudioStreamProtocol
from telephony.plain import PlainProtocol
from telephony.wire_protocol import Closing, WireProtocol


class KeypadProtocol:
    """A wire of words: "start", keys, "?" is malformed, "!" the end of all patience, "bye" the end."""

    capabilities = Capabilities(audio_out=True)

    def open(self) -> Sequence[str | bytes]:
        return ["welcome"]

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        return [self._event(word) for word in str(message).split()]

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        match command:
            case Play(payload):
                return [payload]
            case Problem(message):
                return [f"problem: {message}"]
        return []

    def _event(self, word: str) -> Event:
        match word:
            case "start":
                return CallStarted("call", MULAW_8K)
            case "?":
                return Malformed("what?")
            case "bye":
                return CallEnded("said bye")
            case "!":
                raise RemoteProtocolError("enough")
        return Dtmf(word)


@dataclass
class Connection:
    leg: WebSocketLeg
    peer: ClientWebSocketResponse

    async def events(self, limit: int = 10) -> list[Event]:
        """Return what the leg tells until the call has ended, `limit` events at most."""
        events: list[Event] = []
        async for event in self.leg:
            events.append(event)
            if len(events) == limit:
                break
        return events

    async def told(self) -> list[str]:
        """Return the text the peer was sent before its socket closed."""
        return [message.data async for message in self.peer if message.type is WSMsgType.TEXT]


@asynccontextmanager
async def connected(
    protocol: WireProtocol | None = None,
    *,
    idle_s: float | None = None,
    send_s: float = 5.0,
    max_msg_size: int = 1 << 20,
    autoclose: bool = True,
    ping_s: float | None = None,
) -> AsyncIterator[Connection]:
    """A leg of ours, and its peer; `autoclose`: the peer answers a close. `ping_s`: it answers no ping."""
    accepted: asyncio.Future[WebSocketLeg] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def accept(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=max_msg_size)
        await socket.prepare(request)
        assert request.transport
        abort = request.transport.abort
        accepted.set_result(
            WebSocketLeg(socket, protocol or KeypadProtocol(), abort=abort, idle_s=idle_s, send_s=send_s, ping_s=ping_s)
        )
        await done.wait()
        return socket

    app = web.Application()
    app.add_routes([web.get("/", accept)])
    answers = ping_s is None
    async with (
        TestClient(TestServer(app)) as client,
        client.ws_connect("/", autoclose=autoclose, autoping=answers) as peer,
    ):
        try:
            yield Connection(await accepted, peer)
        finally:
            done.set()


# ---------------------------------------------------------------- the start


async def test_the_peer_is_greeted_and_its_start_is_waited_for() -> None:
    async with connected() as call:
        await call.peer.send_str("start")
        assert (await call.leg.start(5)).call_id == "call"
        assert await call.peer.receive_str() == "welcome"


async def test_what_came_in_one_message_with_the_start_is_not_lost() -> None:
    async with connected() as call:
        await call.peer.send_str("start 1 2")
        await call.peer.send_str("3 bye")
        await call.leg.start(5)
        assert await call.events() == [Dtmf("1"), Dtmf("2"), Dtmf("3"), CallEnded("said bye")]


async def test_audio_before_any_config_starts_a_plain_session_and_is_heard() -> None:
    async with connected(PlainProtocol("s", refuse_language=lambda _: "")) as call:
        await call.peer.send_bytes(bytes(4 * 160))
        await call.leg.start(5)
        assert await call.events(limit=1) == [Media(bytes(4 * 160), 0)]


async def test_a_peer_that_does_not_start_in_time_is_at_fault() -> None:
    async with connected() as call:
        await call.peer.send_str("1")  # alive, but no start
        with pytest.raises(RemoteProtocolError, match=r"no start message within 0.02 s"):
            await call.leg.start(0.02)


async def test_a_peer_that_hangs_up_before_the_start_is_at_fault() -> None:
    async with connected() as call:
        closing = asyncio.create_task(call.peer.close())
        with pytest.raises(RemoteProtocolError, match="caller hung up before the call started"):
            await call.leg.start(5)
        await closing


async def test_a_malformed_message_before_the_start_is_answered_and_the_start_still_counts() -> None:
    async with connected(PlainProtocol("s", refuse_language=lambda _: "")) as call:
        await call.peer.send_str('{"type": "conf')
        await call.peer.send_str('{"type": "config"}')
        assert (await call.leg.start(5)).call_id == "s"
        assert (await call.peer.receive_json())["type"] == "session_created"
        assert (await call.peer.receive_json())["type"] == "error"


async def test_a_client_whose_config_is_not_all_right_and_who_sends_no_better_one_is_heard() -> None:
    async with connected(PlainProtocol("s", refuse_language=lambda _: "")) as call:
        await call.peer.send_str('{"type": "config", "sample_rate": 8000, "partials": 7}')
        assert (await call.leg.start(5)).format.sample_rate == 8000
        assert (await call.peer.receive_json())["type"] == "session_created"
        assert (await call.peer.receive_json())["message"].startswith("field partials: got 7")


async def test_a_start_that_breaks_the_protocol_is_the_peers_fault() -> None:
    async with connected() as call:
        await call.peer.send_str("!")
        with pytest.raises(RemoteProtocolError, match="enough"):
            await call.leg.start(5)


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, "caller hung up"), (1001, "caller hung up"), (0, "caller hung up"), (1011, "closed with 1011")],
)
async def test_a_close_ends_the_call_with_its_reason(code: int, reason: str) -> None:
    async with connected() as call:
        payload = code.to_bytes(2) if code else b""
        await call.peer._writer.send_frame(payload, WSMsgType.CLOSE)
        assert await call.events() == [CallEnded(reason)]


async def test_a_connection_that_breaks_ends_the_call() -> None:
    async with connected() as call:
        call.peer._response.connection.transport.abort()  # type: ignore[union-attr]
        (ended,) = await call.events()
        assert isinstance(ended, CallEnded)
        assert ended.reason.startswith("connection lost")


class PbxProtocol(KeypadProtocol):
    """The same over a wire whose end is that of the socket."""

    capabilities = Capabilities(audio_out=True, hangs_up_by_socket=True)


async def test_a_pbx_that_closes_its_socket_has_hung_up_whether_or_not_its_close_frame_came() -> None:
    async with connected(PbxProtocol()) as call:
        call.peer._response.connection.transport.abort()  # type: ignore[union-attr]
        assert await call.events() == [CallEnded("caller hung up")]


async def test_a_silent_peer_is_gone_after_idle_s() -> None:
    async with connected(idle_s=0.03) as call:
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        call.leg.watch(gone.set_result)
        assert await asyncio.wait_for(gone, 5) == "no message from the peer for 0.03 s"


async def test_a_watch_that_has_ended_says_nothing() -> None:
    async with connected(idle_s=0.01) as call:
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        call.leg.watch(gone.set_result)()
        other: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        call.leg.watch(other.set_result)
        await asyncio.wait_for(other, 5)
        assert not gone.done()


async def test_a_peer_that_pings_nobody_is_not_watched() -> None:
    async with connected(idle_s=None) as call:
        call.leg.watch(pytest.fail)()


async def test_an_end_within_a_message_is_the_last_event() -> None:
    async with connected() as call:
        await call.peer.send_str("1 bye 2")
        assert await call.events() == [Dtmf("1"), CallEnded("said bye")]


async def test_a_message_over_the_size_limit_ends_the_call_and_says_so() -> None:
    async with connected(max_msg_size=1024) as call:
        await call.peer.send_str("1" * 2000)
        telling = asyncio.create_task(call.told())
        (ended,) = await call.events()
        assert isinstance(ended, CallEnded)
        assert "1024" in ended.reason
        await telling
        assert call.peer.close_code == WSCloseCode.MESSAGE_TOO_BIG


async def test_a_peer_that_breaks_the_protocol_raises() -> None:
    async with connected() as call:
        await call.peer.send_str("1 !")
        with pytest.raises(RemoteProtocolError, match="enough"):
            await call.events()


# ---------------------------------------------------------------- sending and closing


async def test_commands_leave_as_text_or_bytes_in_order() -> None:
    async with connected() as call:
        await call.leg.send(Play(b"\xff" * 160))
        await call.leg.send(Problem("hm"))
        assert await call.peer.receive_bytes() == b"\xff" * 160
        assert await call.peer.receive_str() == "problem: hm"


async def test_sending_to_a_peer_that_is_gone_does_nothing() -> None:
    async with connected() as call:
        closing = asyncio.create_task(call.peer.close())
        await call.leg.send(Problem("too late"))  # we have not read the close yet
        assert await call.events() == [CallEnded("caller hung up")]
        await closing
        await call.leg.send(Problem("far too late"))


async def test_a_peer_that_stops_reading_is_dropped_after_send_s() -> None:
    async with connected(send_s=0.05) as call:
        ending = asyncio.create_task(call.events())
        for _ in range(64):  # more megabytes than the sockets hold
            await call.leg.send(Play(bytes(1 << 20)))
        assert await ending == [CallEnded("the peer has not read for 0.05 s")]


async def test_a_sender_that_is_cancelled_spoils_nothing_for_those_who_send_after_it() -> None:
    async with connected() as call:
        filling = await filled(call)
        filling.cancel()
        await asyncio.wait({filling})
        after = asyncio.create_task(call.leg.send(Play(b"\x01" * (1 << 20))))
        async for message in call.peer:
            if message.type is WSMsgType.BINARY and message.data[0] == 1:
                break
        await after


async def test_a_connection_that_breaks_while_we_wait_for_the_peer_to_read_is_no_fault_of_ours() -> None:
    async with connected() as call:
        filling = await filled(call)
        call.peer._response.connection.transport.abort()  # type: ignore[union-attr]
        await filling


async def test_closing_does_not_wait_for_a_peer_that_stopped_reading() -> None:
    async with connected(send_s=0.05) as call:
        filling = await filled(call)
        filling.cancel()
        async with asyncio.timeout(5):
            await call.leg.close("good bye")


async def filled(call: Connection) -> asyncio.Task[None]:
    """Return the task that sends, once the peer's and our own buffers are full and it waits."""

    async def fill() -> None:
        for _ in range(64):
            await call.leg.send(Play(bytes(1 << 20)))
            sent.set()

    sent = asyncio.Event()
    filling = asyncio.create_task(fill())
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.03):
                await sent.wait()
            sent.clear()
    return filling


async def test_closing_does_not_wait_long_for_a_peer_that_does_not_answer() -> None:
    async with connected(send_s=0.05, autoclose=False) as call, asyncio.timeout(5):
        await call.leg.close("good bye")


async def test_the_reason_reaches_the_peer() -> None:
    async with connected() as call:
        hearing = asyncio.create_task(call.peer.receive())
        await call.leg.close("too many words", cause=HangupCause.PROTOCOL_ERROR)
        message = await hearing
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1002, "too many words")


class ParlourProtocol(KeypadProtocol):
    """A wire that says goodbye in its own words."""

    def closing(self, reason: str) -> Closing:
        return Closing(["goodbye"], 4321, f"done: {reason}")


@pytest.mark.parametrize(
    ("cause", "told"),
    [(HangupCause.NORMAL, ["goodbye", (4321, "done: over")]), (HangupCause.INTERNAL_ERROR, [(1011, "over")])],
)
async def test_a_wire_with_words_of_its_own_ends_a_call_with_them_unless_somebody_failed(
    cause: HangupCause, told: list[object]
) -> None:
    async with connected(ParlourProtocol()) as call:
        closing = asyncio.create_task(call.leg.close("over", cause=cause))
        heard = [await call.peer.receive() for _ in told]
        await closing
    assert [(one.data, one.extra) if one.type is WSMsgType.CLOSE else one.data for one in heard] == told


@pytest.mark.parametrize(
    ("cause", "code"),
    list(zip(HangupCause, (1000, 1001, 1002, 1011), strict=True)),
)
async def test_each_cause_of_a_hangup_is_a_close_code(cause: HangupCause, code: int) -> None:
    async with connected() as call:
        hearing = asyncio.create_task(call.peer.receive())
        await call.leg.close("over", cause=cause)
        assert (await hearing).data == code


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("x" * 500, "x" * 123),
        ("\N{EURO SIGN}" * 100, "\N{EURO SIGN}" * 41),
        ("x\N{EURO SIGN}" * 100, ("x\N{EURO SIGN}" * 31)[:61]),
        ("half a pair: \ud83d", "half a pair: ?"),
    ],
)
async def test_a_reason_that_no_close_frame_holds_is_cut_between_characters(reason: str, told: str) -> None:
    async with connected() as call:
        hearing = asyncio.create_task(call.peer.receive())
        await call.leg.close(reason)
        assert (await hearing).extra == told


async def test_closing_twice_is_no_fault() -> None:
    async with connected() as call:
        hearing = asyncio.create_task(call.peer.receive())
        await call.leg.close("first")
        await call.leg.close("second")
        assert (await hearing).extra == "first"


# ---------------------------------------------------------------- peers that tell late what they send


def told_of(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


async def test_a_peer_that_tells_its_rate_when_the_call_has_begun_is_heard_and_spoken_to_at_that_rate() -> None:
    async with connected(AudioForkProtocol("made up")) as connection:
        for _ in range(50):
            await connection.peer.send_bytes(bytes(320))
        started = await connection.leg.start(5)
        assert started.format == AudioFormat(Encoding.L16, 8000)
        await connection.peer.send_str('{"sampleRate": "16000"}')
        for _ in range(50):
            await connection.peer.send_bytes(bytes(640))
        closing = asyncio.create_task(connection.peer.close())  # it is answered by who reads events
        events = await connection.events(1000)
        await closing
        assert any("the rate is 16000 Hz" in notice for notice in told_of(events))
        heard = sum(len(event.payload) for event in events if isinstance(event, Media))
        assert heard == pytest.approx(2 * 16_000, abs=100), "a second at 8 kHz, and one at 16 kHz"


async def test_what_is_played_goes_out_at_the_rate_that_was_told_late() -> None:
    async with connected(AudioForkProtocol("made up")) as connection:
        for _ in range(30):
            await connection.peer.send_bytes(bytes(320))
        await connection.leg.start(5)
        await connection.peer.send_str('{"sampleRate": 16000}')
        async for event in connection.leg:
            if isinstance(event, Notice) and "the rate is 16000 Hz" in event.message:
                break
        await connection.leg.send(Play(bytes(16_000)))
        message = await connection.peer.receive()
        assert len(message.data) == pytest.approx(32_000, abs=200)


async def test_a_peer_that_tells_no_rate_and_sends_no_audio_is_spoken_to_all_the_same() -> None:
    async with connected(AudioStreamProtocol("made up")) as connection:
        await connection.peer.send_str('{"uuid": "u1"}')
        started = await connection.leg.start(5)
        assert (started.call_id, started.format.sample_rate) == ("u1", 8000)


async def test_a_peer_that_says_nothing_at_all_does_not_begin_a_call() -> None:
    async with connected(AudioStreamProtocol("made up")) as connection:
        with pytest.raises(RemoteProtocolError, match="no start message"):
            await connection.leg.start(0.7)


async def test_a_peer_that_answers_no_ping_is_pinged_on_and_not_dropped() -> None:
    async with connected(ping_s=0.02) as connection, connection.leg:
        for _ in range(3):
            assert (await connection.peer.receive(5)).type is WSMsgType.PING
        assert not connection.peer.closed
