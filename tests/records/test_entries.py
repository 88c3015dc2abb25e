"""Entries and their lines of JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.records.entries import BadEntry, Entry, EntryKind, from_json, storable

NASTY = "it's\x00 a \ud800 \u0939\u093f\n"


def test_a_line_leads_back_to_its_entry() -> None:
    entry = Entry("r1", 3, 1700000000.25, EntryKind.CALLER, "नमस्ते, \u2028 ok", {"from_ms": 1, "more": {"a": [1, None]}})
    assert from_json(entry.to_json()) == entry


def test_an_entry_is_one_line() -> None:
    assert b"\n" not in Entry("r1", 1, 0.0, EntryKind.NOTE, "two\nlines").to_json()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b'["r",1,0,"caller","t"]',
        b'["r",1,0,"caller","t",[]]',
        b'["r",0,0,"caller","t",{}]',
        b'["r",true,0,"caller","t",{}]',
        b'["",1,0,"caller","t",{}]',
        b'["r",1,0,"nonsense","t",{}]',
        b'["r",1,"0","caller","t",{}]',
        b'["r",1,0,"caller",7,{}]',
        b'["r",1,0,"call',
        b"\xff\xfe",
        b"[" * 5000,
        json.dumps(["r" * 65, 1, 0, "caller", "t", {}]).encode(),
    ],
)
def test_a_line_that_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(BadEntry):
        from_json(line)


def test_what_a_database_does_not_take_is_taken_out() -> None:
    assert storable(NASTY) == "it's a ? \u0939\u093f\n"
    assert storable({"k\0": [NASTY, float("nan"), 1.5, True, None, (1, 2)]}) == {
        "k": ["it's a ? \u0939\u093f\n", None, 1.5, True, None, [1, 2]]
    }
    assert storable(b"x") == "b'x'"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_whatever_is_storable_is_json_and_utf8(value: object) -> None:
    json.dumps(storable(value), allow_nan=False, ensure_ascii=False).encode()
