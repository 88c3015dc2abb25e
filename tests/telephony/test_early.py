"""What comes before the start of a call is kept, oldest first, and bounded."""

from telephony.early import Early, with_early
from telephony.events import AudioFormat, CallStarted, Dtmf, Encoding, Media


def test_what_was_kept_is_given_once_in_order() -> None:
    early = Early[str](at_most=100)
    for item in ("a", "b", "c"):
        early.keep(item, size=10)
    assert len(early) == 3
    assert early.take() == ["a", "b", "c"]
    assert early.take() == [] and len(early) == 0


def test_the_oldest_make_room_for_the_newest() -> None:
    early = Early[int](at_most=100)
    for number in range(1000):
        early.keep(number, size=30)
    assert early.take() == [997, 998, 999]


def test_what_is_larger_than_all_there_may_be_is_not_kept() -> None:
    early = Early[str](at_most=100)
    early.keep("x", size=101)
    assert early.take() == []
    early.keep("y", size=100)
    assert early.take() == ["y"]


def test_a_start_tells_how_much_audio_follows_it_at_once() -> None:
    started = CallStarted("c1", AudioFormat(Encoding.MULAW, 8000))
    told = with_early(started, [Media(bytes(160), 0), Dtmf("1"), Media(bytes(80), 20)])
    assert told.early_ms == 30 and told.call_id == "c1"
    assert with_early(started, []) == started
