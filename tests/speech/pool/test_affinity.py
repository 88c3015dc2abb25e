"""Which engine an utterance prefers."""

from bridge.speech.pool.affinity import affinity

ENGINES = [f"engine-{n}" for n in range(4)]


def own(key: str, engines: list[str]) -> str:
    return min(engines, key=lambda engine: affinity(key, engine))


def test_utterances_are_spread_over_all() -> None:
    counts = [sum(own(f"u{n}", ENGINES) == engine for n in range(400)) for engine in ENGINES]
    assert min(counts) > 60


def test_where_one_goes_only_its_own_utterances_move() -> None:
    moved = [n for n in range(400) if own(f"u{n}", ENGINES) != own(f"u{n}", ENGINES[:3])]
    assert moved == [n for n in range(400) if own(f"u{n}", ENGINES) == "engine-3"]


def test_without_a_key_all_are_equal() -> None:
    assert affinity("", "a") == affinity("", "b")
