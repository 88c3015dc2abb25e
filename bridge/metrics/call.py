"""What one call counts."""

import time
from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram

from bridge.observer import CallObserver
from telephony.events import AudioFormat, Media


@dataclass(slots=True, kw_only=True)
class CallMetrics:
    """What one call counts."""

    audio: AudioFormat
    malformed: Counter
    lost_ms: Counter
    partials: Counter
    finals: Counter
    taken_back: Counter
    finals_lost: Counter
    barge_ins: Counter
    false_alarms: Counter
    echoes: Counter
    speculation_hits: Counter
    speculation_misses: Counter
    speculation_saved_ms: Counter
    speculation_wasted: Counter
    replies_failed: Counter
    texts_unread: Counter
    hooks_dropped: Counter
    first_audio: Histogram
    observer: CallObserver = field(default_factory=CallObserver)
    """What is noted of the call besides."""
    _speech_end_s: float | None = None

    def media(self, media: Media) -> None:
        if media.concealed:
            self.lost_ms.inc(self.audio.duration_ms(media.payload))

    def speech_ended(self, *, ago_ms: int) -> None:
        """The caller stopped `ago_ms` ago; the next bot audio answers that."""
        self._speech_end_s = time.monotonic() - ago_ms / 1000
        self.observer.speech_ended(ago_ms=ago_ms)

    def nothing_said(self) -> None:
        """What ended was a noise: no audio answers it."""
        self._speech_end_s = None
        self.observer.nothing_said()

    def echo_heard(self) -> None:
        """What ended was the bot's own voice: no audio answers it."""
        self.echoes.inc()
        self.nothing_said()

    def audio_sent(self) -> None:
        if self._speech_end_s is not None:
            self.first_audio.observe(time.monotonic() - self._speech_end_s)
            self._speech_end_s = None
        self.observer.sent()
