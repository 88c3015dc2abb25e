"""Tickets: they carry what the bot is told, and nobody else can write one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.carriers.tickets import GOOD_S, read, write

KEY = b"s3cret"
TOLD = {"From": "+4915", "To": "+4930", "name": "अमर 😀"}


def test_a_ticket_tells_what_it_was_written_with() -> None:
    assert read(KEY, "telnyx", write(KEY, "telnyx", TOLD, now_s=5.0), now_s=5.0) == TOLD
    assert read(KEY, "telnyx", write(KEY, "telnyx", {}, now_s=5.0), now_s=5.0) == {}


def test_it_is_good_for_two_minutes_one_carrier_and_one_key() -> None:
    ticket = write(KEY, "telnyx", TOLD, now_s=0.0)
    assert read(KEY, "telnyx", ticket, now_s=GOOD_S) == TOLD
    assert read(KEY, "telnyx", ticket, now_s=GOOD_S + 1) is None
    assert read(KEY, "plivo", ticket, now_s=0.0) is None
    assert read(b"other", "telnyx", ticket, now_s=0.0) is None


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_a_ticket_of_which_anything_was_changed_is_none(at: int) -> None:
    ticket = write(KEY, "telnyx", TOLD, now_s=0.0)
    at %= len(ticket)
    changed = ticket[:at] + ("A" if ticket[at] != "A" else "B") + ticket[at + 1 :]
    assert read(KEY, "telnyx", changed, now_s=0.0) is None


@given(st.text())
def test_whatever_a_stranger_writes_is_no_ticket(text: str) -> None:
    assert read(KEY, "telnyx", text, now_s=0.0) is None


def test_an_address_stays_short_whatever_is_told() -> None:
    many = {f"name{number}": "x" * 1000 for number in range(50)}
    ticket = write(KEY, "telnyx", {"From": "+4915", **many}, now_s=0.0)
    known = read(KEY, "telnyx", ticket, now_s=0.0)
    assert len(ticket) < 1600
    assert known and known["From"] == "+4915" and known["name0"] == "x" * 256
