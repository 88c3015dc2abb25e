"""What was sent, what the caller has heard, what was cleared. Pure: time is an argument.

Marks carry a generation: the mark of a cleared reply still comes back, and must not end the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class _Segment:
    text: str
    begins_ms: int  # when its first sample is played, as far as we know
    ends_ms: int
    mark: str = ""  # set once all of it was sent
    played: bool = False  # its mark came back


@dataclass(frozen=True, slots=True)
class Heard:
    """One reply, cut where the caller stopped hearing it."""

    text: str
    """What was heard, whole words."""
    rest: str
    """What was sent and not heard."""


class Playout:
    """The far side's buffer, as seen from here. `now_ms` is any one clock that never goes back."""

    def __init__(self) -> None:
        self._generation = 0
        self._segments: list[_Segment] = []
        self._marks = 0

    def begin(self, text: str, now_ms: int) -> None:
        """Audio of `text` follows."""
        starts_ms = self._ends_ms(now_ms)
        self._segments.append(_Segment(text, starts_ms, starts_ms))

    def sent(self, duration_ms: int, now_ms: int) -> None:
        """`duration_ms` more of the newest segment left; what ran dry meanwhile plays from now."""
        segment = self._segments[-1]
        if segment.begins_ms == segment.ends_ms:
            segment.begins_ms = self._ends_ms(now_ms)
        segment.ends_ms = self._ends_ms(now_ms) + duration_ms

    def mark(self) -> str:
        """Close the newest segment; return the name its mark must carry."""
        self._marks += 1
        self._segments[-1].mark = f"{self._generation}:{self._marks}"
        return self._segments[-1].mark

    def played(self, mark: str, now_ms: int) -> bool:
        """Note a mark that came back; False when it is stale or unknown."""
        index = next((i for i, segment in enumerate(self._segments) if segment.mark == mark), None)
        if index is None:
            return False
        for segment in self._segments[: index + 1]:
            segment.played = True
        shift_ms = now_ms - self._segments[index].ends_ms  # the far side's clock is the true one
        for segment in self._segments[index + 1 :]:
            segment.begins_ms += shift_ms
            segment.ends_ms += shift_ms
        self._segments[index].ends_ms = now_ms
        return True

    def ahead_ms(self, now_ms: int) -> int:
        """Audio that was sent and is not played yet."""
        return self._ends_ms(now_ms) - now_ms

    def pending(self, now_ms: int, *, marks: bool) -> bool:
        """True while the caller may still have audio to hear; by `marks`, or by the clock on wires without.

        A mark is waited for 2 s past its due time, then the clock is believed.
        """
        if not self._segments:
            return False
        grace_ms = 2000 if marks else 0
        return not self._segments[-1].played and now_ms < self._ends_ms(now_ms, floor=False) + grace_ms

    def end(self, now_ms: int) -> Heard:
        """Close this generation, cleared or played out: return what was heard of it. Its marks are stale now."""
        heard, rest = [], []
        for segment in self._segments:
            words = segment.text.split()
            count = len(words) if segment.played else _words_heard(words, segment, now_ms)
            heard += words[:count]
            rest += words[count:]
        self._segments.clear()
        self._generation += 1
        return Heard(" ".join(heard), " ".join(rest))

    def _ends_ms(self, now_ms: int, *, floor: bool = True) -> int:
        end_ms = self._segments[-1].ends_ms if self._segments else now_ms
        return max(end_ms, now_ms) if floor else end_ms


def _words_heard(words: Sequence[str], segment: _Segment, now_ms: int) -> int:
    """Whole words heard by `now_ms`, taking every letter for equally long."""
    if now_ms >= segment.ends_ms or not words:
        return len(words)
    letters = sum(map(len, words)) * (now_ms - segment.begins_ms) / (segment.ends_ms - segment.begins_ms)
    for count, word in enumerate(words):
        letters -= len(word)
        if letters < 0:
            return count
    return len(words)
