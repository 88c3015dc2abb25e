"""Who decides whether calls are traced, and what tracing leaves in a task."""

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence

import pytest

from bot import installing
from bot.tracing import span, tracer
from bridge import logs
from bridge.metrics import Metrics
from bridge.settings import Settings
from bridge.tracing.call_trace import CallTrace
from bridge.tracing.exporter import SpanExporter
from bridge.tracing.spans import EndedSpan
from bridge.tracing.tracing import NoTracing, Tracing, is_wanted, tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://gpu1:4318"}


@pytest.mark.parametrize(
    ("endpoint", "environ", "wanted"),
    [
        ("", {}, False),
        ("", ENDPOINT, True),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://gpu1:4318/v1/traces"}, True),
        ("", ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
        ("", ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        ("http://gpu1:4318", {}, True),
        ("http://gpu1:4318", {"OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_option_or_the_standard_variables_decide(endpoint: str, environ: Mapping[str, str], wanted: bool) -> None:
    assert is_wanted(Settings(otel_endpoint=endpoint), environ) is wanted


class Nowhere:
    def send(self, spans: Sequence[EndedSpan], /) -> bool:
        return True

    def close(self) -> None:
        pass


async def test_a_traced_call_gives_its_tasks_a_tracer_and_its_log_lines_an_id_and_others_nothing() -> None:
    exporter = SpanExporter(Nowhere(), Metrics().traces)

    async def inner() -> tuple[object, str]:
        return tracer.get(), logs.trace_id.get()

    async def call(tracing: Tracing) -> object:
        opened = tracing.open("r1")
        found = await asyncio.create_task(inner())
        assert found == ((opened, opened.trace_id) if isinstance(opened, CallTrace) else (None, ""))
        return opened

    traced, untraced = await asyncio.gather(call(Tracing(exporter)), call(Tracing()))
    assert isinstance(traced, CallTrace)
    assert not isinstance(untraced, CallTrace)


def test_what_a_bot_notes_without_tracing_goes_nowhere() -> None:
    with span("POST", {"a": 1}) as noted:
        noted.set("b", 2)
        assert noted.headers == {}


async def test_tracing_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bridge.tracing.otlp", None)
    with pytest.raises(NoTracing, match=re.escape(installing.extra("otel"))):
        async with tracing(Settings(otel_endpoint="http://127.0.0.1:4318"), Metrics().traces):
            pass


@pytest.mark.parametrize("url", ["gpu1:4318", "grpc://gpu1:4317", "http://", "http://user:key@gpu1:4318"])
def test_an_endpoint_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="otel_endpoint"):
        Settings(otel_endpoint=url)
