"""Refusals of servers, in the words of many."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.remote.refusals import complaint, retry_after_s

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary() | JSON.map(lambda value: json.dumps({"error": value}).encode()))
def test_any_complaint_is_one_short_line(body: bytes) -> None:
    assert len(complaint(body)) <= 300
    assert complaint(body).splitlines() in ([], [complaint(body)])


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "too\\nlong", "type": "BadRequestError"}}',
        b'{"error": "too long"}',
        b'{"message": "too long"}',
        b'{"detail": "too long"}',
        b'{"detail": {"status": "invalid", "message": "too long"}}',
        b'{"err_code": "INVALID", "err_msg": "too long", "request_id": "1"}',
        b'{"error_code": "bad", "title": "Bad", "message": "too long"}',
        b'[{"msg": "too long"}]',
        b"too long",
    ],
)
def test_servers_complain_in_their_own_ways(body: bytes) -> None:
    assert complaint(body) == "too long"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 12 ", 12),
        (format_datetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), 0),
        ("Thu, 01 Jan 2026 00:00:05 -0000", 5),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 400, None),
        ("soon", None),
        ("Thu, 99 Jan 2026 00:00:00 GMT", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
        ("0\x1f", 0.0),  # white space to some
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, datetime(2026, 1, 1, tzinfo=UTC)) == seconds
