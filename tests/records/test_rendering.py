"""Calls as text: for a terminal, a spreadsheet, a program."""

import csv
import io
import json

from bridge.records import rendering
from bridge.records.entries import Entry, EntryKind

ROW: dict[str, object] = {
    **dict.fromkeys(rendering.CSV_COLUMNS, ""),
    "record": "0123456789abcdef0123456789abcdef",
    "call_id": "CA1",
    "began_at": 1700000000.25,
    "ended_at": 1700000012.5,
    "wire": "twilio",
    "caller": "+491701234567",
    "reason": "the caller hung up",
    "ended_by": "caller",
    "duration_ms": 12250,
    "first_audio_ms": 480,
}
ENTRIES = [
    Entry("r", 1, 1700000000.25, EntryKind.STARTED, "", {"call_id": "CA1"}),
    Entry("r", 2, 1700000003.25, EntryKind.CALLER, "what\ntime", {"from_ms": 100}),
    Entry("r", 3, 1700000004.25, EntryKind.LATENCY, "", {"final_ms": 200, "sent_ms": 480}),
]


def test_a_table_has_a_line_a_call_and_says_which_never_ended() -> None:
    lines = rendering.table([ROW, {**ROW, "ended_at": None, "duration_ms": None, "first_audio_ms": None}])
    assert len(lines) == 3
    assert "2023-11-14T22:13:20" in lines[1]
    assert "12 s" in lines[1]
    assert "480 ms" in lines[1]
    assert lines[1].endswith("caller: the caller hung up")
    assert lines[2].endswith("not yet, or its server died")


def test_a_story_is_told_in_seconds_since_the_begin_and_one_line_an_entry() -> None:
    lines = rendering.story(ROW, ENTRIES)
    assert lines[-3:] == [
        "    0.00  started   CA1",
        "    3.00  caller    what\\u000atime  [from_ms 100]",
        "    4.00  latency   final 200 ms, sent 480 ms",
    ]


def test_json_has_all_of_it_with_times_that_others_read() -> None:
    told = json.loads(rendering.json_line(ROW, ENTRIES))
    assert told["began_at"] == "2023-11-14T22:13:20.250Z"
    assert told["entries"][1] == {
        "number": 2,
        "at": "2023-11-14T22:13:23.250Z",
        "kind": "caller",
        "text": "what\ntime",
        "data": {"from_ms": 100},
    }


def test_csv_has_a_heading_once_and_no_cell_that_a_spreadsheet_would_run() -> None:
    evil_row = {**ROW, "reason": '=HYPERLINK("http://x")'}
    text = rendering.csv_lines([evil_row]) + rendering.csv_lines([ROW], heading=False)
    heading, evil, usual = csv.reader(io.StringIO(text))
    assert tuple(heading) == tuple(rendering.CSV_COLUMNS)
    assert evil[heading.index("reason")] == '\'=HYPERLINK("http://x")'
    assert usual[heading.index("caller")] == "+491701234567"
