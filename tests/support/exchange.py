"""A telephone exchange of a test's own: it carries calls out as the switchboard does, to telephones that do as told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from bridge.admission.lines import Lines
from bridge.leg import HangupCause, OpeningLeg
from bridge.legs.base import PassiveLeg
from bridge.metrics import Metrics
from bridge.outbound.call_request import CallRequest
from bridge.settings import Settings
from telephony.events import AudioFormat, CallEnded, CallStarted, Capabilities, Command, Encoding, Event
from telephony.outcome import NotAnswered, Outcome

L16: Final = AudioFormat(Encoding.L16, 8000)


class Telephone(PassiveLeg):
    """A leg whose other side does what the test says."""

    capabilities = Capabilities(audio_out=True)

    def __init__(self) -> None:
        self.ringing, self.closed = False, ""
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, error: Exception | None = None) -> None:
        if error:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(None)

    async def start(self, timeout_s: float) -> CallStarted:
        self.ringing = True
        await self._answer
        return CallStarted("wire-1", L16, caller="sip:us", parameters={"X-a": "1", "name": "?"})

    async def __aiter__(self) -> AsyncIterator[Event]:
        yield CallEnded("hung up")

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None

    async def send(self, command: Command, /) -> None:
        pass

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        self.closed = reason
        if not self._answer.done():
            self.answer(NotAnswered(Outcome.FAILED, reason))


class Exchange:
    """Carries calls as the switchboard does, until the test ends them."""

    def __init__(self, lines: int = 10) -> None:
        self.settings, self.lines, self.metrics = Settings(), Lines(lines), Metrics()
        self.started: list[CallStarted] = []
        self.over = asyncio.Event()
        self.phones: list[Telephone] = []
        self.asked: list[CallRequest] = []

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        async with leg:
            await self._answer(leg)

    async def _answer(self, leg: OpeningLeg) -> None:
        cause = HangupCause.NORMAL
        try:
            self.started.append(await leg.start(10))
            await self.over.wait()
            reason = "the caller hung up"
        except NotAnswered as why:
            reason = str(why)
        except RuntimeError as fault:
            reason, cause = str(fault), HangupCause.INTERNAL_ERROR
        await leg.close(reason, cause=cause)

    def trunk(self, request: CallRequest, call_id: str) -> Telephone:
        self.asked.append(request)
        self.phones.append(Telephone())
        return self.phones[-1]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
