"""The two directions of one call between the stack's buffers and the bridge. Pure: time and fill are arguments."""

from typing import Final

from bridge.legs.marked_audio import MarkedAudio
from telephony.events import AudioFormat, Encoding
from telephony.media_time import ClockedMediaTime

FRAME_MS: Final = 20
LEAD_MS: Final = 60
"""Audio kept in the stack's buffer while the bot speaks: a shorter stall of this process is not heard."""
HOLE_MS: Final = 60
"""How far the caller's audio may be behind the clock before silence stands for it: three packets."""
_AHEAD_MS: Final = 500
"""The caller's audio may be so far ahead of the clock; more than that is another clock."""
_BYTES: Final = 2  # of a sample
_HELD_MS: Final = 100
"""So much of the caller's audio may be in the stack's buffers when the call ends: nobody threw it away."""
_G711_BYTES: Final = 8  # a millisecond, of G.722 too (RFC 3551)


def thrown_away_ms(came_bytes: int, given_ms: int) -> int:
    """Return how much of the caller's audio was lost on its way through the stack, about: it tells nobody.

    `came_bytes`: of the RTP packets, without their headers, all of 64 kbit/s. `given_ms`: what of it we got.
    """
    return max(0, came_bytes // _G711_BYTES - given_ms - _HELD_MS)


class Outlet:
    """The bot's audio that nobody has heard yet, and the marks in it."""

    def __init__(self, rate: int) -> None:
        """`rate`: hertz."""
        self.late = 0
        """Times the stack ran dry while there was something to say: the caller heard a gap."""
        self._frame = rate * FRAME_MS // 1000 * _BYTES
        self._lead = self._frame * LEAD_MS // FRAME_MS
        self._audio = MarkedAudio()
        self._flowing = False  # the stack was left with audio that more follows

    def __bool__(self) -> bool:
        """True while audio or marks wait."""
        return len(self._audio) > 0 or self._audio.marked

    def play(self, payload: bytes) -> None:
        """Add audio."""
        self._audio.play(payload)

    def mark(self, name: str) -> None:
        """Put a mark behind all audio so far."""
        self._audio.mark(name)

    def clear(self) -> list[str]:
        """Drop all audio; return the marks that waited."""
        self._flowing = False
        return self._audio.clear()

    def next(self, buffered: int) -> bytes:
        """Return what the stack is to get now that it holds `buffered` bytes; whole frames."""
        self.late += self._flowing and not buffered
        size = min(len(self._audio), max(0, self._lead - buffered))
        if buffered + size > self._frame:
            size -= size % self._frame  # more may follow in time
        chunk = self._audio.take(size)
        self._flowing = len(self._audio) >= self._frame
        return chunk + bytes(-len(chunk) % self._frame)

    def played(self, buffered: int) -> list[str]:
        """Return the marks that the caller has heard now that the stack holds `buffered` bytes."""
        return self._audio.reached(unheard=buffered)


class Inlet:
    """The caller's audio against the clock: silence stands for what is too late, and is counted.

    Late audio is not thrown away: speech that comes late is still speech, and its lead covers the next hole.
    """

    def __init__(self, rate: int, now_ms: float) -> None:
        """`rate`: hertz. `now_ms`: when the call began, by any clock that never goes back, as in `take`."""
        self.concealed_ms = 0
        """Silence so far."""
        self._rate, self._given = rate, 0
        self._time = ClockedMediaTime(AudioFormat(Encoding.L16, rate), now_ms)

    @property
    def given_ms(self) -> int:
        """Audio so far that is the caller's."""
        return self._given * 1000 // self._rate

    def take(self, payload: bytes, now_ms: float) -> tuple[bytes, int]:
        """Return the audio that came by now and, after it, samples of silence for what did not."""
        self._given += len(payload) // _BYTES
        self._time.place(payload)
        self._time.hold_ahead(now_ms, _AHEAD_MS)
        behind_ms = self._time.behind_ms(now_ms)
        if behind_ms < HOLE_MS:
            return payload, 0
        missing_ms = int(behind_ms) // FRAME_MS * FRAME_MS
        missing = missing_ms * self._rate // 1000
        self._time.fill(missing)
        self.concealed_ms += missing_ms
        return payload, missing
