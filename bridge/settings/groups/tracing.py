"""The option of traces: docs/observability.md."""

from pydantic import Field

from bridge.settings.types import Group, OptionalUrl, Section


class TracingOptions(Group):
    """Traces of calls, in the form of OpenTelemetry."""

    section = Section.OPERATION

    otel_endpoint: OptionalUrl = Field(
        default="",
        description="Collector that gets a trace of each call: its base URL, OTLP over HTTP, as http://127.0.0.1:4318 "
        "(extra otel). Without it, what OTEL_EXPORTER_OTLP_ENDPOINT says.",
    )
