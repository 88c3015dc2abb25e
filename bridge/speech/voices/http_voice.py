"""A voice on other machines: each sentence by the first server that can, the rest of a broken one by the next.

docs/voices.md says what may stand there. A server that fails is left alone for a while, as recognisers are.
"""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from bot.tts.streamed import LearnedGain, StreamedSentence
from bridge.speech.api import BadRequest, DeadlineExceeded, EngineFailed, Overloaded, Samples, SpeechError
from bridge.speech.pool.breaker import Breaker, BreakerState
from bridge.speech.resample import make_resampler
from bridge.speech.voices.observer import ServerObserver, Unheard
from bridge.speech.voices.remaining import Pace, rest_of
from bridge.speech.voices.server import Manner, VoiceServer

log = logging.getLogger(__name__)

_VOICES_KEPT: Final = 64
"""Voices and speeds of which level and pace are remembered."""


@dataclass(slots=True)
class Line:
    """A server, and whether it is asked."""

    server: VoiceServer
    breaker: Breaker
    in_hand: int = 0
    opened_s: float = 0.0

    def takes(self, now_s: float) -> bool:
        """Return whether it may be asked now. One sentence tries a server that had failed; others go elsewhere."""
        if self.breaker.resting_s:
            return False
        if self.breaker.state is BreakerState.OPEN and now_s - self.opened_s >= self.breaker.delay_s:
            self.breaker.answered()
        return self.breaker.state is BreakerState.CLOSED or (
            self.breaker.state is BreakerState.TRIAL and not self.in_hand
        )

    def failed(self, error: SpeechError, now_s: float) -> None:
        """Note that it did not say a sentence to its end."""
        match error:
            case Overloaded():
                self.breaker.rest(error.retry_after_s)
            case BadRequest():
                pass  # the sentence's fault, or the voice's name
            case DeadlineExceeded():
                self.breaker.failed()
            case _:
                self.breaker.lost()
        self.opened_s = now_s


@dataclass(slots=True)
class Learned:
    """What is known of one voice of one server."""

    gain: LearnedGain = field(default_factory=LearnedGain)
    pace: Pace = field(default_factory=Pace)


class HttpVoice:
    """A voice for all calls, by one or several servers that have it."""

    def __init__(
        self,
        lines: Sequence[Line],
        manner: Manner,
        *,
        name: str,
        sample_rate: int,
        language: str = "",
        alone: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name`: of its profile. `sample_rate`: hertz of what `speak` yields, whatever a server sends. `language`:
        English name, "" is not known. `alone`: nobody else speaks where no server does, so those that rest are
        asked."""
        self.sample_rate, self.language = sample_rate, language
        self.scripts = lines[0].server.profile.scripts
        self.name = name
        self.observer: ServerObserver = Unheard()
        self._lines, self._manner, self._alone, self._clock_s = lines, manner, alone, clock_s
        self._learned = [Learned() for _ in lines]
        self._first = self
        self._others: dict[Manner, HttpVoice] = {}  # of the first

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield float32 in [-1, 1] at `sample_rate` as it comes, of telephone level, silent at both ends.

        Where a server breaks off, the next says the rest of the sentence.

        Raises:
            RuntimeError: no server can say it, or its rest.
        """
        rest, faults = text, list[SpeechError]()
        for at in self._candidates():
            if not any(map(str.isalnum, rest)):
                return
            said_s = 0.0
            try:
                async with aclosing(self._by(at, rest)) as pieces:
                    async for samples in pieces:
                        said_s += len(samples) / self.sample_rate
                        yield samples
                return
            except SpeechError as error:
                faults.append(error)
                share = self._learned[at].pace.share_said(rest, said_s, self.language)
                rest = rest_of(rest, share, self.language)
                self._failed(at, error, rest)
        if any(map(str.isalnum, rest)):
            raise RuntimeError("; ".join(map(str, faults)) or "no server takes a sentence now")

    def voice(self, name: str) -> "HttpVoice":
        """Return the same with the voice of that `name`; whether there is one, the first sentence tells."""
        return self._first.said(replace(self._manner, voice=name))

    def at_speed(self, factor: float) -> "HttpVoice":
        """Return the same at `factor` of its usual speed, as far as its servers go; some know one speed only."""
        return self._first.said(replace(self._manner, speed=factor))

    def said(self, manner: Manner) -> "HttpVoice":
        """Return the same servers' voice in another manner. Ask it of the one that all others come from."""
        if manner == self._manner:
            return self
        other = self._others.pop(manner, None)
        if other is None:
            other = HttpVoice(
                self._lines,
                manner,
                name=self.name,
                sample_rate=self.sample_rate,
                language=self.language,
                alone=self._alone,
                clock_s=self._clock_s,
            )
            other._first, other.observer = self, self.observer
        self._others[manner] = other
        while len(self._others) > _VOICES_KEPT:
            del self._others[next(iter(self._others))]
        return other

    def observe(self, observer: ServerObserver) -> None:
        """Tell `observer` what fails."""
        self.observer = observer
        for other in self._others.values():
            other.observe(observer)

    def learn(self, at: int, text: str, samples: Samples, rate: int) -> None:
        """Learn level and pace of server number `at` from what it made of `text`, at `rate` hertz."""
        sentence = StreamedSentence(rate, self._learned[at].gain)
        trimmed = np.concatenate((sentence.feed(samples), sentence.flush()))
        sentence.finished()
        self._learned[at].pace.finished(text, len(trimmed) / rate, self.language)

    def close(self) -> None:
        """Close the connections."""
        for line in self._lines:
            line.server.close()

    def _candidates(self) -> Iterator[int]:
        """Yield the servers that may be asked, the least busy first; the others last, where nobody else speaks."""
        late = list[int]()
        for at in sorted(range(len(self._lines)), key=lambda at: (self._lines[at].in_hand, at)):
            if self._lines[at].takes(self._clock_s()):
                yield at
            else:
                late.append(at)
        if self._alone:
            yield from late

    async def _by(self, at: int, text: str) -> AsyncGenerator[Samples, None]:
        """Yield what server number `at` makes of `text`. What was made before a fault is yielded to its end."""
        line, learned = self._lines[at], self._learned[at]
        sentence: StreamedSentence | None = None
        resample, rate, said, sounds = None, 0, 0, False
        line.in_hand += 1
        try:
            async with aclosing(line.server.speak(text, self._manner)) as pieces:
                async for samples, its_rate, _ in pieces:
                    if not len(samples):
                        continue
                    if sentence is None or resample is None or its_rate != rate:
                        rate, resample = its_rate, make_resampler(its_rate, self.sample_rate)
                        sentence = StreamedSentence(self.sample_rate, learned.gain)
                    if len(ready := sentence.feed(resample(samples))):
                        said, sounds = said + len(ready), True
                        yield ready
            if not sounds:
                raise EngineFailed(f"{line.server.url}: makes no sound of {len(text)} characters")
        except SpeechError:
            if sentence and len(rest := sentence.flush()):
                yield rest
            raise
        finally:
            line.in_hand -= 1
        if sentence and resample and len(rest := np.concatenate((sentence.feed(resample.flush()), sentence.flush()))):
            said += len(rest)
            yield rest
        line.breaker.succeeded()
        if sentence:
            sentence.finished()
            learned.pace.finished(text, said / self.sample_rate, self.language)

    def _failed(self, at: int, error: SpeechError, rest: str) -> None:
        line = self._lines[at]
        line.failed(error, self._clock_s())
        self.observer.server_failed(line.server.address, type(error).__name__)
        log.warning("%s; %d characters are left to say", error, len(rest))
