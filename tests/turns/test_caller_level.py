"""How loud a caller speaks to the bot, and who does not speak as loud."""

import pytest

from bridge.turns.caller_level import CallerLevel


def known(*, below_db: float = 8, level_db: float = -25) -> CallerLevel:
    level = CallerLevel(below_db)
    for _ in range(24):
        level.learn(level_db)
    return level


def test_before_a_second_of_the_callers_own_speech_everybody_is_near() -> None:
    level = CallerLevel(8)
    for _ in range(23):
        level.learn(-25)
    assert level.near(-80)
    level.learn(-25)
    assert not level.near(-80)


@pytest.mark.parametrize(("level_db", "near"), [(-20, True), (-25, True), (-33, True), (-33.5, False), (-45, False)])
def test_near_is_what_is_at_most_so_much_quieter_than_the_caller(level_db: float, near: bool) -> None:
    assert known().near(level_db) is near


def test_consonants_and_gaps_do_not_make_a_caller_quieter() -> None:
    level = CallerLevel(8)
    for _ in range(20):
        for level_db in (-24, -40, -45):
            level.learn(level_db)
    assert level.near(-31) and not level.near(-36)


def test_a_caller_who_puts_the_telephone_on_the_table_counts_as_loud_as_that_after_ten_seconds() -> None:
    level = known()
    for _ in range(320):
        level.learn(-40)
    assert level.near(-45)


def test_with_zero_everybody_is_near() -> None:
    assert known(below_db=0).near(-90)
