"""A collector that keeps what it is sent: OTLP, protobuf over HTTP, in a thread of its own.

with OtlpReceiver() as collector:
    send_spans_to(collector.url)
"""

import asyncio
import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Received:
    """One span, with what it came with."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began_ns: int
    ended_ns: int
    kind: int
    error: str
    attributes: Mapping[str, Any]
    events: Mapping[str, int]
    resource: Mapping[str, Any]


class OtlpReceiver:
    """Serves while it is entered."""

    def __init__(self, *, status: int = 200) -> None:
        self.status = status
        self.spans: list[Received] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._more = threading.Condition()

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._take(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def until(self, count: int, timeout_s: float = 10.0) -> list[Received]:
        """Wait for so many spans; return all."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.spans) >= count, timeout_s), self.spans
            return list(self.spans)

    async def named(self, name: str, timeout_s: float = 10.0) -> list[Received]:
        """Wait for a span of this name; return all of the name."""

        def found() -> list[Received]:
            return [span for span in self.spans if span.name == name]

        def wait() -> list[Received]:
            with self._more:
                assert self._more.wait_for(found, timeout_s), [span.name for span in self.spans]
                return found()

        return await asyncio.to_thread(wait)

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        with self._more:
            self.paths.append(request.path)
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            if self.status == 200:
                self.spans += _spans(told)
            self._more.notify_all()
        answer = ExportTraceServiceResponse().SerializeToString()
        request.send_response(self.status)
        request.send_header("Content-Type", "application/x-protobuf")
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)


def _spans(told: ExportTraceServiceRequest) -> list[Received]:
    return [
        Received(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.kind,
            span.status.message,
            _values(span.attributes),
            {event.name: event.time_unix_nano for event in span.events},
            _values(one.resource.attributes),
        )
        for one in told.resource_spans
        for scope in one.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a repeated field of protobuf
    found: dict[str, Any] = {}
    for each in attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        found[each.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return found
