"""What is kept of a call."""

from bridge.commands.phone.call_record import CallRecord, Moment


def test_a_record_finds_what_happened() -> None:
    record = CallRecord([Moment(10, "clear"), Moment(20, "mark", "a"), Moment(30, "clear")])
    assert record.first("clear") == 10
    assert record.first("clear", after_ms=10) == 10
    assert record.first("clear", after_ms=11) == 30
    assert record.first("gap") is None
    assert record.count("clear") == 2
