"""The way to a collector: OTLP, protobuf over HTTP. The only part that knows OpenTelemetry's SDK."""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from bridge.tracing.spans import EndedSpan

log = logging.getLogger(__name__)

_PATH: Final = "/v1/traces"
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class Otlp:
    """A collector. Headers, certificates and compression are in the standard variables, OTEL_EXPORTER_OTLP_..."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint`: its base URL, e.g. http://127.0.0.1:4318, without /v1/traces; "": as the standard variables say.

        Raises:
            ValueError: a variable cannot be read.
        """
        logging.getLogger("opentelemetry").setLevel(
            logging.CRITICAL
        )  # each failed try is a line: the exporter tells once
        self._exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}{_PATH}" if endpoint else None)
        # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME go before it.
        ours = Resource({"service.name": "voice-bridge", "service.version": version("voice-bridge")})
        self._resource = ours.merge(_named())
        self._scope = InstrumentationScope("bridge", version("voice-bridge"))

    def send(self, spans: Sequence[EndedSpan], /) -> bool:
        """Send `spans`, again where it may help, for at most OTEL_EXPORTER_OTLP_TIMEOUT (10 s)."""
        return self._exporter.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Give up what is being tried."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def _readable(self, span: EndedSpan) -> ReadableSpan:
        parent = _context(span.trace_id, span.parent_id) if span.parent_id else None
        kind = SpanKind.CLIENT if span.client else SpanKind.SERVER if span.server else SpanKind.INTERNAL
        return ReadableSpan(
            span.name,
            context=_context(span.trace_id, span.span_id),
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            events=[Event(event.name, dict(event.attributes), event.at_ns) for event in span.events],
            kind=kind,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)


def _named() -> Resource:
    """Return what the variables say; without them the SDK would name the service "unknown_service"."""
    told = Resource.create()
    attributes = {name: value for name, value in told.attributes.items() if name != "service.name"}
    name = str(told.attributes.get("service.name", ""))
    return Resource(attributes if name.startswith("unknown_service") else {**attributes, "service.name": name})
