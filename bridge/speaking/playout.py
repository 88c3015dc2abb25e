"""What of the bot's voice was made, has left, was heard and was cleared. Pure: time is an argument.

    begin -> made ... -> finish, sentence by sentence; `next` says what has to leave, `sent` that it did

A reply that is held keeps what was not heard: it leaves again, from the word where it was cut. Every stretch between
two cuts is a generation with marks of its own: those of a cleared one still come back, and must not end the next.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.speaking.audio_level import FRAME_MS, SILENT_DB, levels_db, word_begin
from telephony.codec import decode
from telephony.events import AudioFormat, Mark, Play, Reply

_LETTER_MS: Final = 65
"""What a letter of a sentence that is still being made is taken to last: 200 of them are 13 s of speech."""
_MARK_GRACE_MS: Final = 2000
"""A mark is waited for so long past its due time, then the clock is believed."""
_PAST: Final = 8
"""Stretches of audio whose loudness is remembered after they were heard."""


@dataclass(slots=True)
class _Sentence:
    text: str
    interruptible: bool
    letters: Sequence[int]  # of each word, as it is spoken
    audio: bytearray = field(default_factory=bytearray)
    levels: list[float] = field(default_factory=list)  # of `audio`, frame by frame
    sent: int = 0  # bytes of it
    begins_ms: int = 0  # when its first sample is played, as far as we know
    whole: bool = False  # no more audio of it comes
    announced: bool = False
    mark: str = ""  # set once all of it was sent
    played: bool = False  # its mark came back


@dataclass(frozen=True, slots=True)
class HeardSoFar:
    """One reply, cut where the caller stopped hearing it."""

    text: str = ""
    """What was heard, whole words."""
    rest: str = ""
    """What was made and not heard."""
    played_ms: int = 0
    """Audio that was heard."""


class Playout:
    """The far side's buffer, as seen from here, and what waits to go there. `now_ms` is any one clock that never goes
    back. No more than the far side may hold and one sentence of audio is kept."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio, self._generation, self._marks = audio, 0, 0
        self._sentences: list[_Sentence] = []
        self._heard: list[tuple[str, int]] = []  # of the reply, before it was held: text, ms
        self._past: deque[tuple[int, Sequence[float]]] = deque(maxlen=_PAST)
        self._dry_ms = 0  # when the far side has played all that was sent
        self._frame = max(1, audio.sample_rate * FRAME_MS // 1000)
        self._frame_bytes = self._frame * audio.encoding.sample_bytes

    # ------------------------------------------------------------ making and sending

    def begin(
        self, text: str, now_ms: int, *, interruptible: bool = True, letters: Sequence[int] | None = None
    ) -> None:
        """Audio of `text` follows. `letters`: how many are spoken for each of its words, where that differs."""
        for sentence in self._sentences:
            if sentence.whole and sentence.mark and now_ms >= self._ends_ms(sentence) + _MARK_GRACE_MS:
                self._forget_audio(sentence)
        self._sentences.append(_Sentence(text, interruptible, letters or _lengths(text)))

    def made(self, payload: bytes) -> None:
        """Take more audio of the newest sentence: whole frames of 20 ms."""
        sentence = self._sentences[-1]
        sentence.audio += payload
        sentence.levels += levels_db(decode(payload, self._audio.encoding), self._frame)

    def finish(self) -> None:
        """The newest sentence is whole."""
        self._sentences[-1].whole = True

    def next(self, step_ms: int) -> Play | Mark | Reply | None:
        """Return what has to leave next, at most `step_ms` of audio; None while there is nothing."""
        for sentence in self._sentences:
            if sentence.played or sentence.mark:
                continue
            if sentence.sent < len(sentence.audio):
                if not sentence.announced:
                    return Reply(sentence.text)
                step = max(1, step_ms // FRAME_MS) * self._frame_bytes
                return Play(bytes(sentence.audio[sentence.sent : sentence.sent + step]))
            if not sentence.whole:
                return None
            return Mark(f"{self._generation}:{self._marks + 1}")
        return None

    def sent(self, command: Play | Mark | Reply, now_ms: int) -> None:
        """`command`, the one `next` gave, left; audio that finds the far side dry plays from now."""
        sentence = next(s for s in self._sentences if not s.played and not s.mark)
        match command:
            case Reply():
                sentence.announced = True
            case Mark(name):
                sentence.mark = name
                self._marks += 1
            case Play(payload):
                begins_ms = max(self._dry_ms, now_ms)
                if not sentence.sent:
                    sentence.begins_ms = begins_ms
                sentence.sent += len(payload)
                self._dry_ms = begins_ms + self._audio.duration_ms(payload)

    def played(self, mark: str, now_ms: int) -> bool:
        """Note a mark that came back; False when it is stale or unknown."""
        index = next((i for i, s in enumerate(self._sentences) if s.mark and s.mark == mark), None)
        if index is None:
            return False
        shift_ms = now_ms - self._ends_ms(self._sentences[index])  # the far side's clock is the true one
        for sentence in self._sentences[: index + 1]:
            sentence.played = True
            self._forget_audio(sentence)
        for sentence in self._sentences[index + 1 :]:
            sentence.begins_ms += shift_ms
        self._dry_ms = max(now_ms, self._dry_ms + shift_ms)
        return True

    # ------------------------------------------------------------ what the caller hears

    def ahead_ms(self, now_ms: int) -> int:
        """Return how much audio was sent and is not played yet."""
        return max(0, self._dry_ms - now_ms)

    def left_ms(self, now_ms: int) -> int:
        """Return how much audio was made and is not heard yet."""
        waiting = sum(len(s.audio) - s.sent for s in self._sentences)
        return self.ahead_ms(now_ms) + self._ms(waiting)

    def pending(self, now_ms: int, *, marks: bool) -> bool:
        """True while the caller may still have audio to hear; by `marks`, or by the clock on wires without."""
        if any(s.sent < len(s.audio) for s in self._sentences):
            return True
        newest = next((s for s in reversed(self._sentences) if s.sent or s.played), None)
        if newest is None or newest.played:
            return False
        return now_ms < self._dry_ms + (_MARK_GRACE_MS if marks else 0)

    def insists(self, now_ms: int, *, marks: bool) -> bool:
        """True while a sentence that may not be interrupted is being heard, or is made and leads to be heard.

        Its end is told by `marks` where there are: the far side may lag behind our clock, and must not be cleared yet.
        """

        def due(sentence: _Sentence) -> bool:
            lags = marks and sentence.mark and now_ms < self._ends_ms(sentence) + _MARK_GRACE_MS
            unheard = self._heard_ms(sentence, now_ms) < self._ms(len(sentence.audio))
            return not sentence.played and bool(unheard or (lags and not sentence.interruptible))

        return not next((s.interruptible for s in self._sentences if due(s)), True)

    def heard(self, now_ms: int) -> HeardSoFar:
        """Return what was heard of the reply by now."""
        parts = [(" ".join(s.text.split()[:n]), s, n) for s in self._sentences for n in [self._words(s, now_ms)]]
        texts = [text for text, _ in self._heard] + [text for text, _, _ in parts]
        rests = [" ".join(s.text.split()[n:]) for _, s, n in parts]
        played_ms = sum(ms for _, ms in self._heard) + sum(self._heard_ms(s, now_ms) for s in self._sentences)
        return HeardSoFar(_joined(texts), _joined(rests), played_ms)

    def loudest_db(self, from_ms: int, to_ms: int) -> float:
        """Return the level, dBFS, of the loudest 20 ms that the caller heard in that time, by our clock."""
        left = [s for s in self._sentences if s.sent or s.played]
        now = [(s.begins_ms, s.levels if s.played else s.levels[: s.sent // self._frame_bytes]) for s in left]
        return max(_loudest([*self._past, *now], from_ms, to_ms), default=SILENT_DB)

    # ------------------------------------------------------------ cutting

    def hold(self, now_ms: int, *, cleared: bool) -> None:
        """The caller stops hearing the reply: what was not heard has to leave again, from the word that was cut.

        `cleared`: the far side throws its audio away; otherwise it plays on what it has.
        """
        heard_ms = now_ms if cleared else max(now_ms, self._dry_ms)
        kept = [rest for sentence in self._sentences if (rest := self._rest(sentence, heard_ms))]
        self._cut(now_ms, cleared=cleared)
        self._sentences = kept

    def end(self, now_ms: int) -> HeardSoFar:
        """Close the reply, cleared or played out: return what was heard of it. Its marks are stale now."""
        heard = self.heard(now_ms)
        self._cut(now_ms, cleared=True)
        self._sentences, self._heard = [], []
        return heard

    def _cut(self, now_ms: int, *, cleared: bool) -> None:
        for sentence in self._sentences:
            if frames := self._heard_ms(sentence, now_ms if cleared else self._dry_ms) // FRAME_MS:
                self._past.append((sentence.begins_ms, sentence.levels[:frames]))
        self._generation += 1
        self._dry_ms = now_ms if cleared else self._dry_ms

    def _rest(self, sentence: _Sentence, now_ms: int) -> _Sentence | None:
        """Return what of `sentence` has to leave again; note what was heard."""
        words, count = sentence.text.split(), self._words(sentence, now_ms)
        if sentence.played or (sentence.whole and count == len(words) and sentence.sent):
            self._heard.append((sentence.text, self._heard_ms(sentence, now_ms)))
            return None
        if not sentence.sent:
            return sentence
        heard = self._heard_ms(sentence, now_ms) // FRAME_MS
        begin = word_begin(sentence.levels, near=self._word_frame(sentence, count), latest=heard)
        self._heard.append((" ".join(words[:count]), begin * FRAME_MS))
        left, letters = " ".join(words[count:]), sentence.letters[count:]
        rest = _Sentence(left, sentence.interruptible, letters, whole=sentence.whole, announced=True)
        rest.audio, rest.levels = sentence.audio[begin * self._frame_bytes :], sentence.levels[begin:]
        return rest

    # ------------------------------------------------------------ one sentence

    def _ms(self, size: int) -> int:
        return size * FRAME_MS // self._frame_bytes

    def _ends_ms(self, sentence: _Sentence) -> int:
        return sentence.begins_ms + self._ms(sentence.sent)

    def _heard_ms(self, sentence: _Sentence, now_ms: int) -> int:
        length_ms = len(sentence.levels) * FRAME_MS if sentence.played else self._ms(sentence.sent)
        return length_ms if sentence.played else max(0, min(now_ms - sentence.begins_ms, length_ms))

    def _total_ms(self, sentence: _Sentence) -> int:
        made_ms = len(sentence.levels) * FRAME_MS
        return made_ms if sentence.whole else max(made_ms, _LETTER_MS * (sum(sentence.letters) + len(sentence.letters)))

    def _words(self, sentence: _Sentence, now_ms: int) -> int:
        """Return how many whole words were heard by `now_ms`, taking every letter for equally long."""
        words = sentence.text.split()
        heard_ms, total_ms = self._heard_ms(sentence, now_ms), self._total_ms(sentence)
        if sentence.played or (sentence.sent and heard_ms >= total_ms):
            return len(words)
        if not sentence.sent:
            return 0
        heard = sum(sentence.letters) * heard_ms / total_ms
        for count, letters in enumerate(sentence.letters):
            heard -= letters
            if heard < 0:
                return count
        return len(words)

    def _word_frame(self, sentence: _Sentence, count: int) -> int:
        """Return the frame at which word number `count` should begin."""
        share = sum(sentence.letters[:count]) / max(1, sum(sentence.letters))
        return round(share * self._total_ms(sentence) / FRAME_MS)

    def _forget_audio(self, sentence: _Sentence) -> None:
        """Nobody asks for it again; its levels stay a while."""
        sentence.audio, sentence.sent = bytearray(), 0
        sentence.played = True


def _lengths(text: str) -> Sequence[int]:
    return [len(word) for word in text.split()]


def _joined(texts: Sequence[str]) -> str:
    return " ".join(text for text in texts if text)


def _loudest(spans: Sequence[tuple[int, Sequence[float]]], from_ms: int, to_ms: int) -> Iterator[float]:
    for begins_ms, levels in spans:
        first, last = (from_ms - begins_ms) // FRAME_MS, (to_ms - begins_ms) // FRAME_MS + 1
        yield from levels[max(0, first) : max(0, last)]
