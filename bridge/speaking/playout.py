"""What of the bot's voice was made, has left, was heard and was cleared. Pure: time is an argument.

    begin -> made ... -> finish makes one sentence; `next` says what has to leave, `sent` notes that it left

A reply that is held keeps what was not heard: it leaves again, from the word where it was cut. Each stretch between
two cuts is a generation with marks of its own: a mark of a cleared generation still comes back, and is ignored.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.observer import CallObserver
from bridge.speaking.audio_level import FRAME_MS, SILENT_DB, levels_db
from bridge.speaking.sentence import Sentence
from telephony.codec import decode
from telephony.events import AudioFormat, Mark, Play, Reply

_MARK_GRACE_MS: Final = 2000
"""A mark is awaited so long after it is due; then the audio counts as played."""
_PAST: Final = 8
"""Cut stretches of audio whose levels are remembered."""


@dataclass(frozen=True, slots=True)
class HeardSoFar:
    """One reply, cut where the caller stopped hearing it."""

    text: str = ""
    """What was heard, whole words."""
    rest: str = ""
    """What was made and not heard."""
    played_ms: int = 0
    """Audio that was heard."""
    whole: int = 0
    """Sentences that were heard to their end."""
    filler: str = ""
    """What was said, or is to be said, while the reply is awaited; in nothing of the above."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What was heard of one sentence."""

    text: str
    ms: int
    whole: bool
    """Up to its end."""
    filler: bool


class Playout:
    """The audio of one call on its way to the caller, and the far side's buffer as seen from here.

    `now_ms` is read from any one clock that never goes back. It keeps as much audio as the far side may hold, and the
    sentences that are being made.
    """

    def __init__(self, audio: AudioFormat, *, observer: CallObserver | None = None) -> None:
        """`observer` is told of late marks, and of gaps in what the far side plays."""
        self._observer = observer or CallObserver()
        self._audio, self._generation, self._marks = audio, 0, 0
        self._sentences: list[Sentence] = []  # of the reply, in the order in which they leave
        self._heard: list[_Stretch] = []  # of the reply, before it was held
        self._past: deque[tuple[int, Sequence[float]]] = deque(maxlen=_PAST)
        self._dry_ms = 0  # when the far side has played all that was sent
        self._frame = max(1, audio.sample_rate * FRAME_MS // 1000)
        self._frame_bytes = self._frame * audio.encoding.sample_bytes

    # ------------------------------------------------------------ making and sending

    def begin(
        self,
        text: str,
        now_ms: int,
        *,
        interruptible: bool = True,
        letters: Sequence[int] | None = None,
        filler: bool = False,
    ) -> Sentence:
        """Begin a sentence behind all others of the reply; return it, for `made` and `finish`.

        Several may be made at a time: each leaves whole, in the order in which they began. `letters`: spoken letters
        of each word, where they differ from the written ones. `filler`: it is said while the reply is awaited.
        """
        for sentence in self._sentences:
            if sentence.whole and sentence.mark and now_ms >= sentence.ends_ms + _MARK_GRACE_MS:
                sentence.forget_audio()
        begun = Sentence(text, interruptible, letters or _lengths(text), self._frame_bytes, filler=filler)
        self._sentences.append(begun)
        return begun

    def made(self, sentence: Sentence, payload: bytes) -> None:
        """Add audio to `sentence`: whole frames of 20 ms. Audio for a reply that has ended is dropped."""
        if sentence.over:
            return
        sentence.audio += payload
        sentence.levels += levels_db(decode(payload, self._audio.encoding), self._frame)

    def finish(self, sentence: Sentence) -> None:
        """Note that no more audio of `sentence` follows."""
        sentence.whole = True

    def next(self, step_ms: int) -> Play | Mark | Reply | None:
        """Return what has to leave next, at most `step_ms` of audio; None while there is nothing."""
        sentence = self._leaving()
        if sentence is None:
            return None
        if sentence.sent < len(sentence.audio):
            if not sentence.announced:
                return Reply(sentence.text)
            step = max(1, step_ms // FRAME_MS) * self._frame_bytes
            return Play(bytes(sentence.audio[sentence.sent : sentence.sent + step]))
        return Mark(f"{self._generation}:{self._marks + 1}") if sentence.whole else None

    def sent(self, command: Play | Mark | Reply, now_ms: int) -> None:
        """Note that `command`, the one `next` gave, has left. Where the far side has nothing, audio plays from now."""
        sentence = self._leaving()
        if sentence is None:
            raise ValueError(f"nothing has to leave, got {command}")
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
                elif (gap_ms := now_ms - self._dry_ms) >= FRAME_MS:
                    self._observer.ran_dry(gap_ms=gap_ms)
                sentence.sent += len(payload)
                self._dry_ms = begins_ms + self._audio.duration_ms(payload)

    def played(self, mark: str, now_ms: int) -> int | None:
        """Note a mark that came back; return how many milliseconds its sentence lasted. None where it is
        stale or unknown."""
        index = next((i for i, s in enumerate(self._sentences) if s.mark and s.mark == mark), None)
        if index is None:
            return None
        marked = self._sentences[index]
        shift_ms = now_ms - marked.ends_ms  # the far side's clock is the true one
        self._observer.mark_returned(late_ms=shift_ms)
        heard_ms = marked.ms(marked.sent)
        for sentence in self._sentences[: index + 1]:
            sentence.forget_audio()
        for sentence in self._sentences[index + 1 :]:
            sentence.begins_ms += shift_ms
        self._dry_ms = max(now_ms, self._dry_ms + shift_ms)
        return heard_ms

    def _leaving(self) -> Sentence | None:
        return next((sentence for sentence in self._sentences if sentence.left), None)

    # ------------------------------------------------------------ what the caller hears

    def ahead_ms(self, now_ms: int) -> int:
        """Return how much audio was sent and is not played yet."""
        return max(0, self._dry_ms - now_ms)

    def left_ms(self, now_ms: int) -> int:
        """Return how much audio was made and is not heard yet."""
        return self.ahead_ms(now_ms) + sum(sentence.unsent_ms for sentence in self._sentences)

    def pending(self, now_ms: int, *, marks: bool) -> bool:
        """Return True while the caller may still have audio to hear.

        `marks`: the wire returns marks, and they tell; without them the clock does.
        """
        if any(s.unsent_ms for s in self._sentences if not s.played):
            return True
        newest = next((s for s in reversed(self._sentences) if s.sent or s.played), None)
        if newest is None or newest.played:
            return False
        return now_ms < self._dry_ms + (_MARK_GRACE_MS if marks else 0)

    def insists(self, now_ms: int, *, marks: bool) -> bool:
        """Return True while a sentence that may not be interrupted is heard, or is the next to be heard.

        `marks`: the wire returns marks, and they tell its end: the far side may lag behind our clock, and must not be
        cleared yet.
        """
        due = self._due(now_ms, marks=marks)
        return due is not None and not due.interruptible

    def yields_to_keys(self, now_ms: int, *, marks: bool) -> bool:
        """Return True while a sentence that a key ends is heard, or is the next to be heard. `marks`: as above."""
        due = self._due(now_ms, marks=marks)
        return due is not None and due.keys_interrupt

    def _due(self, now_ms: int, *, marks: bool) -> Sentence | None:
        def due(sentence: Sentence) -> bool:
            lags = marks and sentence.mark and now_ms < sentence.ends_ms + _MARK_GRACE_MS
            unheard = sentence.heard_ms(now_ms) < sentence.ms(len(sentence.audio))
            return bool(unheard or (lags and not sentence.interruptible))

        return next((sentence for sentence in self._sentences if not sentence.played and due(sentence)), None)

    def heard(self, now_ms: int) -> HeardSoFar:
        """Return what was heard of the reply by now."""
        now = [
            _Stretch(s.split(now_ms)[0], s.heard_ms(now_ms), whole=s.heard_out(now_ms), filler=s.filler)
            for s in self._sentences
        ]
        heard = [stretch for stretch in (*self._heard, *now) if not stretch.filler]
        return HeardSoFar(
            _joined([stretch.text for stretch in heard]),
            _joined([s.split(now_ms)[1] for s in self._sentences if not s.filler]),
            sum(stretch.ms for stretch in heard),
            whole=sum(stretch.whole for stretch in heard),
            filler=_joined([s.text for s in self._heard if s.filler] + [s.text for s in self._sentences if s.filler]),
        )

    def any_heard(self, now_ms: int) -> bool:
        """Return whether a word of the reply was heard by now: what `heard` tells, without its texts."""
        before = any(stretch.text for stretch in self._heard if not stretch.filler)
        return before or any(s.words_heard(now_ms) for s in self._sentences if not s.filler)

    def loudest_db(self, from_ms: int, to_ms: int) -> float:
        """Return the level, dBFS, of the loudest 20 ms that the caller heard in that time, by our clock."""
        now = [(s.begins_ms, s.sent_levels()) for s in self._sentences if s.sent or s.played]
        return max(_levels_between([*self._past, *now], from_ms, to_ms), default=SILENT_DB)

    # ------------------------------------------------------------ cutting

    def hold(self, now_ms: int, *, cleared: bool) -> None:
        """Stop the reply: what was not heard has to leave again, from the word that was cut.

        `cleared`: the far side drops its audio; otherwise it plays what it has.
        """
        heard_ms = now_ms if cleared else max(now_ms, self._dry_ms)
        self._cut(now_ms, cleared=cleared)
        self._sentences = [sentence for sentence in self._sentences if self._has_rest(sentence, heard_ms)]

    def end(self, now_ms: int) -> HeardSoFar:
        """End the reply, cleared or played out; return what was heard of it. Its marks and its sentences are stale."""
        heard = self.heard(now_ms)
        self._cut(now_ms, cleared=True)
        for sentence in self._sentences:
            sentence.over = True
        self._sentences, self._heard = [], []
        return heard

    def _cut(self, now_ms: int, *, cleared: bool) -> None:
        for sentence in self._sentences:
            if frames := sentence.heard_ms(now_ms if cleared else self._dry_ms) // FRAME_MS:
                self._past.append((sentence.begins_ms, sentence.levels[:frames]))
        self._generation += 1
        self._dry_ms = now_ms if cleared else self._dry_ms

    def _has_rest(self, sentence: Sentence, now_ms: int) -> bool:
        """Cut `sentence` at `now_ms` and note what was heard; return whether some of it has to leave again."""
        if sentence.heard_out(now_ms):
            heard = _Stretch(sentence.text, sentence.heard_ms(now_ms), whole=True, filler=sentence.filler)
            self._heard.append(heard)
            return False
        if sentence.sent:
            text, ms = sentence.cut(now_ms)
            self._heard.append(_Stretch(text, ms, whole=False, filler=sentence.filler))
        return True


def _lengths(text: str) -> Sequence[int]:
    return [len(word) for word in text.split()]


def _joined(texts: Sequence[str]) -> str:
    return " ".join(text for text in texts if text)


def _levels_between(spans: Sequence[tuple[int, Sequence[float]]], from_ms: int, to_ms: int) -> Iterator[float]:
    for begins_ms, levels in spans:
        first, last = (from_ms - begins_ms) // FRAME_MS, (to_ms - begins_ms) // FRAME_MS + 1
        yield from levels[max(0, first) : max(0, last)]
