"""Every metric, declared once. docs/observability.md lists them."""

from bridge.metrics.call import CallMetrics
from bridge.metrics.engines import DecodeMetrics
from bridge.metrics.load import LoadMetrics
from bridge.metrics.records import RecordMetrics
from bridge.metrics.server import Metrics
from bridge.metrics.sip import SipMetrics
from bridge.metrics.traces import TraceMetrics
from bridge.metrics.voices import VoiceMetrics

__all__ = [
    "CallMetrics",
    "DecodeMetrics",
    "LoadMetrics",
    "Metrics",
    "RecordMetrics",
    "SipMetrics",
    "TraceMetrics",
    "VoiceMetrics",
]
