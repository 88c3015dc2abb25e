"""A client's leg: how urgent it is, its pieces, and its end without audio."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from fakes import FakeClock

from bridge.admission.arrival import Arrival
from bridge.admission.fast_lane import FastLane
from bridge.leg import HangupCause
from bridge.legs.client_leg import ClientLeg
from bridge.speech.api import Standing
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Encoding,
    Event,
    Finalize,
    Media,
    StillThere,
)

pytestmark = pytest.mark.virtual_time

MULAW = AudioFormat(Encoding.MULAW, 8000)
IDLE_S = 30


class Socket:
    """A leg that hands on what the test feeds."""

    def __init__(self, *, talks: bool = False) -> None:
        self.capabilities = Capabilities(transcripts=True, audio_out=talks)
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.watched = True

    async def __aenter__(self) -> "Socket":
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def start(self, timeout_s: float) -> CallStarted:
        return CallStarted("s", MULAW)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            yield await self.events.get()

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        def end() -> None:
            self.watched = False

        return end

    async def send(self, command: Command, /) -> None: ...

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None: ...


class Client:
    """A client whose clock the test moves."""

    def __init__(self, *, talks: bool = False, idle_s: float = 0) -> None:
        self.clock, self.socket = FakeClock(), Socket(talks=talks)
        lane = FastLane(lambda: 0, self.clock)
        self.leg = ClientLeg(self.socket, arrival=Arrival(self.clock), lane=lane, idle_s=idle_s)

    async def hears(self, *events: Event) -> list[Event]:
        """Return what a call hears of `events`."""
        await self.leg.start(1)
        for event in (*events, CallEnded("bye")):
            self.socket.events.put_nowait(event)
        heard: list[Event] = []
        async for event in self.leg:
            heard.append(event)
            if isinstance(event, CallEnded):
                break
        return heard[:-1]


def audio(ms: int, at_ms: int = 0) -> Media:
    return Media(bytes(n % 251 for n in range(8 * ms)), at_ms)


@pytest.mark.parametrize(("talks", "standing"), [(True, Standing.CALL), (False, Standing.LIVE)])
async def test_who_speaks_with_a_bot_is_a_caller_and_who_wants_transcripts_a_client(
    talks: bool, standing: Standing
) -> None:
    client = Client(talks=talks)
    assert client.leg.standing is standing
    await client.hears(audio(1000))
    assert client.leg.standing is standing
    await client.hears(audio(5000))
    assert client.leg.standing is Standing.FAST


async def test_speech_is_handed_on_as_it_came() -> None:
    said: list[Event] = [audio(20), Finalize(), audio(20, 20)]
    assert await Client().hears(*said) == said


async def test_a_recording_is_handed_on_in_pieces_and_all_of_it() -> None:
    recording = audio(5001, 7)
    pieces = [piece for piece in await Client().hears(recording) if isinstance(piece, Media)]
    assert b"".join(piece.payload for piece in pieces) == recording.payload
    assert len(pieces) > 20
    ends = [piece.at_ms + MULAW.duration_ms(piece.payload) for piece in pieces]
    assert [piece.at_ms for piece in pieces] == [7, *ends[:-1]]


async def test_a_client_without_audio_is_told_so_whatever_else_it_sends() -> None:
    client, gone = Client(idle_s=IDLE_S), list[str]()
    await client.leg.start(1)
    unwatch = client.leg.watch(gone.append)
    events = aiter(client.leg)
    for _ in range(IDLE_S - 1):
        await asyncio.sleep(1)
        client.socket.events.put_nowait(Finalize())
        assert await anext(events) == Finalize() and not gone
    await asyncio.sleep(2)
    assert gone == [f"no audio for {IDLE_S} s"]
    unwatch()
    assert not client.socket.watched


async def test_a_client_whose_audio_we_let_wait_is_not_idle() -> None:
    client, gone = Client(idle_s=IDLE_S), list[str]()
    await client.leg.start(1)
    unwatch = client.leg.watch(gone.append)
    client.socket.events.put_nowait(audio(20))
    events = aiter(client.leg)
    assert isinstance(await anext(events), Media)
    await asyncio.sleep(3 * IDLE_S)  # as a call that waits for its own finals
    assert gone == []
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(IDLE_S + 1)
    assert gone
    unwatch()
    waiting.cancel()


async def test_a_client_that_says_it_is_there_stays_and_the_call_hears_nothing_of_it() -> None:
    client, gone = Client(idle_s=IDLE_S), list[str]()
    await client.leg.start(1)
    unwatch = client.leg.watch(gone.append)
    waiting = asyncio.ensure_future(anext(aiter(client.leg)))
    for _ in range(6):
        client.socket.events.put_nowait(StillThere())
        await asyncio.sleep(IDLE_S / 2)
    assert gone == [] and not waiting.done()
    unwatch()
    waiting.cancel()


async def test_without_an_idle_time_nobody_is_closed() -> None:
    client, gone = Client(idle_s=0), list[str]()
    unwatch = client.leg.watch(gone.append)
    await asyncio.sleep(3600)
    unwatch()
    assert gone == []
