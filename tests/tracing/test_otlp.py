"""Spans as a collector gets them: over HTTP, in protobuf, by the standard variables."""

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")

from otlp_receiver import OtlpReceiver

from bridge.tracing.otlp import Otlp
from bridge.tracing.spans import EndedSpan, SpanEvent

A_SPAN = EndedSpan(
    name="chat m",
    trace_id=0xABC,
    span_id=0x2,
    parent_id=0x1,
    began_ns=1_000,
    ended_ns=2_000,
    attributes={"gen_ai.request.model": "m", "gen_ai.response.finish_reasons": ("stop",), "n": 3},
    events=[SpanEvent("sent", 1_500)],
    client=True,
    error="TimeoutError",
)


def test_a_span_arrives_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with OtlpReceiver() as collector:
        otlp = Otlp(collector.url + "/")
        assert otlp.send([A_SPAN])
        [span] = collector.spans
        assert collector.paths == ["/v1/traces"]
        assert collector.headers[0]["x-key"] == "secret"
        otlp.close()
    assert (span.trace_id, span.span_id, span.parent_id) == (f"{0xABC:032x}", f"{2:016x}", f"{1:016x}")
    assert (span.name, span.began_ns, span.ended_ns, span.kind, span.error) == ("chat m", 1000, 2000, 3, "TimeoutError")
    assert span.attributes == {"gen_ai.request.model": "m", "gen_ai.response.finish_reasons": ["stop"], "n": 3}
    assert span.events == {"sent": 1500}
    assert span.resource["service.name"] == "voice-bridge"


def test_the_standard_variables_name_the_service_and_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with OtlpReceiver() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/tenant/v1/traces")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "hotline")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        otlp = Otlp("")
        assert otlp.send([A_SPAN])
        otlp.close()
        [span] = collector.spans
        assert collector.paths == ["/tenant/v1/traces"]
    assert span.resource["service.name"] == "hotline"
    assert span.resource["deployment.environment.name"] == "test"


def test_a_collector_that_refuses_or_is_not_there_is_told_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with OtlpReceiver(status=400) as collector:
        otlp = Otlp(collector.url)
        assert not otlp.send([A_SPAN])
        assert collector.paths
    assert not otlp.send([A_SPAN])
    otlp.close()
