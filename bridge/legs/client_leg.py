"""The leg of a client: how fast it sends, its turn where that is faster than speech, and when it idles."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

from bridge.admission.arrival import Arrival
from bridge.admission.fast_lane import PIECE_MS, FastLane
from bridge.leg import OpeningLeg
from bridge.legs.base import WrappedLeg
from bridge.speech.api import Standing
from bridge.timeouts import Countdown
from telephony.events import AudioFormat, CallStarted, Event, Media, StillThere


class ClientLeg(WrappedLeg):
    """Around the leg of a client, which may send a recording as fast as it likes, or nothing at all."""

    def __init__(self, leg: OpeningLeg, *, arrival: Arrival, lane: FastLane, idle_s: float) -> None:
        """`idle_s`: without audio for so long, the client is to be closed; 0: never."""
        super().__init__(leg)
        self._arrival, self._lane = arrival, lane
        self._idle = _Idle(idle_s)
        self._audio: AudioFormat | None = None

    @property
    def standing(self) -> Standing:
        """How urgent its decodes are; who speaks with a bot is a caller."""
        if self._arrival.fast:
            return Standing.FAST
        return Standing.CALL if self.capabilities.audio_out else Standing.LIVE

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        started = await super().start(timeout_s)
        self._audio = started.format
        return started

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in self._leg:
            if isinstance(event, Media) and self._audio:
                self._idle.hold()
                async for piece in self._in_turn(event, self._audio):
                    yield piece
                self._idle.go_on()
            elif isinstance(event, StillThere):
                self._idle.go_on()
            else:
                yield event

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """See OpeningLeg."""
        end_leg, end_idle = self._leg.watch(gone), self._idle.watch(gone)

        def end() -> None:
            end_leg()
            end_idle()

        return end

    async def _in_turn(self, media: Media, audio: AudioFormat) -> AsyncIterator[Media]:
        """Yield `media`, in pieces that wait for their turn where it comes faster than speech."""
        self._arrival.came(len(media.payload) * 1000 / (audio.encoding.sample_bytes * audio.sample_rate))
        if not self._arrival.fast:
            self._lane.live()
            yield media
            return
        for piece in _pieces(media, audio):
            over = await self._lane.turn()
            yield piece
            over()


class _Idle:
    """Measures for how long a client has sent no audio, while we listened."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._gone: Callable[[str], None] = lambda reason: None
        self._countdown: Countdown | None = None
        self._held = False

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once it is too long; return what ends the watch."""
        if self._idle_s:
            self._gone, self._countdown = gone, Countdown(self._idle_s, self._over)
        return self._end

    def hold(self) -> None:
        """Do not count: we work on what it sent, or let it wait."""
        self._held = True

    def go_on(self) -> None:
        """Count anew."""
        self._held = False
        if self._countdown:
            self._countdown.renew()

    def _over(self) -> None:
        if self._held:
            self._countdown = Countdown(self._idle_s, self._over)
        else:
            self._gone(f"no audio for {self._idle_s:g} s")

    def _end(self) -> None:
        if self._countdown:
            self._countdown.end()


def _pieces(media: Media, audio: AudioFormat) -> Iterator[Media]:
    size = audio.bytes_in(PIECE_MS)
    for begin in range(0, len(media.payload), size):
        at_ms = media.at_ms + audio.duration_ms(media.payload[:begin])
        yield replace(media, payload=media.payload[begin : begin + size], at_ms=at_ms)
