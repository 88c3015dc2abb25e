"""A faulty line loses and delays packets as its seed says."""

import pytest
from phone.line import FaultyLine, LineFaults


def arrivals(faults: LineFaults, *, seed: int = 1, packets: int = 20_000) -> list[float | None]:
    line = FaultyLine(faults, seed=seed)
    return [line.arrives_ms(20.0 * n) for n in range(packets)]


def test_a_good_line_changes_nothing() -> None:
    assert arrivals(LineFaults(), packets=100) == [20.0 * n for n in range(100)]


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
def test_so_many_packets_are_lost_in_bursts_of_two(loss: float) -> None:
    lost = [arrives is None for arrives in arrivals(LineFaults(loss=loss), packets=100_000)]
    bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert sum(lost) / len(lost) == pytest.approx(loss, rel=0.2)
    assert sum(lost) / bursts == pytest.approx(2, rel=0.1)


def test_packets_are_late_but_never_overtake() -> None:
    found = [arrives for arrives in arrivals(LineFaults(jitter_ms=100), packets=500) if arrives is not None]
    assert found == sorted(found)
    assert all(0 <= arrives - 20.0 * n <= 120 for n, arrives in enumerate(found))
    assert max(arrives - 20.0 * n for n, arrives in enumerate(found)) > 80


def test_the_seed_says_which() -> None:
    faults = LineFaults(loss=0.1, jitter_ms=50)
    assert arrivals(faults, seed=4, packets=200) == arrivals(faults, seed=4, packets=200)
    assert arrivals(faults, seed=4, packets=200) != arrivals(faults, seed=5, packets=200)
