"""What is counted, and what a scrape shows of it."""

import asyncio
from collections.abc import Mapping

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.metrics import Metrics
from bridge.observer import CallObserver
from bridge.speech.api import BadRequest, EngineLost, Hypothesis, Request
from telephony.events import AudioFormat, Encoding, Media

MULAW = AudioFormat(Encoding.MULAW, 8000)


def value(metrics: Metrics, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    """Return the sample that a scrape shows under `name`, None where it shows none."""
    families = text_string_to_metric_families(metrics.text().decode())
    samples = [sample for family in families for sample in family.samples]
    wanted = labels or {"wire": "test"}
    return next((s.value for s in samples if s.name == name and wanted.items() <= s.labels.items()), None)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("malformed", "bridge_malformed_messages_total"),
        ("partials", "bridge_partials_total"),
        ("finals", "bridge_finals_total"),
        ("finals_lost", "bridge_finals_lost_total"),
        ("barge_ins", "bridge_barge_ins_total"),
        ("replies_failed", "bridge_replies_failed_total"),
    ],
)
def test_what_a_call_counts_is_seen_under_its_wire_and_no_other(field: str, name: str) -> None:
    metrics = Metrics()
    call = metrics.call("test", MULAW)
    metrics.call("other", MULAW)
    assert value(metrics, name) == 0, "a counter that is not there until the first time hides that time"
    getattr(call, field).inc()
    assert value(metrics, name) == 1
    assert value(metrics, name, {"wire": "other"}) == 0


def test_calls_of_one_wire_add_up() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.call("test", MULAW).finals.inc()
    assert value(metrics, "bridge_finals_total") == 2


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.call("test", MULAW).finals.inc()
    assert value(one, "bridge_finals_total") == 1
    assert value(other, "bridge_finals_total") is None


def test_lost_audio_is_counted_in_milliseconds_and_heard_audio_is_not() -> None:
    metrics = Metrics()
    call = metrics.call("test", MULAW)
    call.media(Media(bytes(160), 0))
    call.media(Media(bytes(480), 20, concealed=True))
    assert value(metrics, "bridge_lost_audio_ms_total") == 60


def test_the_first_audio_after_speech_is_measured_from_the_end_of_speech_and_only_once() -> None:
    metrics = Metrics()
    call = metrics.call("test", MULAW)
    call.speech_ended(ago_ms=400)
    call.audio_sent()
    call.audio_sent()
    assert value(metrics, "bridge_first_audio_seconds_count") == 1
    assert 0.4 <= (value(metrics, "bridge_first_audio_seconds_sum") or 0) < 5


def test_audio_that_answers_nothing_is_not_measured() -> None:
    metrics = Metrics()
    metrics.call("test", MULAW).audio_sent()
    assert value(metrics, "bridge_first_audio_seconds_count") == 0


def test_the_newest_end_of_speech_counts() -> None:
    metrics = Metrics()
    call = metrics.call("test", MULAW)
    call.speech_ended(ago_ms=1_000_000)
    call.speech_ended(ago_ms=0)
    call.audio_sent()
    assert (value(metrics, "bridge_first_audio_seconds_sum") or 0) < 100


def test_what_the_server_counts_is_shown() -> None:
    metrics = Metrics()
    metrics.refused.labels("busy").inc()
    metrics.ended.labels("test", "ours").inc()
    metrics.denoiser_bypassed_ms.labels("test").inc(120)
    with metrics.calls.labels("test").track_inprogress():
        assert value(metrics, "bridge_calls") == 1
    assert value(metrics, "bridge_calls") == 0
    assert value(metrics, "bridge_calls_refused_total", {"reason": "busy"}) == 1
    assert value(metrics, "bridge_calls_ended_total", {"wire": "test", "fault": "ours"}) == 1
    assert value(metrics, "bridge_denoiser_bypassed_ms_total") == 120


def test_what_engines_do_is_told_by_engine_and_by_kind() -> None:
    metrics = Metrics()
    partial, final = Request(np.zeros(16_000, np.float32)), Request(np.zeros(16_000, np.float32), final=True)
    decodes = metrics.decodes
    for request, outcome in (
        (partial, Hypothesis(("a",), "English", queue_ms=250, cached_tokens=192)),
        (final, Hypothesis(("a",), "English")),
        (final, EngineLost("gone")),
        (final, BadRequest("no")),
        (partial, asyncio.CancelledError()),
    ):
        decodes.began("a")
        assert value(metrics, "bridge_decodes_in_hand", {"engine": "a"}) == 1
        decodes.ended("a", request, outcome, took_s=0.5)
    decodes.retried("a")
    decodes.up("a", False)
    kind = {"engine": "a", "kind": "partial"}
    assert value(metrics, "bridge_decode_seconds_sum", kind) == 0.5
    assert value(metrics, "bridge_decode_queue_seconds_sum", kind) == 0.25
    assert value(metrics, "bridge_decode_seconds_count", kind | {"kind": "final"}) == 1
    assert value(metrics, "bridge_decode_cached_tokens_total", {"engine": "a"}) == 192
    assert value(metrics, "bridge_decodes_failed_total", {"engine": "a", "reason": "EngineLost"}) == 1
    assert value(metrics, "bridge_decodes_retried_total", {"engine": "a"}) == 1
    assert value(metrics, "bridge_decodes_in_hand", {"engine": "a"}) == 0
    assert value(metrics, "bridge_engine_up", {"engine": "a"}) == 0
    decodes.up("a", True)
    assert value(metrics, "bridge_engine_up", {"engine": "a"}) == 1
    for _ in range(2):
        decodes.left("a")
    assert 'engine="a"' not in metrics.text().decode()


def test_voices_are_counted_by_name() -> None:
    metrics = Metrics()
    metrics.voices.first_audio("kokoro:hf_alpha", took_s=0.4)
    metrics.voices.failed("kokoro:hf_alpha")
    for hit in (True, False, True):
        metrics.voices.from_cache("hibari", hit=hit)
    voice = {"voice": "kokoro:hf_alpha"}
    assert value(metrics, "bridge_tts_first_audio_seconds_sum", voice) == 0.4
    assert value(metrics, "bridge_tts_failures_total", voice) == 1
    assert value(metrics, "bridge_tts_cache_total", {"voice": "hibari", "result": "hit"}) == 2
    assert value(metrics, "bridge_tts_cache_total", {"voice": "hibari", "result": "miss"}) == 1


def test_each_part_of_an_answer_is_a_histogram_of_its_own() -> None:
    metrics = Metrics()
    answered = metrics.answers("test")
    answered({"final_ms": 180, "heard_ms": 900})
    answered({"final_ms": 20})
    final = {"wire": "test", "part": "final"}
    assert value(metrics, "bridge_answer_seconds_count", final) == 2
    assert value(metrics, "bridge_answer_seconds_sum", final) == pytest.approx(0.2)
    assert value(metrics, "bridge_answer_seconds_count", {"wire": "test", "part": "heard"}) == 1


def test_what_the_far_side_tells_is_counted_and_told_to_others_too() -> None:
    class Other(CallObserver):
        gaps_ms = 0

        def ran_dry(self, *, gap_ms: int) -> None:
            self.gaps_ms += gap_ms

    metrics, other = Metrics(), Other()
    observer = metrics.call("test", MULAW, other).observer
    observer.mark_returned(late_ms=130)
    observer.mark_returned(late_ms=-20)
    observer.ran_dry(gap_ms=60)
    observer.ran_dry(gap_ms=40)
    assert value(metrics, "bridge_mark_late_seconds_sum") == pytest.approx(0.13)
    assert value(metrics, "bridge_mark_late_seconds_count") == 2
    assert value(metrics, "bridge_audio_gaps_total") == 2
    assert value(metrics, "bridge_audio_gap_ms_total") == other.gaps_ms == 100
