"""The metrics of several processes are those of one server."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import Gauge

from bridge.metrics import Metrics

_COUNTS = """
import sys, time
from bridge.metrics import Metrics
metrics = Metrics()
metrics.started.labels("sip").inc(int(sys.argv[1]))
metrics.calls.labels("sip").set(int(sys.argv[1]))
metrics.load.lag.set(float(sys.argv[1]))
metrics.first_audio.labels("sip").observe(0.3)
metrics.records.waiting.measured_by(lambda: 7)
metrics.measure()
if sys.argv[1] == "2":
    print(metrics.text().decode())
"""


def counted(folder: Path, number: str) -> str:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", _COUNTS, number]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_counts_of_workers_add_up_also_of_those_that_are_gone(tmp_path: Path) -> None:
    counted(tmp_path, "5")
    text = counted(tmp_path, "2")
    assert 'bridge_calls_started_total{wire="sip"} 7.0' in text
    assert 'bridge_first_audio_seconds_count{wire="sip"} 2.0' in text
    assert "bridge_records_waiting 14.0" in text and 'bridge_calls{wire="sip"} 7.0' in text
    assert "bridge_load_loop_lag_seconds 5.0" in text, "the worst of them"
    for gone in tmp_path.glob("gauge_live*"):
        gone.unlink()
    assert 'bridge_calls{wire="sip"} 2.0' in counted(tmp_path, "2"), "who is gone has no calls"


def test_each_gauge_says_what_several_processes_make_of_it() -> None:
    registry = Metrics()._registry
    gauges = [each for each in registry._collector_to_names if isinstance(each, Gauge)]
    assert len(gauges) > 10
    assert not [each for each in gauges if not each._multiprocess_mode.startswith("live")]
