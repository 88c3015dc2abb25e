"""The caller's audio on a socket whose start tells its format: it may come too early, and be cut within a sample."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from telephony.early import Early
from telephony.errors import LocalProtocolError
from telephony.events import AudioFormat, Event, Media
from telephony.malformed import understood_late
from telephony.media_time import MediaTime
from telephony.whole_samples import WholeSamples

T = TypeVar("T")


class StreamAudio(Generic[T]):
    """One stream: WAITING -begin-> BEGUN. What comes while it waits is kept, and means what it would have meant later.

    `T` is a message, as the wire keeps it.
    """

    def __init__(self, *, waits_for: str, at_most: int) -> None:
        """`waits_for`: what begins it, for people. `at_most`: bytes or characters of all that is kept until then."""
        self._waits_for = waits_for
        self._early = Early[T](at_most=at_most)
        self._time: MediaTime | None = None  # set by `begin`, as is the next
        self._whole = WholeSamples()

    @property
    def begun(self) -> bool:
        return self._time is not None

    @property
    def time(self) -> MediaTime:
        """The media time; its `audio` is the format.

        Raises:
            LocalProtocolError: it has not begun.
        """
        self.check_begun()
        assert self._time
        return self._time

    def check_begun(self) -> None:
        """Let pass what is said once it has begun.

        Raises:
            LocalProtocolError: it has not.
        """
        if self._time is None:
            raise LocalProtocolError(f"nothing can be said before {self._waits_for}: the format is not known yet")

    def keep(self, message: T, *, size: int) -> Sequence[Event]:
        """Keep what comes too early, of `size` bytes or characters; it means nothing for now."""
        self._early.keep(message, size=size)
        return ()

    def begin(self, audio: AudioFormat, understand: Callable[[T], Sequence[Event]]) -> Sequence[Event]:
        """Begin in this format; return what the messages mean that were kept, as `understand` has it."""
        self._time, self._whole = MediaTime(audio), WholeSamples(audio.encoding)
        return understood_late(self._early.take(), understand)

    def take(self, payload: bytes) -> Sequence[Media]:
        """Return the whole samples of `payload`, behind what there is.

        Raises:
            LocalProtocolError: it has not begun.
        """
        time, samples = self.time, self._whole.take(payload)
        return [time.place(samples)] if samples else ()
