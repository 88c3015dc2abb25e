"""Malformed messages are told one by one, until there are too many."""

import pytest

from telephony.errors import RemoteProtocolError
from telephony.events import Malformed
from telephony.malformed import Malformations, Refused


def test_each_malformed_message_is_told_with_its_reason() -> None:
    malformations = Malformations(at_most=2)
    assert list(malformations.tell(Refused("field a: got 1"))) == [Malformed("field a: got 1")]
    assert list(malformations.tell(Refused("field b: got 2"))) == [Malformed("field b: got 2")]


def test_one_too_many_in_a_row_ends_the_call_and_so_does_each_after_it() -> None:
    malformations = Malformations(at_most=1)
    malformations.tell(Refused("x"))
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="more than 1 malformed messages"):
            malformations.tell(Refused("x"))


@pytest.mark.parametrize("good", [1, 9])
def test_a_peer_that_sends_as_many_good_messages_is_borne_for_ever(good: int) -> None:
    malformations = Malformations(at_most=3)
    for _ in range(1000):
        malformations.tell(Refused("x"))
        for _ in range(good):
            malformations.good()


def test_a_peer_that_sends_two_bad_ones_for_a_good_one_is_given_up() -> None:
    malformations = Malformations(at_most=100)
    with pytest.raises(RemoteProtocolError):
        for _ in range(100):
            malformations.tell(Refused("x"))
            malformations.tell(Refused("x"))
            malformations.good()


def test_good_messages_are_no_credit() -> None:
    malformations = Malformations(at_most=1)
    for _ in range(1000):
        malformations.good()
    malformations.tell(Refused("x"))
    with pytest.raises(RemoteProtocolError):
        malformations.tell(Refused("x"))


def test_calls_are_counted_apart() -> None:
    one, other = Malformations(at_most=1), Malformations(at_most=1)
    one.tell(Refused("x"))
    assert list(other.tell(Refused("y"))) == [Malformed("y")]
