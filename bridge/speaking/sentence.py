"""One sentence of the bot: what was made of it, what has left, and what was heard. Pure: time is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.speaking.audio_level import FRAME_MS, word_begin

_LETTER_MS: Final = 65
"""Duration assumed for a letter of a sentence that is still being made: 200 letters are 13 s of speech."""


@dataclass(slots=True, eq=False)
class Sentence:
    """The handle of a sentence in a `Playout`: who makes its audio passes it to `made` and `finish`.

    Only `Playout` changes it.
    """

    text: str
    interruptible: bool
    letters: Sequence[int]
    """Spoken letters of each word of `text`."""
    frame_bytes: int
    """Bytes of FRAME_MS of audio."""
    audio: bytearray = field(default_factory=bytearray)
    levels: list[float] = field(default_factory=list)
    """Level of each frame of `audio`, dBFS. They stay when `audio` is dropped."""
    sent: int = 0
    """Bytes of `audio` that have left."""
    begins_ms: int = 0
    """When the caller hears the first sample, as far as known."""
    whole: bool = False
    """No more audio follows."""
    announced: bool = False
    """Its text has left."""
    mark: str = ""
    """Name of the mark behind it; set once all audio has left."""
    played: bool = False
    """The caller has heard all of it: its mark came back, or is long overdue."""
    over: bool = False
    """Its reply has ended: audio that is still made is dropped."""
    keys_interrupt: bool = False
    """A key ends it."""
    filler: bool = False
    """It is said while the reply is awaited, and is no part of it."""

    @property
    def left(self) -> bool:
        """True while audio or the mark has to leave."""
        return not self.played and not self.mark

    @property
    def unsent_ms(self) -> int:
        """Audio that was made and has not left."""
        return self.ms(len(self.audio) - self.sent)

    @property
    def ends_ms(self) -> int:
        """When the caller has heard all that has left."""
        return self.begins_ms + self.ms(self.sent)

    def ms(self, size: int) -> int:
        """Return the duration of `size` bytes of whole frames."""
        return size * FRAME_MS // self.frame_bytes

    def heard_ms(self, now_ms: int) -> int:
        """Return how much of it was heard by `now_ms`."""
        if self.played:
            return len(self.levels) * FRAME_MS
        return max(0, min(now_ms - self.begins_ms, self.ms(self.sent)))

    def words_heard(self, now_ms: int) -> int:
        """Return how many whole words were heard by `now_ms`; every letter counts as equally long."""
        words = self.text.split()
        heard_ms, total_ms = self.heard_ms(now_ms), self._total_ms()
        if self.played or (self.sent and heard_ms >= total_ms):
            return len(words)
        if not self.sent:
            return 0
        heard = sum(self.letters) * heard_ms / total_ms
        for count, letters in enumerate(self.letters):
            heard -= letters
            if heard < 0:
                return count
        return len(words)

    def split(self, now_ms: int) -> tuple[str, str]:
        """Return the words that were heard by `now_ms`, and the rest."""
        words, count = self.text.split(), self.words_heard(now_ms)
        return " ".join(words[:count]), " ".join(words[count:])

    def heard_out(self, now_ms: int) -> bool:
        """Return whether the caller has heard all of it by `now_ms`."""
        if self.played or not (self.whole and self.sent):
            return self.played
        return not self.split(now_ms)[1] if self.text else self.heard_ms(now_ms) >= self._total_ms()

    def sent_levels(self) -> Sequence[float]:
        """Return the levels of the frames that have left."""
        return self.levels if self.played else self.levels[: self.sent // self.frame_bytes]

    def cut(self, now_ms: int) -> tuple[str, int]:
        """Keep only what was not heard by `now_ms`, from the word that was cut; all of it has to leave again.

        Return the text that was heard and its duration in milliseconds.
        """
        (heard, rest), count = self.split(now_ms), self.words_heard(now_ms)
        latest = self.heard_ms(now_ms) // FRAME_MS
        begin = word_begin(self.levels, near=self._word_frame(count), latest=latest)
        self.text, self.letters = rest, self.letters[count:]
        self.audio, self.levels = self.audio[begin * self.frame_bytes :], self.levels[begin:]
        self.sent, self.begins_ms, self.mark, self.announced = 0, 0, "", True
        return heard, begin * FRAME_MS

    def forget_audio(self) -> None:
        """Drop the audio: it was played. The levels stay."""
        self.audio, self.sent, self.played = bytearray(), 0, True

    def _total_ms(self) -> int:
        made_ms = len(self.levels) * FRAME_MS
        return made_ms if self.whole else max(made_ms, _LETTER_MS * (sum(self.letters) + len(self.letters)))

    def _word_frame(self, count: int) -> int:
        """Return the frame at which word number `count` should begin."""
        share = sum(self.letters[:count]) / max(1, sum(self.letters))
        return round(share * self._total_ms() / FRAME_MS)
