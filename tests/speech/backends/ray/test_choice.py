"""Which replica a decode should go to."""

from bridge.speech.backends.ray.choice import Candidate, Loads, in_order

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


def test_own_decodes_are_counted_and_those_of_others_as_long_as_a_replica_says_so() -> None:
    loads = Loads()
    loads.sent("a")
    loads.sent("a")
    loads.told("a", 4, now_s=100.0)  # one of ours is answered, one is among the four
    assert loads.of("a", now_s=100.0) == 5
    loads.over("a")
    assert loads.of("a", now_s=100.4) == 4
    assert loads.of("a", now_s=100.6) == 1
    assert loads.of("b", now_s=100.0) == 0


def test_what_is_gone_is_forgotten_and_what_ends_later_does_not_count_below_nothing() -> None:
    loads = Loads()
    loads.sent("a")
    loads.keep({"b"})
    loads.over("a")
    loads.over("a")
    assert loads.of("a", now_s=0.0) == 0
