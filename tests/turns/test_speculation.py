"""Whether a reply may be begun before the turn is over, and whether it is the one to give."""

import pytest

from bridge.turns.speculation import Speculation, SpeculationRules


def bets(**rules: int) -> Speculation:
    return Speculation(SpeculationRules(**rules))


def test_a_reply_begun_for_the_words_that_close_the_turn_saves_the_wait() -> None:
    bet = bets()
    assert bet.propose("Book a table", spoken_ms=900, now_ms=1000)
    assert bet.running
    assert bet.settle("book a table.", now_ms=1400, ready_ms=None) == 400
    assert not bet.running


def test_it_saves_no_more_than_the_reply_took() -> None:
    bet = bets()
    bet.propose("Book a table", spoken_ms=900, now_ms=1000)
    assert bet.settle("Book a table", now_ms=2000, ready_ms=1150) == 150


def test_other_words_make_it_worthless() -> None:
    bet = bets()
    bet.propose("Book a table", spoken_ms=900, now_ms=1000)
    assert bet.settle("Book a table for two", now_ms=1400, ready_ms=1100) is None
    assert not bet.running


def test_the_same_words_written_otherwise_begin_nothing_anew() -> None:
    bet = bets()
    assert bet.propose("Book a table", spoken_ms=900, now_ms=1000)
    assert not bet.propose("book, a  TABLE!", spoken_ms=900, now_ms=1200)
    assert bet.settle("Book a table", now_ms=1400, ready_ms=None) == 400


def test_three_are_begun_in_a_turn_and_the_next_turn_counts_anew() -> None:
    bet = bets()
    assert [bet.propose(text, spoken_ms=900, now_ms=0) for text in "abcd"] == [True, True, True, False]
    assert bet.settle("c", now_ms=100, ready_ms=None) == 100
    assert bet.propose("e", spoken_ms=900, now_ms=0)


def test_none_is_begun_for_nothing_or_after_ten_seconds_of_speech() -> None:
    bet = bets()
    assert not bet.propose("...", spoken_ms=900, now_ms=0)
    assert not bet.propose("and then", spoken_ms=10_001, now_ms=0)
    assert bet.propose("and then", spoken_ms=10_000, now_ms=0)


def test_none_is_begun_where_the_settings_say_so() -> None:
    assert not bets(attempts=0).propose("hello", spoken_ms=900, now_ms=0)


def test_what_is_dropped_is_over() -> None:
    bet = bets()
    assert not bet.drop()
    bet.propose("hello", spoken_ms=900, now_ms=0)
    assert bet.drop()
    assert bet.settle("hello", now_ms=10, ready_ms=None) is None


@pytest.mark.parametrize("wrong", [{"attempts": -1}, {"attempts": 21}, {"longest_speech_ms": -5}])
def test_rules_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        bets(**wrong)
