"""One task lets all audio leave, whoever made it and whatever becomes of its maker."""

import asyncio

import pytest
from fakes import PHONE, FakeLeg
from stage import MULAW, settle
from virtual import run

from bridge.speaking.playout import Playout
from bridge.speaking.sender import Sender
from telephony.events import Capabilities, Clear, Command, Mark, Play

SECOND = bytes(8000)


class Wire(FakeLeg):
    """Takes a while for each message, and knows how many are under way."""

    under_way = 0
    most = 0

    def __init__(self, capabilities: Capabilities) -> None:
        super().__init__(capabilities)
        self.begun = asyncio.Event()

    async def send(self, command: Command, /) -> None:
        self.under_way += 1
        self.begun.set()
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        await super().send(command)
        self.under_way -= 1


class Scene:
    def __init__(self, *, ahead_ms: int = 60_000) -> None:
        self.wire, self.playout = Wire(Capabilities(audio_out=True, clear=True, send_ahead_ms=ahead_ms)), Playout(MULAW)
        self.loop = asyncio.get_running_loop()
        self.tasks = list[asyncio.Task[None]]()
        self.sender = Sender(
            self.wire,
            self.playout,
            MULAW,
            clock_ms=lambda: int(self.loop.time() * 1000),
            on_audio=lambda: None,
            start=asyncio.create_task,
        )

    def make(self, seconds: int = 1) -> None:
        sentence = self.playout.begin("word", int(self.loop.time() * 1000))
        self.playout.made(sentence, SECOND * seconds)
        self.playout.finish(sentence)

    @property
    def sent_ms(self) -> int:
        return sum(MULAW.duration_ms(play.payload) for play in self.wire.of(Play))


def test_what_was_made_leaves_though_its_maker_was_cancelled() -> None:
    async def scene() -> int:
        call = Scene(ahead_ms=200)
        call.make(2)
        maker = asyncio.create_task(call.sender.sent())
        await asyncio.sleep(0.5)
        maker.cancel()
        await asyncio.sleep(3)
        return call.sent_ms

    assert run(scene()) == 2000


async def test_two_makers_at_a_time_are_one_sender() -> None:
    call = Scene()
    for _ in range(3):
        call.make()
    await asyncio.gather(*(call.sender.sent() for _ in range(3)))
    assert (call.sent_ms, call.wire.most) == (3000, 1)


async def test_what_is_held_leaves_when_it_is_resumed_though_nobody_waits_for_it() -> None:
    call = Scene()
    call.sender.hold()
    call.make()
    maker = asyncio.create_task(call.sender.sent())
    await settle()
    maker.cancel()
    assert call.sender.held and call.sent_ms == 0
    call.sender.resume()
    await settle()
    assert call.sent_ms == 1000


def test_the_next_reply_does_not_wait_for_room_that_the_last_one_needed() -> None:
    async def scene() -> int:
        call = Scene(ahead_ms=800)
        call.make(2)
        maker = asyncio.create_task(call.sender.sent())
        await asyncio.sleep(0.1)  # 800 ms are ahead, and 300 of the next 400 have no room
        call.playout.end(100)
        call.sender.restart()
        call.make()
        again = asyncio.create_task(call.sender.sent())
        before = call.sent_ms
        await asyncio.sleep(0.01)
        after = call.sent_ms
        await asyncio.gather(maker, again)
        return after - before

    assert run(scene()) == 800


async def test_a_clear_waits_for_what_is_being_sent_and_goes_before_what_comes_next() -> None:
    call = Scene()
    call.make()
    sending = asyncio.create_task(call.sender.sent())
    await call.wire.begun.wait()
    call.playout.end(0)
    call.sender.restart()
    clearing = asyncio.create_task(call.sender.clear())
    await asyncio.sleep(0)
    call.make()
    await asyncio.gather(sending, clearing, call.sender.sent())
    kinds = [type(command) for command in call.wire.sent]
    assert kinds.index(Clear) == 1 and call.wire.most == 1


@pytest.mark.parametrize("marks", [True, False])
async def test_marks_leave_where_the_wire_has_them(marks: bool) -> None:
    call = Scene()
    call.wire.capabilities = PHONE if marks else call.wire.capabilities
    call.make()
    await call.sender.sent()
    assert len(call.wire.of(Mark)) == marks
