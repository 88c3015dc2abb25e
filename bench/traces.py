"""What traces cost: python bench/traces.py

Calls are told to the trace of each, as bench/records.py tells them to the journal, and sent to a collector in a process
of its own. CPU is that of this process, the thread that sends included.
"""

import argparse
import subprocess
import sys
import time
from functools import partial
from random import Random

from records import CALL_S, TURNS, cpu, told

from bridge.metrics import Metrics
from bridge.tracing.call_trace import CallTrace
from bridge.tracing.exporter import SpanExporter
from bridge.tracing.otlp import Otlp

COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
SPANS = 2 * TURNS + 1
"""Of one call: each turn, what the bot asked for it, and the call."""


def trace(exporter: SpanExporter, calls: int) -> None:
    """Have `calls` calls traced."""
    rng = Random(1)
    for number in range(calls):
        call = CallTrace(exporter.put, record=f"{number:032x}")
        told(call, rng, number, asks=partial(call.span, "chat m", {"server.address": "gpu1"}))
        if number % 100 == 99:
            time.sleep(0.2)  # as calls do, and not all of them in one moment


def main(calls: int) -> None:
    collector = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True)
    try:
        assert collector.stdout
        metrics = Metrics()
        exporter = SpanExporter(Otlp(f"http://127.0.0.1:{int(collector.stdout.readline())}"), metrics.traces, end_s=60)
        exporter.start()
        began_s = cpu()
        trace(exporter, calls)
        exporter.close()
        spent_s = (cpu() - began_s) / calls
    finally:
        collector.kill()
        collector.wait()
    lost = [line for line in metrics.text().decode().splitlines() if line.startswith("bridge_trace_spans_lost_total")]
    print(
        f"{calls} calls of {TURNS} turns, {SPANS} spans and {CALL_S:g} s: {spent_s * 1000:.1f} CPU ms a call, "
        f"{spent_s / CALL_S * 60 * 1000:.1f} a call-minute; lost: {lost or 'none'}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    main(parser.parse_args().calls)
