"""The calls that are on now and can be watched, and the leg through which that is done."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.leg import Leg
from bridge.monitoring.call_sound import CallSound
from bridge.records.journal import Journal
from telephony.codec import silence
from telephony.events import AudioFormat, Clear, Command, Event, Media, Play

_AFTER_SECRET_MS: Final = 1500


class WatchedLeg:
    """`leg`, whose audio can be watched."""

    def __init__(self, leg: Leg, audio: AudioFormat, *, secret: Callable[[], bool] = lambda: False) -> None:
        """`audio`: the leg's, both ways. `secret`: the caller presses what nobody may hear."""
        self.capabilities = leg.capabilities
        self._leg, self._audio, self._secret = leg, audio, secret
        self._muted_ms = 0
        self._sound = CallSound(audio)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """See Leg."""
        async for event in self._leg:
            if isinstance(event, Media):
                self._sound.hear(self._audible(event.payload))
            yield event

    def _audible(self, payload: bytes) -> bytes:
        """Return what of the caller's audio may be heard; a tone may reach us later than its key did."""
        if self._secret():
            self._muted_ms = _AFTER_SECRET_MS
        elif self._muted_ms > 0:
            self._muted_ms -= self._audio.duration_ms(payload)
        else:
            return payload
        return silence(self._audio.encoding, len(payload) // self._audio.encoding.sample_bytes)

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
    """Its record: `journal.record` names it, `journal.facts` is what is known of the call."""


class WatchedCalls:
    """Those of one server, by the names of their records.

    What happens on them is in `LiveCalls`, in the room of the records, which know no sound.
    """

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
        self._calls[call.journal.record] = call
        try:
            yield
        finally:
            del self._calls[call.journal.record]
