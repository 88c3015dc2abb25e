"""The bridge's side of the SIP process, with a process that has no stack but says what one would."""

import asyncio
import itertools
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest

from bridge.admission.lines import Lines
from bridge.leg import LegLost, OpeningLeg
from bridge.legs.sip import child
from bridge.legs.sip.from_settings import stack_options
from bridge.legs.sip.link import SipLink
from bridge.metrics import Metrics
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError

SAYS: Final = """
import select, socket, sys
from telephony.sip_frames import Kind, json_frame, on_the_wire
bridge = socket.socket(fileno=int(sys.argv[1]))
bridge.recv(1 << 16)
bridge.sendall(on_the_wire([json_frame(Kind.READY), {frames}]))
{then}
"""
Started = tuple[asyncio.StreamReader, asyncio.StreamWriter, "subprocess.Popen[bytes]"]
CALLS: Final = 'json_frame(Kind.INCOMING, 3, caller="a")'
SERVES: Final = "while bridge.recv(1 << 16): pass"
DIES: Final = "bridge.recv(1 << 16)"
DIES_WITHOUT_READING: Final = "select.select([bridge], [], [])"


class Desk:
    """Starts the first calls and keeps why each did not; later ones it lets ring."""

    def __init__(self, most: int = 1) -> None:
        self.settings, self.lines, self.metrics = Settings(), Lines(10), Metrics()
        self.failed: asyncio.Queue[str] = asyncio.Queue()
        self.rang = asyncio.Event()
        self._most, self._calls = most, itertools.count(1)

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        number = next(self._calls)
        if number > self._most:
            self.rang.set()
        else:
            async with leg:
                await self.take(number, leg)

    async def take(self, number: int, leg: OpeningLeg) -> None:
        try:
            await leg.start(5)
        except (RemoteProtocolError, LegLost) as error:
            self.failed.put_nowait(str(error))
            await leg.close(str(error))


class SlowDesk(Desk):
    """Is done with its first call when the second is there, and starts the second after that."""

    def __init__(self) -> None:
        super().__init__(most=2)
        self._second, self._done = asyncio.Event(), asyncio.Event()

    async def take(self, number: int, leg: OpeningLeg) -> None:
        if number == 2:
            self._second.set()
            await self._done.wait()
        await super().take(number, leg)
        if number == 1:
            await self._second.wait()
            asyncio.get_running_loop().call_soon(self._done.set)  # after the link has heard of it


@asynccontextmanager
async def linked(desk: Desk, frames: str, then: str = SERVES, *, frozen_s: float = 10) -> AsyncIterator[None]:
    """Run a link with a process that says `frames`, and `then` does that."""
    command = (sys.executable, "-c", SAYS.replace("{frames}", frames).replace("{then}", then))
    async with SipLink(stack_options(Settings()), desk, idle_s=5, send_s=5, frozen_s=frozen_s, command=command):
        yield


async def test_a_caller_who_gave_up_before_we_looked_is_told_as_that_at_once() -> None:
    frames = CALLS + ', json_frame(Kind.ENDED, 3, reason="the other side hung up")'
    desk = Desk()
    async with linked(desk, frames), asyncio.timeout(4):
        assert await desk.failed.get() == "the other side hung up before the call started"
        await desk.lines.empty.wait()


@pytest.mark.parametrize("then", [DIES, DIES_WITHOUT_READING])
async def test_a_process_that_dies_is_told_in_one_way_whether_its_socket_closes_or_breaks(
    then: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    async with linked(desk, CALLS, then), asyncio.timeout(20):
        assert await desk.failed.get() == "the SIP process died"
        await desk.rang.wait()
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert told == ["the SIP process died; it is started again in 0.2 s"]
    assert "bridge_sip_restarts_total 1.0" in desk.metrics.text().decode()


async def test_a_process_for_which_there_is_no_descriptor_is_tried_again_like_one_that_died(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begin, starts = child.begin, itertools.count(1)

    async def scarce(command: Sequence[str]) -> Started:
        if next(starts) == 2:
            raise OSError(24, "Too many open files")
        return await begin(command)

    monkeypatch.setattr(child, "begin", scarce)
    desk = Desk()
    async with linked(desk, CALLS, DIES), asyncio.timeout(20):
        assert await desk.failed.get() == "the SIP process died"
        await desk.rang.wait()
    assert "the SIP process cannot be started: [Errno 24] Too many open files; it is started again" in caplog.text


async def test_a_call_whose_process_died_may_end_after_the_next_process_has_given_its_number_again() -> None:
    desk = SlowDesk()
    async with linked(desk, CALLS, DIES), asyncio.timeout(20):
        assert await desk.failed.get() == "the SIP process died"
        assert await desk.failed.get() == "the SIP process died"
        await desk.rang.wait()


async def test_a_process_that_says_nothing_though_it_is_asked_is_killed_and_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    async with linked(desk, CALLS, SERVES, frozen_s=0.4), asyncio.timeout(20):
        assert await desk.failed.get() == "the SIP process said nothing for 0.4 s and was killed"
        await desk.rang.wait()
    assert "it is started again in 0.2 s" in caplog.text
    assert "bridge_sip_frozen_total 1.0" in desk.metrics.text().decode()


async def test_a_process_that_answers_is_left_alone() -> None:
    desk = Desk()
    pong = "bridge.sendall(on_the_wire([json_frame(Kind.PONG)]))"
    frozen_s = 0.4
    answers = f"""
from time import monotonic
until_s = monotonic() + {3 * frozen_s}
while monotonic() < until_s and bridge.recv(1 << 16): {pong}
bridge.sendall(on_the_wire([{CALLS.replace("3", "4")}]))
while bridge.recv(1 << 16): {pong}
"""
    async with linked(desk, CALLS, answers, frozen_s=frozen_s), asyncio.timeout(20):
        await desk.rang.wait()  # the same process has lasted that long, and says so
        metrics = desk.metrics.text().decode()
        assert "bridge_sip_frozen_total 0.0" in metrics and "bridge_sip_restarts_total 0.0" in metrics
