"""Packets with numbers and timestamps into contiguous media time."""

import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.codec import silence
from telephony.events import AudioFormat, Encoding, Media
from telephony.timeline import LEAP_MS, Timeline

MULAW = AudioFormat(Encoding.MULAW, 8000)
PACKET = b"\x10" * 160  # 20 ms


def lost(n_ms: int, at_ms: int) -> Media:
    return Media(silence(Encoding.MULAW, n_ms * 8), at_ms, concealed=True)


def play(timeline: Timeline, packets: Sequence[tuple[int | None, int | None]]) -> list[Media]:
    placed: list[Media] = []
    for number, timestamp_ms in packets:
        placed += timeline.place(PACKET, number=number, timestamp_ms=timestamp_ms)
    return placed


def test_packets_in_order_follow_each_other() -> None:
    timeline = Timeline(MULAW)
    assert play(timeline, [(1, 0), (2, 20), (3, 40)]) == [Media(PACKET, 0), Media(PACKET, 20), Media(PACKET, 40)]
    assert (timeline.lost_ms, timeline.late) == (0, 0)


def test_media_time_begins_with_the_first_packet_whatever_its_number_and_timestamp() -> None:
    assert play(Timeline(MULAW), [(77, 123_456), (78, 123_476)]) == [Media(PACKET, 0), Media(PACKET, 20)]


@pytest.mark.parametrize(
    ("before", "after"),
    [((1, 0), (3, 40)), ((1, None), (3, None)), ((1, 0), (3, None)), ((1, None), (3, 40))],
)
def test_one_lost_packet_is_filled_with_silence(before: tuple[int, int | None], after: tuple[int, int | None]) -> None:
    timeline = Timeline(MULAW)
    assert play(timeline, [before, after]) == [Media(PACKET, 0), lost(20, 20), Media(PACKET, 40)]
    assert timeline.lost_ms == 20


def test_a_gap_in_the_timestamps_alone_is_filled() -> None:
    assert play(Timeline(MULAW), [(None, 0), (None, 80)]) == [Media(PACKET, 0), lost(60, 20), Media(PACKET, 80)]


def test_a_sender_that_paused_without_losing_packets_leaves_a_gap_too() -> None:
    assert play(Timeline(MULAW), [(1, 0), (2, 1020)]) == [Media(PACKET, 0), lost(1000, 20), Media(PACKET, 1020)]


def test_packets_without_number_and_timestamp_follow_each_other() -> None:
    assert play(Timeline(MULAW), [(None, None)] * 3) == [Media(PACKET, 0), Media(PACKET, 20), Media(PACKET, 40)]


def test_a_packet_whose_number_is_missing_is_counted_all_the_same() -> None:
    timeline = Timeline(MULAW)
    play(timeline, [(1, 0), (None, 20), (3, 40), (None, None), (5, 80)])
    assert (timeline.lost_ms, timeline.late) == (0, 0)


@pytest.mark.parametrize(
    ("numbered", "wander"),
    [(True, [0, 20, -20, 19, 0, -20, 20, 7, -13]), (False, [0, 20, -20, 19, -2, -20, 18, 7, -12])],
)
def test_timestamps_that_wander_by_20_ms_change_nothing(numbered: bool, wander: list[int]) -> None:
    timeline = Timeline(MULAW)
    packets = [(i + 1 if numbered else None, 1000 + 20 * i + w) for i, w in enumerate(wander)]
    placed = play(timeline, packets)
    assert [media.at_ms for media in placed] == [20 * i for i in range(len(packets))]
    assert (timeline.lost_ms, timeline.late) == (0, 0)


def test_a_lost_packet_is_seen_through_timestamps_that_wander() -> None:
    placed = play(Timeline(MULAW), [(1, 0), (2, 35), (4, 75), (5, 62)])
    assert placed == [Media(PACKET, 0), Media(PACKET, 20), lost(20, 40), Media(PACKET, 60), Media(PACKET, 80)]


@pytest.mark.parametrize("packets", [[(1, 0), (1, 0)], [(1, None), (1, None)], [(None, 0), (None, 0)]])
def test_a_packet_that_comes_twice_is_dropped(packets: list[tuple[int | None, int | None]]) -> None:
    timeline = Timeline(MULAW)
    assert play(timeline, packets) == [Media(PACKET, 0)]
    assert timeline.late == 1


def test_a_packet_that_comes_after_its_place_was_filled_is_dropped() -> None:
    timeline = Timeline(MULAW)
    placed = play(timeline, [(1, 0), (3, 40), (2, 20), (4, 60)])
    assert [media.at_ms for media in placed] == [0, 20, 40, 60]
    assert (timeline.lost_ms, timeline.late) == (20, 1)


def test_numbers_that_stand_still_lose_no_audio_while_timestamps_move() -> None:
    timeline = Timeline(MULAW)
    assert len(play(timeline, [(1, 20 * i) for i in range(50)])) == 50
    assert (timeline.lost_ms, timeline.late) == (0, 0)


def test_timestamps_that_stand_still_lose_no_audio_while_numbers_move() -> None:
    timeline = Timeline(MULAW)
    assert len(play(timeline, [(i, 0) for i in range(1000)])) == 1000
    assert (timeline.lost_ms, timeline.late) == (0, 0)


def test_numbers_that_count_another_track_too_fill_nothing_in_the_long_run() -> None:
    timeline = Timeline(MULAW)
    play(timeline, [(2 * i, 20 * i) for i in range(1000)])
    assert timeline.lost_ms <= 20


def test_timestamps_that_jitter_by_arrival_add_silence_only_once() -> None:
    timeline = Timeline(MULAW)
    play(timeline, [(i, 20 * i + (60 if i % 10 == 9 else 0)) for i in range(1000)])
    assert timeline.lost_ms == 60


def test_a_drifting_clock_is_followed() -> None:
    timeline = Timeline(MULAW)
    placed = play(timeline, [(i, 20 * i + i // 50) for i in range(50_000)])  # 1000 s with 1 ms too much a second
    assert abs(placed[-1].at_ms - (20 * 49_999 + 999)) <= 20
    assert timeline.late == 0


@pytest.mark.parametrize("leap", [(None, 20 + LEAP_MS), (2 + LEAP_MS // 20, None), (2 + LEAP_MS // 20, 20 + LEAP_MS)])
def test_the_longest_gap_is_filled(leap: tuple[int | None, int | None]) -> None:
    timeline = Timeline(MULAW)
    placed = play(timeline, [(1, 0), leap])
    assert placed[1:] == [lost(LEAP_MS, 20), Media(PACKET, 20 + LEAP_MS)]


@pytest.mark.parametrize("leap", [(None, 21 + LEAP_MS), (3 + LEAP_MS // 20, None), (10**15, 10**15), (None, 10**4000)])
def test_a_larger_leap_rebases_the_clock(leap: tuple[int | None, int | None]) -> None:
    timeline = Timeline(MULAW)
    number, timestamp_ms = leap
    after = (number and number + 1, timestamp_ms and timestamp_ms + 20)
    assert [media.at_ms for media in play(timeline, [(1, 0), leap, after])] == [0, 20, 40]
    assert (timeline.lost_ms, timeline.late) == (0, 0)


@pytest.mark.parametrize("restart", [(None, 0), (1, None), (1, 0)])
def test_a_clock_that_starts_again_is_followed_at_once(restart: tuple[int | None, int | None]) -> None:
    timeline = Timeline(MULAW)
    number, timestamp_ms = restart
    play(timeline, [(number and 1000 + i, None if timestamp_ms is None else 20_000 + 20 * i) for i in range(10)])
    after = (number and number + 1, None if timestamp_ms is None else timestamp_ms + 20)
    assert play(timeline, [restart, after]) == [Media(PACKET, 200), Media(PACKET, 220)]
    assert (timeline.lost_ms, timeline.late) == (0, 0)


def test_packets_of_any_length_count_by_their_samples() -> None:
    timeline = Timeline(AudioFormat(Encoding.L16, 16_000))
    placed = timeline.place(bytes(640), number=1) + timeline.place(bytes(98), number=2) + timeline.place(bytes(640))
    assert [media.at_ms for media in placed] == [0, 20, 23]  # 49 samples are 3.06 ms


def test_an_empty_packet_is_nothing() -> None:
    timeline = Timeline(MULAW)
    assert timeline.place(b"", number=1, timestamp_ms=0) == []
    assert play(timeline, [(5, 70)]) == [Media(PACKET, 0)]


def test_lost_l16_audio_is_filled_with_whole_samples() -> None:
    timeline = Timeline(AudioFormat(Encoding.L16, 16_000))
    placed = timeline.place(bytes(640), timestamp_ms=0) + timeline.place(bytes(640), timestamp_ms=60)
    assert [(media.at_ms, len(media.payload)) for media in placed] == [(0, 640), (20, 1280), (60, 640)]


numbers = st.none() | st.integers(-(10**20), 10**20) | st.integers(-600, 600)


@given(packets=st.lists(st.tuples(numbers, numbers), max_size=30))
def test_whatever_the_numbers_are_media_is_contiguous_and_bounded(
    packets: list[tuple[int | None, int | None]],
) -> None:
    timeline = Timeline(MULAW)
    placed = play(timeline, packets)
    ends_ms = [media.at_ms + len(media.payload) // 8 for media in placed]
    assert [media.at_ms for media in placed] == [0, *ends_ms[:-1]][: len(placed)]
    assert all(len(media.payload) <= LEAP_MS * 8 for media in placed)
    assert sum(not media.concealed for media in placed) + timeline.late == len(packets)
    assert sum(len(media.payload) // 8 for media in placed if media.concealed) == timeline.lost_ms


def test_no_number_makes_it_allocate_more_than_the_longest_gap() -> None:
    timeline = Timeline(MULAW)
    play(timeline, [(1, 0)])
    tracemalloc.start()
    play(timeline, [(10**12, 10**12)])
    play(timeline, [(2 * 10**12, 10**12 + LEAP_MS)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * LEAP_MS * 8
