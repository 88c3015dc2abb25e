import pytest

from bridge.admission.bucket import Bucket


@pytest.mark.parametrize(("per_second", "burst"), [(0.5, 1), (1, 1), (20, 20)])
def test_as_much_as_the_rate_may_happen(per_second: float, burst: int) -> None:
    bucket = Bucket(per_second)
    assert [bucket.take(0.0) for _ in range(burst + 1)] == [True] * burst + [False]
    assert bucket.take(1 / per_second)
    assert not bucket.take(1 / per_second)


def test_a_burst_may_be_larger_than_a_second_and_to_ask_takes_nothing() -> None:
    bucket = Bucket(0.1, burst=3)
    assert [bucket.has(0.0) and bucket.has(0.0) and bucket.take(0.0) for _ in range(4)] == [True] * 3 + [False]
    assert not bucket.has(9.9) and bucket.has(10.0)
    assert [bucket.take(1000.0) for _ in range(4)] == [True] * 3 + [False], "it holds no more than a burst"
