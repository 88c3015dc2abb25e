"""Server-sent events, cut anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.openai.sse import EventStream


def events(*payloads: bytes) -> list[str]:
    stream = EventStream()
    found = [data for payload in payloads for data in stream.feed(payload)]
    return [*found, *stream.end()]


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        (b'data: {"a": 1}\n\ndata: [DONE]\n\n', ['{"a": 1}', "[DONE]"]),
        (b"data:no blank\r\n\r\ndata: CR\r\rdata: last", ["no blank", "CR", "last"]),
        (b": OPENROUTER PROCESSING\n\n: ping\n\ndata: x\n\n", ["x"]),
        (b"event: error\nid: 5\nretry: 3\ndata: x\n\n", ["x"]),
        (b"data: one\ndata: two\n\n", ["one\ntwo"]),
        (b"\n\n\n\ndata:\n\n", [""]),
        ("data: \u2028 \x85 é\n\n".encode(), ["\u2028 \x85 é"]),
        (b"no field at all\n\n", []),
        (b"", []),
    ],
)
def test_a_response_is_cut_into_the_data_of_its_events(payload: bytes, data: list[str]) -> None:
    assert events(payload) == data
    assert events(*(payload[at : at + 1] for at in range(len(payload)))) == data


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_where_it_is_cut_changes_nothing(payload: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    try:
        whole = events(payload)
    except UnicodeDecodeError:
        return
    assert events(*(payload[a:b] for a, b in pairwise(places))) == whole


def test_an_event_without_an_end_is_given_up() -> None:
    stream = EventStream()
    with pytest.raises(ValueError, match="an event of more than"):
        for _ in range(40):
            stream.feed(b"data: " + b"x" * 50_000 + b"\n")
