import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.events import KEYS
from telephony.sip_keys import key_of


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "5"),
        (b"Signal= 5\nDuration= 60000", "5"),
        (b"signal = d\r\n", "D"),
        (b"Duration=100\r\nSignal=#\r\n", "#"),
        (b"Signal=*", "*"),
        (b"Signal=10\r\n", "*"),
        (b"Signal=11\r\n", "#"),
        (b"Signal=15\r\n", "D"),
        (b"5", "5"),
        (b"#\r\n", "#"),
        (b"10", "*"),
        (b"", ""),
        (b"Signal=\r\n", ""),
        (b"Signal=16\r\n", ""),
        (b"Signal=55\r\n", ""),
        (b"Signal=\xff\r\n", ""),
        (b"x" * 100_000, ""),
    ],
)
def test_a_body_means_a_key_or_none(body: bytes, key: str) -> None:
    assert key_of(body) == key


@given(st.binary(max_size=60))
def test_any_body_means_one_key_at_most(body: bytes) -> None:
    assert key_of(body) in {"", *KEYS}
