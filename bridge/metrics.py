"""Every metric, declared once; touched only by the server and the call."""

import time
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bridge.observer import CallObserver
from bridge.speech.api import EngineFailed, Hypothesis, Request
from telephony.events import AudioFormat, Media

_DECODE_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
_LATENCY_S: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.calls = Gauge("bridge_calls", "Calls in progress.", ["wire"], registry=registry)
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
            buckets=_LATENCY_S,
        )

        self.loop_lag = Histogram(
            "bridge_loop_lag_seconds",
            "How late the event loop runs what is due, looked at 20 times a second.",
            registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
        )
        self.load = LoadMetrics(registry)
        self.records = RecordMetrics(registry)
        self.decodes = DecodeMetrics(registry)
        self.voices = VoiceMetrics(registry)
        self.sip = SipMetrics(registry)
        self.ari_up = Gauge("bridge_ari_up", "1 while Asterisk hands calls over ARI to us.", registry=registry)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def call(self, wire: str, audio: AudioFormat, observer: CallObserver | None = None) -> "CallMetrics":
        return CallMetrics(
            observer=observer or CallObserver(),
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

    def audio_sent(self) -> None:
        if self._speech_end_s is not None:
            self.first_audio.observe(time.monotonic() - self._speech_end_s)
            self._speech_end_s = None
        self.observer.sent()


class LoadMetrics:
    """How loaded the server is, and what is left out for it; `lines` is calls or clients."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.step = Gauge(
            "bridge_load_step",
            "What is left out: 0 nothing, 1 denoising, 2 partials too, 3 new ones are refused too.",
            ["lines"],
            registry=registry,
        )
        self.steps = Counter("bridge_load_steps", "Times a step began.", ["lines", "step"], registry=registry)
        self.wait = Gauge(
            "bridge_load_final_wait_seconds", "How long finals wait for an engine.", ["lines"], registry=registry
        )
        self.lag = Gauge("bridge_load_loop_lag_seconds", "How late the event loop is.", registry=registry)


class RecordMetrics:
    """What becomes of the records of calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.backlog = Gauge(
            "bridge_records_backlog_bytes", "Call records on disk that the database lacks.", registry=registry
        )
        self.lost = Counter("bridge_records_lost", "Entries of call records that were dropped.", registry=registry)
        self.events = Counter("bridge_events", "Events that the webhook of events took.", registry=registry)
        self.events_given_up = Counter(
            "bridge_events_given_up", "Calls of which the webhook of events took no more for a day.", registry=registry
        )


class VoiceMetrics:
    """What the voices do: a `VoiceObserver`. A voice has the name that the settings have for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._first_audio = Histogram(
            "bridge_tts_first_audio_seconds",
            "From the text of a sentence to its first audio, where it is not from the cache.",
            ["voice"],
            registry=registry,
            buckets=_DECODE_S,
        )
        by = ["voice"]
        self._failures = Counter("bridge_tts_failures", "Sentences that a voice failed at.", by, registry=registry)
        self._server_failures = Counter(
            "bridge_tts_server_failures",
            "Sentences, or their rests, that a server of a voice did not say.",
            ["server", "reason"],
            registry=registry,
        )
        self._cached = Counter(
            "bridge_tts_cache", "Sentences asked for: hit or miss.", ["voice", "result"], registry=registry
        )

    def first_audio(self, voice: str, /, *, took_s: float) -> None:
        self._first_audio.labels(voice).observe(took_s)

    def failed(self, voice: str, /) -> None:
        self._failures.labels(voice).inc()

    def server_failed(self, server: str, reason: str, /) -> None:
        self._server_failures.labels(server, reason).inc()

    def from_cache(self, voice: str, /, *, hit: bool) -> None:
        self._cached.labels(voice, "hit" if hit else "miss").inc()


class SipMetrics:
    """What the SIP process tells of itself, and of each call at its end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.up = Gauge("bridge_sip_up", "1 while the SIP process serves.", registry=registry)
        self.registered = Gauge("bridge_sip_registered", "1 while the trunk has us registered.", registry=registry)
        self.restarts = Counter(
            "bridge_sip_restarts", "Times the SIP process had to be started again.", registry=registry
        )
        self.latched = Counter(
            "bridge_sip_latched",
            "RTP streams answered where they come from, not where the SDP says.",
            registry=registry,
        )
        self.frozen = Counter(
            "bridge_sip_frozen", "Times the SIP process said nothing and was killed.", registry=registry
        )
        self._counted = {
            "received": Counter("bridge_sip_packets", "RTP packets received.", registry=registry),
            "lost": Counter("bridge_sip_packets_lost", "RTP packets that never came.", registry=registry),
            "concealed_ms": Counter("bridge_sip_concealed_ms", "Silence put in for missing audio.", registry=registry),
            "late": Counter(
                "bridge_sip_late_frames", "Gaps of 20 ms in the bot's speech, our fault.", registry=registry
            ),
        }
        self._jitter = Histogram(
            "bridge_sip_jitter_seconds",
            "Jitter of the packets of a call, as measured at its end.",
            registry=registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
        )

    def ended(self, statistics: object) -> None:
        """Count what a call's end told: a mapping of names to numbers, as the SIP process makes it."""
        told = statistics if isinstance(statistics, dict) else {}
        for name, counter in self._counted.items():
            if isinstance(value := told.get(name), int) and value > 0:
                counter.inc(value)
        if isinstance(jitter_ms := told.get("jitter_ms"), int | float):
            self._jitter.observe(jitter_ms / 1000)


class DecodeMetrics:
    """What the engines of the recogniser do: the `Observer` of its pool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_kind = ["engine", "kind"]  # kind: partial or final
        self._took = Histogram(
            "bridge_decode_seconds",
            "A decode, waiting included.",
            by_kind,
            registry=registry,
            buckets=_DECODE_S,
        )
        self._queued = Histogram(
            "bridge_decode_queue_seconds",
            "What of it was waiting, where the engine tells.",
            by_kind,
            registry=registry,
            buckets=_DECODE_S,
        )
        self._cached = Counter(
            "bridge_decode_cached_tokens", "Prompt tokens not computed again.", ["engine"], registry=registry
        )
        self._failed = Counter("bridge_decodes_failed", "Decodes that failed.", ["engine", "reason"], registry=registry)
        self._retried = Counter("bridge_decodes_retried", "Decodes tried again.", ["engine"], registry=registry)
        self._in_hand = Gauge("bridge_decodes_in_hand", "Decodes not answered yet.", ["engine"], registry=registry)
        self._up = Gauge("bridge_engine_up", "1 while the engine is thought to work.", ["engine"], registry=registry)

    def began(self, engine: str, /) -> None:
        self._in_hand.labels(engine).inc()

    def ended(self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float) -> None:
        self._in_hand.labels(engine).dec()
        kind = "final" if request.final else "partial"
        match outcome:
            case Hypothesis():
                self._took.labels(engine, kind).observe(took_s)
                self._queued.labels(engine, kind).observe(outcome.queue_ms / 1000)
                self._cached.labels(engine).inc(outcome.cached_tokens)
            case EngineFailed():
                self._failed.labels(engine, type(outcome).__name__).inc()

    def retried(self, engine: str, /) -> None:
        self._retried.labels(engine).inc()

    def up(self, engine: str, up: bool, /) -> None:
        self._up.labels(engine).set(up)
