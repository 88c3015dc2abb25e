"""Media time of one call: whole milliseconds, counted from the audio itself. Pure: the clock is an argument."""

from telephony.codec import silence
from telephony.events import AudioFormat, Media


class MediaTime:
    """Counts the caller's audio, so that every Media begins where the one before it ended."""

    def __init__(self, audio: AudioFormat) -> None:
        self.audio = audio
        self.samples = 0
        """So far, in the format of now."""
        self._before_ms = 0  # of the formats before this one

    @property
    def now_ms(self) -> int:
        """Where the next Media begins."""
        return self._before_ms + self.samples * 1000 // self.audio.sample_rate

    def change(self, audio: AudioFormat) -> None:
        """Go on in another format."""
        self._before_ms += self.samples * 1000 // self.audio.sample_rate
        self.audio, self.samples = audio, 0

    def place(self, payload: bytes, *, concealed: bool = False) -> Media:
        """Return `payload`, whole samples, behind what there is."""
        at_ms = self.now_ms
        self.samples += len(payload) // self.audio.encoding.sample_bytes
        return Media(payload, at_ms, concealed=concealed)


class ClockedMediaTime(MediaTime):
    """Media time against a clock of ours: tells how much audio is missing, and puts silence in its place."""

    def __init__(self, audio: AudioFormat, now_ms: float) -> None:
        """`now_ms`: when the call began, by any clock that never goes back, as in the methods."""
        super().__init__(audio)
        self._began_ms = now_ms

    @property
    def due_ms(self) -> float:
        """When the audio so far has been heard, by our clock."""
        return self._began_ms + self._length_ms

    def behind_ms(self, now_ms: float) -> float:
        """Return how far the audio is behind the clock; below 0 where it is ahead."""
        return now_ms - self._began_ms - self._length_ms

    def forget_behind(self, now_ms: float) -> None:
        """Take the audio as it is for punctual, where it is behind: what is missing will not be filled up."""
        self._began_ms = max(self._began_ms, now_ms - self._length_ms)

    def hold_ahead(self, now_ms: float, at_most_ms: float) -> None:
        """Let the audio be `at_most_ms` ahead: what is more comes from another clock, and is no store."""
        self._began_ms = min(self._began_ms, now_ms - self._length_ms + at_most_ms)

    def fill(self, samples: int, *, concealed: bool = False) -> Media:
        """Return so much silence, behind what there is."""
        return self.place(silence(self.audio.encoding, samples), concealed=concealed)

    @property
    def _length_ms(self) -> float:
        return self.samples * 1000 / self.audio.sample_rate
