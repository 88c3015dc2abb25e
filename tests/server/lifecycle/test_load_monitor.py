"""What the log and the metrics tell of the load."""

import logging

import pytest
from fakes import FakeClock, FakePause

from bridge.admission.load import Load
from bridge.containment import beside
from bridge.metrics import Metrics
from bridge.server.lifecycle.load_monitor import LoadMonitor, make_load
from bridge.settings import Settings
from bridge.speech.api import Standing


def figures(metrics: Metrics) -> dict[str, float]:
    lines = (line.rsplit(" ", 1) for line in metrics.text().decode().splitlines() if line.startswith("bridge_load_"))
    return {name: float(value) for name, value in lines if not name.split("{")[0].endswith("_created")}


async def test_each_step_is_one_line_and_a_metric_however_long_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock, pause, metrics = FakeClock(), FakePause(), Metrics()
    load = Load(final_wait_s=1.0, loop_lag_s=1.0, clock_s=clock)
    with load.waits.final(Standing.CALL) as answered:
        clock.advance(0.6)
        answered(0)
    async with beside(LoadMonitor(load, metrics.load, pause=pause).watch(), "the load"):
        for second in range(4):
            await pause.until(second + 1)
            assert figures(metrics)['bridge_load_step{lines="calls"}'] == 1
            await pause.end()
        clock.advance(20)
        for _ in range(8):
            await pause.end()
            clock.advance(1)
    of_calls = [record.getMessage() for record in caplog.records if "load of calls" in record.getMessage()]
    assert of_calls == [
        "load of calls: nobody is denoised (finals wait 0.60 s, the event loop is 0.00 s late)",
        "load of calls: nothing is left out any more (finals wait 0.00 s, the event loop is 0.00 s late)",
    ]
    told = figures(metrics)
    assert told['bridge_load_step{lines="calls"}'] == 0
    assert told['bridge_load_steps_total{lines="calls",step="denoising"}'] == 1
    assert told['bridge_load_steps_total{lines="clients",step="nothing"}'] == 1


def test_the_limits_are_those_of_the_settings() -> None:
    load = make_load(Settings(load_final_wait=0.0, load_loop_lag=0.1), FakeClock())
    load.lag.add(0.2)
    for _ in range(3):
        load.look()
    assert load.spares_partials(Standing.CALL)
