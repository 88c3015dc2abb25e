"""Whether calls are traced, and where to."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from bot import installing
from bot.tracing import tracer
from bridge import logs
from bridge.metrics import TraceMetrics
from bridge.observer import CallObserver
from bridge.settings import Settings
from bridge.tracing.call_trace import CallTrace
from bridge.tracing.exporter import Collector, SpanExporter

_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class NoTracing(Exception):
    """Calls cannot be traced as the settings say. The text names the option and the fix."""


class Tracing:
    """Traces the calls of one server, or none."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        """None: none is traced."""
        self._exporter = exporter

    def open(self, record: str) -> CallObserver:
        """Return what traces a call that begins in this task; `record` names it in the call log.

        What the task, and those that it makes, do from now on belongs to it: spans of the bot, and lines in the log.
        """
        if self._exporter is None:
            return CallObserver()
        trace = CallTrace(self._exporter.put, record=record)
        tracer.set(trace)
        logs.trace_id.set(trace.trace_id)
        return trace


def is_wanted(settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether calls are traced: `--otel-endpoint`, or the standard variables, say where to."""
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    off = off or environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"
    return not off and (bool(settings.otel_endpoint) or any(environ.get(name) for name in _VARIABLES))


@asynccontextmanager
async def tracing(settings: Settings, metrics: TraceMetrics) -> AsyncIterator[Tracing]:
    """Trace calls as `settings` say, inside the `async with`.

    Raises:
        NoTracing: it cannot be done.
    """
    if not is_wanted(settings):
        yield Tracing()
        return
    exporter = SpanExporter(_collector(settings.otel_endpoint), metrics)
    exporter.start()
    try:
        yield Tracing(exporter)
    finally:
        await asyncio.to_thread(exporter.close)


def _collector(endpoint: str) -> Collector:
    try:
        from bridge.tracing.otlp import Otlp  # the extra `otel`, and 0.1 s of imports

        return Otlp(endpoint)
    except ImportError as error:
        raise NoTracing(f"--otel-endpoint: {error}: {installing.extra('otel')}") from error
    except ValueError as error:
        raise NoTracing(f"--otel-endpoint, or a variable OTEL_EXPORTER_OTLP_...: {error}") from error
