"""Which source of RTP is the caller: behind NAT, named, moved, and strangers who would like to be."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.sip.media.latch import (
    MOST_SOURCES,
    PROOF,
    PROOF_OF_THE_OLD,
    Address,
    Latch,
    RtpHead,
    rtp_head,
)

NAMED: Address = ("10.0.0.3", 20580)
OUTSIDE: Address = ("203.0.113.9", 41000)
STRANGER: Address = ("198.51.100.66", 5004)


def opened(named: Address | None = NAMED) -> Latch:
    latch = Latch()
    latch.open(named)
    return latch


def row(latch: Latch, source: Address, packets: int, *, ssrc: int = 7, first: int = 100, step: int = 1) -> list[bool]:
    """Return what each of so many packets in a row settles."""
    return [latch.hear(source, RtpHead(ssrc, (first + step * index) & 0xFFFF)) for index in range(packets)]


def test_the_address_in_the_sdp_needs_one_packet() -> None:
    latch = opened()
    assert row(latch, NAMED, 2) == [True, False]
    assert latch.source == NAMED


def test_another_source_has_to_prove_that_it_is_a_stream() -> None:
    latch = opened()
    assert row(latch, OUTSIDE, PROOF) == [False] * (PROOF - 1) + [True]
    assert latch.source == OUTSIDE


def test_numbers_go_on_behind_65535_and_over_a_loss() -> None:
    latch = opened()
    row(latch, OUTSIDE, PROOF, first=65_530, step=3)
    assert latch.source == OUTSIDE


def test_packets_that_overtake_each_other_are_a_stream() -> None:
    latch = opened()
    for number in (1, 3, 2, 5, 4, 7, 6, 8):
        latch.hear(OUTSIDE, RtpHead(7, 65_533 + number & 0xFFFF))
    assert latch.source == OUTSIDE


def test_who_changes_its_ssrc_jumps_or_repeats_is_no_stream() -> None:
    for heads in (
        [RtpHead(ssrc, 100 + ssrc) for ssrc in range(50)],
        [RtpHead(7, 1000 * number & 0xFFFF) for number in range(50)],
        [RtpHead(7, 100)] * 50,
        [RtpHead(7, 100 - number) for number in range(50)],
    ):
        latch = opened()
        assert not any(latch.hear(STRANGER, head) for head in heads)


def test_a_third_source_later_gains_nothing() -> None:
    latch = opened()
    row(latch, OUTSIDE, PROOF)
    assert not any(row(latch, STRANGER, 200))
    assert not any(row(latch, NAMED, 5))
    assert latch.source == OUTSIDE


def test_the_named_address_wins_over_a_stranger_who_began_before_it() -> None:
    latch = opened()
    row(latch, STRANGER, PROOF - 1)
    row(latch, NAMED, 1)
    assert latch.source == NAMED


def test_the_named_address_is_heard_among_more_sources_than_are_watched() -> None:
    latch = opened()
    for host in range(3 * MOST_SOURCES):
        row(latch, (f"198.51.100.{host}", 4000), 1)
    row(latch, NAMED, 1)
    assert latch.source == NAMED


def test_a_peer_that_names_no_address_is_found_by_its_packets() -> None:
    latch = opened(None)
    row(latch, OUTSIDE, PROOF)
    assert latch.source == OUTSIDE


def test_after_the_same_offer_again_the_source_stays_until_another_proves_itself() -> None:
    latch = opened()
    row(latch, OUTSIDE, PROOF)
    latch.open(NAMED)
    assert latch.expected == OUTSIDE
    row(latch, STRANGER, PROOF - 1)
    row(latch, OUTSIDE, 1)
    assert latch.source == OUTSIDE


def test_after_the_same_offer_again_the_caller_may_have_moved() -> None:
    latch = opened()
    row(latch, OUTSIDE, PROOF)
    latch.open(NAMED)
    row(latch, STRANGER, PROOF)
    assert latch.source == STRANGER


def test_what_is_still_on_its_way_from_the_old_address_does_not_win_after_a_new_offer() -> None:
    latch = opened()
    row(latch, NAMED, 1)
    latch.open(("10.0.0.4", 30000))
    assert latch.expected is None
    row(latch, NAMED, PROOF_OF_THE_OLD - 1)
    assert latch.source is None
    row(latch, OUTSIDE, PROOF)
    assert latch.source == OUTSIDE


def test_who_names_another_address_and_goes_on_from_the_old_one_is_believed_in_the_end() -> None:
    latch = opened()
    row(latch, NAMED, 1)
    latch.open(("10.0.0.4", 30000))
    row(latch, NAMED, PROOF_OF_THE_OLD)
    assert latch.source == NAMED


def test_an_offer_before_any_packet_does_not_forget_the_source_before_it() -> None:
    latch = opened()
    row(latch, OUTSIDE, PROOF)
    latch.open(NAMED)
    latch.open(NAMED)  # hold and resume, at once
    assert latch.expected == OUTSIDE


def test_a_hold_that_names_no_address_does_not_forget_the_source() -> None:
    latch = opened()
    row(latch, OUTSIDE, PROOF)
    latch.open(None)
    latch.open(NAMED)
    assert latch.expected == OUTSIDE
    row(latch, OUTSIDE, 1)
    assert latch.source == OUTSIDE


def test_a_new_offer_told_twice_is_still_a_new_one() -> None:
    latch = opened()
    row(latch, NAMED, 1)
    for _ in range(2):
        latch.open(("10.0.0.4", 30000))
    row(latch, NAMED, PROOF)
    assert latch.source is None


def test_rtcp_stun_and_garbage_are_no_rtp() -> None:
    assert rtp_head(struct.pack("!BBHII", 0x80, 0x80 | 8, 5, 160, 7) + bytes(160)) == (8, RtpHead(7, 5))
    for data in (
        b"",
        bytes(11),
        bytes(20),
        b"\x00\x01\x00\x00" + bytes(16),
        b"\x80\xc8" + bytes(30),
        b"\x80\xc9" + bytes(30),
    ):
        assert rtp_head(data) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 65_535)), max_size=200))
def test_whatever_comes_it_settles_once_and_stays(packets: list[tuple[int, int, int]]) -> None:
    latch, settled = opened(("h1", 1)), 0
    for host, ssrc, sequence in packets:
        before = latch.source
        settled += latch.hear((f"h{host}", 1), RtpHead(ssrc, sequence))
        assert before is None or latch.source == before
    assert settled == (latch.source is not None)
