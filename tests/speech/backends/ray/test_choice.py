"""Which replica a decode should go to."""

from bridge.speech.backends.ray.choice import Candidate, in_order

NAMES = ("a", "b", "c")


def idle() -> list[Candidate]:
    return [Candidate(name) for name in NAMES]


def test_an_utterance_goes_to_the_same_replica_whatever_the_order_in_which_they_are_known() -> None:
    for key in ("one", "two", "three"):
        assert in_order(idle(), key, ()) == in_order(idle()[::-1], key, ())


def test_utterances_are_spread() -> None:
    assert {in_order(idle(), f"u{n}", ())[0] for n in range(30)} == set(NAMES)


def test_who_has_less_to_do_goes_before_the_one_that_has_its_caches() -> None:
    own = in_order(idle(), "u", ())[0]
    busy = [Candidate(name, in_hand=1 if name == own else 0) for name in NAMES]
    assert in_order(busy, "u", ())[-1] == own


def test_one_with_room_for_another_decode_keeps_its_utterances() -> None:
    own = in_order(idle(), "u", ())[0]
    half_full = [Candidate(name, in_hand=3 if name == own else 0, at_once=4) for name in NAMES]
    assert in_order(half_full, "u", ())[0] == own


def test_one_that_failed_is_the_last_however_idle_it_looks() -> None:
    own = in_order(idle(), "u", ())[0]
    busy = [Candidate(name, in_hand=0 if name == own else 9) for name in NAMES]
    assert in_order(busy, "u", {own})[-1] == own
    assert len(in_order(busy, "u", set(NAMES))) == len(NAMES)
