"""The server's metrics; touched only by the server and the call."""

from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bridge.metrics.buckets import ANSWER_S
from bridge.metrics.call import CallMetrics
from bridge.metrics.engines import DecodeMetrics
from bridge.metrics.far_side import FarSideMetrics
from bridge.metrics.load import LoadMetrics
from bridge.metrics.measured import of_all_workers
from bridge.metrics.records import RecordMetrics
from bridge.metrics.sip import SipMetrics
from bridge.metrics.traces import TraceMetrics
from bridge.metrics.voices import VoiceMetrics
from bridge.observer import CallObserver, Observers
from telephony.events import AudioFormat


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.calls = Gauge(
            "bridge_calls", "Calls in progress.", ["wire"], registry=registry, multiprocess_mode="livesum"
        )
        self.started = Counter("bridge_calls_started", "Calls that began.", ["wire"], registry=registry)
        self.ended = Counter("bridge_calls_ended", "Calls ended.", ["wire", "fault"], registry=registry)
        self.refused = Counter("bridge_calls_refused", "Calls refused at the door.", ["reason"], registry=registry)
        self.kept_out = Counter("bridge_refused", "Who was kept out.", ["door", "reason"], registry=registry)
        self.dialled = Counter(
            "bridge_dialled", "Calls placed, and what became of them.", ["wire", "outcome"], registry=registry
        )
        self.malformed = Counter("bridge_malformed_messages", "Messages dropped.", ["wire"], registry=registry)
        self.lost_ms = Counter("bridge_lost_audio_ms", "Lost audio replaced by silence.", ["wire"], registry=registry)
        self.partials = Counter("bridge_partials", "Partial transcripts.", ["wire"], registry=registry)
        self.finals = Counter("bridge_finals", "Final transcripts.", ["wire"], registry=registry)
        self.taken_back = Counter(
            "bridge_partials_taken_back",
            "Partials that turned out to be no words.",
            ["wire"],
            registry=registry,
        )
        self.finals_lost = Counter("bridge_finals_lost", "Finals that no decode gave.", ["wire"], registry=registry)
        self.barge_ins = Counter("bridge_barge_ins", "Times the caller cut the bot off.", ["wire"], registry=registry)
        self.false_alarms = Counter(
            "bridge_false_alarms",
            "Times the bot fell silent for what was no barge-in, and went on.",
            ["wire"],
            registry=registry,
        )
        self.echoes = Counter("bridge_echoes", "Utterances that were the bot's own words.", ["wire"], registry=registry)
        self.speculation_hits = Counter(
            "bridge_speculation_hits",
            "Replies begun before the turn was over that were given.",
            ["wire"],
            registry=registry,
        )
        self.speculation_misses = Counter(
            "bridge_speculation_misses",
            "Replies begun before the turn was over and thrown away.",
            ["wire"],
            registry=registry,
        )
        self.speculation_saved_ms = Counter(
            "bridge_speculation_saved_ms",
            "Waiting that replies begun early saved callers.",
            ["wire"],
            registry=registry,
        )
        self.speculation_wasted = Counter(
            "bridge_speculation_wasted_characters", "Spoken text of replies thrown away.", ["wire"], registry=registry
        )
        self.replies_failed = Counter("bridge_replies_failed", "Fallbacks spoken.", ["wire"], registry=registry)
        self.texts_unread = Counter(
            "bridge_texts_unread", "Sentences of bots that the voice made no sound of.", ["wire"], registry=registry
        )
        self.hooks_dropped = Counter(
            "bridge_hooks_dropped",
            "Finals, keys and interruptions that slow bots were not told.",
            ["wire"],
            registry=registry,
        )
        self.denoiser_bypassed_ms = Counter(
            "bridge_denoiser_bypassed_ms", "Audio that skipped a denoiser too slow for it.", ["wire"], registry=registry
        )
        self.first_audio = Histogram(
            "bridge_first_audio_seconds",
            "End of speech to first bot audio sent.",
            ["wire"],
            registry=registry,
            buckets=ANSWER_S,
        )
        self._answers = Histogram(
            "bridge_answer_seconds",
            "Of answers, from the end of speech: final, judged, text, made, sent, heard (docs/observability.md).",
            ["wire", "part"],
            registry=registry,
            buckets=ANSWER_S,
        )
        self.far_side = FarSideMetrics(registry)
        self.loop_lag = Histogram(
            "bridge_loop_lag_seconds",
            "How late the event loop runs what is due, looked at 20 times a second.",
            registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
        )
        self.load = LoadMetrics(registry)
        self.records = RecordMetrics(registry)
        self.traces = TraceMetrics(registry)
        self.decodes = DecodeMetrics(registry)
        self.voices = VoiceMetrics(registry)
        self.sip = SipMetrics(registry)
        self.ari_up = Gauge(
            "bridge_ari_up",
            "1 while Asterisk hands calls over ARI to us.",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format; of several workers, what they count together.

        Takes milliseconds where there are several: it reads their files.
        """
        return generate_latest(of_all_workers() or self._registry)

    def measure(self) -> None:
        """Bring up to date what is measured and not counted, for the other workers."""
        self.records.waiting.measure()
        self.traces.waiting.measure()

    def answers(self, wire: str) -> Callable[[Mapping[str, int]], None]:
        """Return what counts the parts of each answer, as `AnswerTimes.take` gives them: `{"final_ms": 180}`."""
        return partial(self._answered, wire)

    def _answered(self, wire: str, times: Mapping[str, int]) -> None:
        for name, ms in times.items():
            self._answers.labels(wire, name.removesuffix("_ms")).observe(ms / 1000)

    def call(self, wire: str, audio: AudioFormat, *observers: CallObserver) -> CallMetrics:
        """Return what a call over `wire` counts; `observers` are told of it besides."""
        return CallMetrics(
            observer=Observers(self.far_side.of(wire), *observers),
            audio=audio,
            malformed=self.malformed.labels(wire),
            lost_ms=self.lost_ms.labels(wire),
            partials=self.partials.labels(wire),
            finals=self.finals.labels(wire),
            taken_back=self.taken_back.labels(wire),
            finals_lost=self.finals_lost.labels(wire),
            barge_ins=self.barge_ins.labels(wire),
            false_alarms=self.false_alarms.labels(wire),
            echoes=self.echoes.labels(wire),
            speculation_hits=self.speculation_hits.labels(wire),
            speculation_misses=self.speculation_misses.labels(wire),
            speculation_saved_ms=self.speculation_saved_ms.labels(wire),
            speculation_wasted=self.speculation_wasted.labels(wire),
            replies_failed=self.replies_failed.labels(wire),
            texts_unread=self.texts_unread.labels(wire),
            hooks_dropped=self.hooks_dropped.labels(wire),
            first_audio=self.first_audio.labels(wire),
        )
