"""A run: which calls are made, what this run has no means for, and which calls prove nothing."""

from dataclasses import replace

import pytest
from evals_support import act, heard, result, written

from bridge.commands.phone.carrier_buffer import FRAME_MS
from bridge.commands.phone.line_faults import Fault
from bridge.evals.calls import Lateness
from bridge.evals.facts import CallFacts
from bridge.evals.run import CallStatus, RunOptions, jobs_of, too_late, with_options

SAYS = "steps:\n  - say: x\n    expect:\n      - within: 500ms\n"


def test_each_scenario_is_called_over_each_line_so_often() -> None:
    one = written("faults: [none, jitter]\ntimes: 2\nsteps: [say: x]")
    jobs = jobs_of([one])
    assert [(job.fault, job.attempt) for job in jobs] == [
        (Fault.NONE, 1), (Fault.NONE, 2), (Fault.JITTER, 1), (Fault.JITTER, 2)
    ]  # fmt: skip
    assert jobs[3].name == "one over jitter, call 2"
    shorter = with_options(one, RunOptions(times=1, faults=(Fault.GAPS,)))
    assert [job.name for job in jobs_of([shorter])] == ["one over gaps"]
    assert with_options(one, RunOptions()) == one


def test_a_call_whose_caller_was_late_is_void_whatever_was_heard() -> None:
    good = CallFacts(acts=[act(1, 2000, 4000)], record=heard((4300, 5000)), kept=True)
    bad = replace(good, record=heard((9000, 9500)))
    assert result(SAYS, good).status is CallStatus.PASSED
    assert result(SAYS, bad).status is CallStatus.FAILED
    assert result(SAYS, good, void=True).status is result(SAYS, bad, void=True).status is CallStatus.VOID
    assert result(SAYS, good, error="the server is gone").status is CallStatus.ERROR
    assert result(SAYS, None, error="refused").status is CallStatus.ERROR


@pytest.mark.parametrize(
    ("late_ms", "allowed_ms", "void"),
    [
        ([0.1] * 1000, 5, False),
        ([0.1] * 980 + [6.0] * 20, 5, True),
        ([0.1] * 999 + [150.0], 5, True),
        ([6.0] * 9, 10, False),
    ],
)
def test_frames_that_leave_late_often_or_once_very_late_make_a_call_void(
    late_ms: list[float], allowed_ms: float, void: bool
) -> None:
    record = heard(length_ms=FRAME_MS)
    record.late_ms[:] = late_ms
    assert too_late(Lateness.of(record), allowed_ms) is void
