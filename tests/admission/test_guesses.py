import pytest

from bridge.admission.guesses import AT_ONCE, RETRY_S, Guesses


def tried(guesses: Guesses, address: str, times: int, now_s: float = 0.0) -> None:
    for _ in range(times):
        guesses.wrong(address, now_s)


def test_who_is_wrong_too_often_has_to_wait_and_others_have_not() -> None:
    guesses = Guesses()
    tried(guesses, "192.0.2.1", AT_ONCE - 1)
    assert guesses.allowed("192.0.2.1", 0.0)
    tried(guesses, "192.0.2.1", 1)
    assert not guesses.allowed("192.0.2.1", 0.0) and guesses.allowed("192.0.2.2", 0.0)
    assert not guesses.allowed("192.0.2.1", RETRY_S - 0.1) and guesses.allowed("192.0.2.1", RETRY_S)


def test_a_day_of_guesses_is_a_few_a_minute() -> None:
    guesses, made, day_s = Guesses(), 0, 86_400
    for now_s in range(day_s):
        if guesses.allowed("192.0.2.1", float(now_s)):
            guesses.wrong("192.0.2.1", float(now_s))
            made += 1
    assert made == pytest.approx(AT_ONCE + day_s / RETRY_S, abs=2)


def test_all_addresses_of_one_customer_are_one() -> None:
    guesses = Guesses()
    for number in range(AT_ONCE):
        guesses.wrong(f"2001:db8:0:1::{number:x}", 0.0)
    assert not guesses.allowed("2001:db8:0:1:ffff::1", 0.0) and guesses.allowed("2001:db8:0:2::1", 0.0)
    tried(guesses, "192.0.2.1", AT_ONCE)
    assert not guesses.allowed("::ffff:192.0.2.1", 0.0)


def test_what_is_no_address_is_held_to_the_same() -> None:
    guesses = Guesses()
    tried(guesses, "", AT_ONCE)
    assert not guesses.allowed("", 0.0)


def test_ever_new_addresses_take_no_more_memory_and_the_newest_are_known() -> None:
    guesses = Guesses()
    for number in range(20_000):
        tried(guesses, f"10.0.{number // 250}.{number % 250}", AT_ONCE)
    assert not guesses.allowed("10.0.79.249", 0.0) and guesses.allowed("10.0.0.0", 0.0)
