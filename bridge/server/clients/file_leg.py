"""Audio as the caller's side of a call without a bot, a file's among it: its transcripts are for who waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from bridge.leg import HangupCause
from bridge.legs.base import PassiveLeg
from bridge.speech.api import SAMPLE_RATE, Samples
from telephony.codec import encode
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Encoding,
    Event,
    Media,
    Problem,
    Transcript,
)
from telephony.recognition import RecognitionOptions

AUDIO: Final = AudioFormat(Encoding.L16, SAMPLE_RATE)
_PIECE: Final = SAMPLE_RATE  # a second


class FileFailed(Exception):
    """Not all of it could be recognised; the text says why."""


class WrittenLeg(PassiveLeg):
    """Audio that comes from elsewhere. `finals` yields what is said in it."""

    capabilities = Capabilities(transcripts=True)

    def __init__(self, started: CallStarted, events: AsyncIterator[Event]) -> None:
        """`events`: its audio, and its end."""
        self._started, self._events = started, events
        self._told: asyncio.Queue[Transcript | None] = asyncio.Queue()
        self._fault = ""

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        return self._started

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """See OpeningLeg."""
        return lambda: None

    async def send(self, command: Command, /) -> None:
        """See Leg."""
        match command:
            case Transcript(text, final=True) if text:
                self._told.put_nowait(command)
            case Problem(message):
                self._fault = message

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """See OpeningLeg."""
        if cause is not HangupCause.NORMAL:
            self._fault = self._fault or reason
        self.over()

    def over(self) -> None:
        """Nothing more comes."""
        self._told.put_nowait(None)

    async def finals(self) -> AsyncIterator[Transcript]:
        """Yield what is said, as it is recognised.

        Raises:
            FileFailed: some of it was not.
        """
        while final := await self._told.get():
            yield final
        if self._fault:
            raise FileFailed(self._fault)


class FileLeg(WrittenLeg):
    """One file."""

    def __init__(self, call_id: str, sound: Samples, options: RecognitionOptions) -> None:
        """`sound`: 16 kHz."""
        super().__init__(CallStarted(call_id, AUDIO, options=options), _events(sound))


async def _events(sound: Samples) -> AsyncIterator[Event]:
    for begin in range(0, len(sound), _PIECE):
        payload = encode(sound[begin : begin + _PIECE], AUDIO.encoding)
        yield Media(payload, begin * 1000 // SAMPLE_RATE)
    yield CallEnded("the file has ended")
