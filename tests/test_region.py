"""The model of a region obeys the laws of queues, loses nothing unseen, and is the same for the same seed."""

import random

import pytest
from region import LOST_S, Engine, Region, Talk
from simulate_region import ENGINES, arrivals, simulated


def finals_ms(region: Region) -> list[float]:
    return [1000 * took for _, took in region.told.finals_s]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def asked(region: Region, a_second: float, count: int, *, bridges: int = 1) -> float:
    """Have so many finals asked for at random times; return how many a second that came to."""
    dice, at_s = random.Random(2), 0.0
    for _ in range(count):
        at_s += dice.expovariate(a_second)
        bridge = dice.randrange(bridges)
        region.at(at_s, lambda bridge=bridge: region.ask(bridge, final=True))  # type: ignore[misc]
    region.run(at_s + 100)
    return count / at_s


@pytest.mark.parametrize("waits_in_bridge", [True, False])
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_server_waits_as_a_queue_with_fixed_service_does(load: float, waits_in_bridge: bool) -> None:
    run_s = 0.1
    region = Region(bridges=1, replicas=1, engine=Engine.timed(run_s, waits_in_bridge=waits_in_bridge))
    load = run_s * asked(region, load / run_s, 20_000)
    expected_s = run_s + load * run_s / (2 * (1 - load))  # Pollaczek and Khinchine
    assert mean(finals_ms(region)) == pytest.approx(1000 * expected_s, rel=0.06)


def test_a_queue_for_all_replicas_waits_less_than_one_for_each() -> None:
    common, apart = (simulated(arrivals(0.8 * 4 / 0.1, 200, 1, 3), 1, 4, 0.1, tells=tells) for tells in (True, False))
    assert mean(common) < mean(apart)
    assert min(common) == pytest.approx(100)


def test_a_bridge_on_ray_knows_for_half_a_second_what_an_answer_said_of_the_others() -> None:
    region = Region(bridges=2, replicas=2, engine=Engine.timed(1.0), router=True)
    region.bridges[0].down.add(1)  # so that all of its decodes are with the first replica
    took: list[float] = []
    for at_s in (0.0, 1.1, 2.2):
        region.at(at_s, lambda: region.ask(1, final=True, utterance=0, done=took.append))
    for _ in range(4):
        region.at(0.0, lambda: region.ask(0, final=True))
    region.run(10)
    told, forgotten = 1.0, 5.0 - 2.2 + 1.0
    assert took == pytest.approx([1.0, told, forgotten])


def test_a_bridge_alone_with_a_pool_on_ray_waits_little_longer_than_in_one_queue_for_all() -> None:
    asked = arrivals(0.7 * 4 / 0.1, 200, 1, 3)
    routed = mean(simulated(asked, 1, 4, 0.1, tells=False, router=True, overhead_s=0.004))
    one_queue = 4 + mean(simulated(asked, 1, 4, 0.1, tells=True))
    assert one_queue < routed < 1.1 * one_queue


def test_an_engine_is_as_fast_as_its_curve() -> None:
    h200 = ENGINES["h200"]
    assert [round(h200.a_second(n)) for n in (1, 8, 20, 64, 128)] == [15, 103, 150, 238, 238]
    region = Region(bridges=1, replicas=1, engine=h200)
    for _ in range(8):
        region.at(0.0, lambda: region.ask(0, final=True))
    region.run(10)
    assert finals_ms(region) == [pytest.approx(1000 * 8 / 103)] * 8


def test_calls_beyond_the_lines_are_refused_as_often_as_erlang_says() -> None:
    talk = Talk(call_s=10, speech_s=1, reply_s=1e9)
    region = Region(bridges=1, replicas=1, engine=Engine.timed(0.001), lines=10, talk=talk)
    region.calls_come(0.8, 40_000)  # 8 at once
    region.run(40_000)
    assert region.told.refused / region.told.offered == pytest.approx(0.1217, abs=0.01)


def test_finals_go_before_partials() -> None:
    region = Region(bridges=1, replicas=1, engine=Engine.timed(1.0))
    answered: list[str] = []
    for name, final in (("running", False), ("partial", False), ("final", True)):
        region.ask(0, final=final, done=lambda _, name=name: answered.append(name))  # type: ignore[misc]
    region.run(10)
    assert answered == ["running", "final", "partial"]


def test_the_death_of_a_replica_costs_its_finals_two_seconds_and_loses_none() -> None:
    region = Region(bridges=3, replicas=4, engine=Engine.timed(0.1, at_once=8))
    for number in range(300):
        region.at(number / 100, lambda number=number: region.ask(number % 3, final=True))  # type: ignore[misc]
    region.at(1.0, lambda: region.lose_replicas([0], back_s=1.5))
    region.run(60)
    assert len(region.told.finals_s) == 300
    late = [took for took in finals_ms(region) if took > 1000 * LOST_S]
    assert 0 < len(late) < 100
    assert max(late) < 1000 * (LOST_S + 0.5)
    assert not any(bridge.down or any(bridge.in_hand.values()) for bridge in region.bridges)


def test_the_death_of_a_bridge_cuts_its_calls_and_they_come_again() -> None:
    region = Region(bridges=2, replicas=2, engine=ENGINES["h200"], lines=20, talk=Talk(call_s=1e6))
    for _ in range(10):
        region.call()
    region.run(5)
    on_it = len(region.bridges[0].calls)
    region.lose_bridges([0], back_s=100)
    region.run(50)
    assert (region.told.cut, region.told.offered) == (on_it, 10 + on_it)
    assert len(region.bridges[1].calls) == 10


def test_the_same_seed_is_the_same_day_and_another_is_not() -> None:
    def told(seed: int) -> list[float]:
        region = Region(bridges=3, replicas=2, engine=ENGINES["4090"], seed=seed)
        for _ in range(60):
            region.call(phase_s=region.dice.uniform(0, 5))
        region.look_at_load()
        region.run(20)
        return finals_ms(region)

    assert told(1) == told(1) != told(2)


def test_too_little_of_all_leaves_partials_out_and_then_callers() -> None:
    region = Region(bridges=2, replicas=1, engine=Engine.timed(0.3, waits_in_bridge=True), lines=40)
    region.look_at_load()
    region.calls_come(2.0, 60)
    region.run(60)
    assert region.told.partials_left_out > 0
    assert region.told.refused > 0
