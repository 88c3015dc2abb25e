"""The calls that are on now and can be watched, and the leg through which that is done."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bridge.leg import Leg
from bridge.monitoring.call_sound import CallSound
from bridge.records.journal import Journal
from telephony.events import AudioFormat, Clear, Command, Event, Media, Play


class WatchedLeg:
    """`leg`, whose audio can be watched."""

    def __init__(self, leg: Leg, audio: AudioFormat) -> None:
        """`audio`: the leg's, both ways."""
        self.capabilities = leg.capabilities
        self._leg = leg
        self._sound = CallSound(audio)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Leg."""
        async for event in self._leg:
            if isinstance(event, Media):
                self._sound.hear(event.payload)
            yield event

    async def send(self, command: Command, /) -> None:
        """See Leg."""
        await self._leg.send(command)
        match command:
            case Play(payload):
                self._sound.play(payload)
            case Clear():
                self._sound.clear()

    def watched(self) -> AbstractContextManager[CallSound]:
        """Yield the sound of the call, which is kept up to date inside the `with`. Several may watch."""
        return self._sound.watched()


@dataclass(frozen=True, slots=True, eq=False)
class WatchedCall:
    """A call that is on now, its sound, and its record."""

    leg: WatchedLeg
    journal: Journal
    """Its record: `journal.name` names it, `journal.facts` is what is known of the call."""


class WatchedCalls:
    """Those of one server, by the names of their records."""

    def __init__(self) -> None:
        self._calls: dict[str, WatchedCall] = {}

    def __iter__(self) -> Iterator[WatchedCall]:
        """Yield each, the oldest first."""
        return iter(tuple(self._calls.values()))

    def get(self, record: str) -> WatchedCall | None:
        """Return the one whose record is `record`; None where it is not on."""
        return self._calls.get(record)

    @contextmanager
    def listed(self, call: WatchedCall) -> Iterator[None]:
        """Have `call` among them inside the `with`."""
        self._calls[call.journal.name] = call
        try:
            yield
        finally:
            del self._calls[call.journal.name]
