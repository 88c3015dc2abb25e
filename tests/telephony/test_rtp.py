"""RTP: packets written and read, put in order, lost, late, silent, and what is no RTP."""

from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.codec import silence
from telephony.events import AudioFormat, Encoding, Media
from telephony.malformed import Refused
from telephony.reorder import JUMP, MOST_WAITING
from telephony.rtp import DEADLINE_MS, LATE_MS, Packet, Receiver, Sender, build, parse

MULAW = AudioFormat(Encoding.MULAW, 8000)
ALAW = AudioFormat(Encoding.ALAW, 8000)


def packet(number: int, *, ssrc: int = 7, kind: int = 0, size: int = 160) -> bytes:
    """Return the packet of this number; its payload says which it is."""
    return build(Packet(kind, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc, bytes([number % 250]) * size))


def numbers(media: Iterable[Media]) -> list[int | str]:
    return ["lost" if one.concealed else one.payload[0] for one in media for _ in range(0, len(one.payload), 160)]


def received(order: Iterable[int], *, every_ms: float = 20.0) -> tuple[Receiver, list[Media]]:
    """Return what is heard of packets that come in that order, one in 20 ms, and then nothing for a deadline."""
    receiver, heard, now_ms = Receiver(MULAW, 0, 0.0), list[Media](), 0.0
    for number in order:
        now_ms += every_ms
        receiver.put(packet(number), now_ms)
        heard += receiver.take(now_ms)
    return receiver, [*heard, *receiver.take(now_ms + DEADLINE_MS)]


# ---------------------------------------------------------------- one packet


def test_a_packet_is_what_rfc_3550_says() -> None:
    assert build(Packet(0, 0x1234, 0x01020304, 0x0A0B0C0D, b"audio", marker=True)) == (
        b"\x80\x80\x12\x34\x01\x02\x03\x04\x0a\x0b\x0c\x0daudio"
    )


@given(
    st.builds(
        Packet,
        payload_type=st.integers(0, 127),
        sequence=st.integers(0, 65_535),
        timestamp=st.integers(0, 2**32 - 1),
        ssrc=st.integers(0, 2**32 - 1),
        payload=st.binary(max_size=400),
        marker=st.booleans(),
    )
)
def test_what_is_built_is_read_again(sent: Packet) -> None:
    assert parse(build(sent)) == sent


def test_sources_extension_and_padding_are_no_audio() -> None:
    whole = bytearray(build(Packet(0, 1, 1, 1, b"")))
    whole[0] |= 0x20 | 0x10 | 2  # padding, an extension, two sources
    sources, extension = bytes(8), b"\xbe\xde\x00\x01" + bytes(4)
    assert parse(bytes(whole) + sources + extension + b"audio" + b"\x00\x00\x03").payload == b"audio"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(20),  # version 1
        b"\x8f" + bytes(20),  # 15 sources, and room for two
        b"\x90" + bytes(11),  # an extension that is not there
        b"\x90" + bytes(11) + b"\xbe\xde\xff\xff",  # one longer than the packet
        b"\xa0" + bytes(11) + b"abc\x00",  # padding of 0
        b"\xa0" + bytes(11) + b"abc\xff",  # more than there is
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="RTP"):
        parse(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_are_refused(data: bytes) -> None:
    with suppress(Refused):
        assert len(parse(data).payload) <= len(data)


# ---------------------------------------------------------------- out


def test_what_goes_out_is_numbered_on_and_on() -> None:
    sender = Sender(MULAW, 0, ssrc=9, sequence=65_535, timestamp=2**32 - 160)
    sent = [parse(sender.packet(bytes(160))) for _ in range(3)]
    assert [(one.sequence, one.timestamp, one.marker) for one in sent] == [
        (65_535, 2**32 - 160, True),
        (0, 0, False),
        (1, 160, False),
    ]
    assert {one.ssrc for one in sent} == {9}


# ---------------------------------------------------------------- in


def test_packets_in_order_are_heard_at_once_and_without_a_gap() -> None:
    receiver, heard = received(range(1, 11))
    assert numbers(heard) == list(range(1, 11))
    assert [one.at_ms for one in heard] == list(range(0, 200, 20))
    assert receiver.late == 0


def test_packets_out_of_order_are_put_in_order() -> None:
    assert numbers(received([1, 3, 2, 5, 6, 4, 7])[1]) == [1, 2, 3, 4, 5, 6, 7]


def test_a_packet_that_comes_twice_is_heard_once() -> None:
    receiver, heard = received([1, 2, 2, 4, 4, 3])
    assert numbers(heard) == [1, 2, 3, 4]
    assert receiver.late == 1


def test_a_missing_packet_is_waited_for_until_the_deadline_and_then_is_silence() -> None:
    receiver = Receiver(MULAW, 0, 0.0)
    receiver.put(packet(1), 20)
    assert numbers(receiver.take(20)) == [1]
    receiver.put(packet(3), 60)
    assert receiver.take(60 + DEADLINE_MS - 1) == []
    lost, after = receiver.take(60 + DEADLINE_MS)
    assert lost == Media(silence(Encoding.MULAW, 160), 20, concealed=True)
    assert after == Media(bytes([3]) * 160, 40)
    receiver.put(packet(2), 130)
    assert receiver.take(130) == []
    assert receiver.late == 1


def test_numbers_that_begin_anew_after_65535_are_the_next() -> None:
    order = [65_533, 65_534, 65_536, 65_535, 65_537, 65_539, 65_538]
    assert numbers(received(order)[1]) == [number % 250 for number in sorted(order)]


def test_a_sender_that_begins_anew_is_followed_at_once() -> None:
    receiver = Receiver(MULAW, 0, 0.0)
    for at_ms, data in ((20, packet(1)), (40, packet(2 + JUMP * 2)), (60, packet(3, ssrc=8)), (80, packet(4, ssrc=8))):
        receiver.put(data, at_ms)
        assert len(receiver.take(at_ms)) == 1


def test_where_nothing_comes_silence_keeps_the_time() -> None:
    receiver = Receiver(MULAW, 0, 1000.0)
    assert receiver.take(1000 + LATE_MS - 1) == []
    heard = [media for at_ms in range(1100, 2001, 20) for media in receiver.take(at_ms)]
    assert sum(len(media.payload) for media in heard) == pytest.approx(8000, abs=800)
    assert not any(media.concealed for media in heard), "nobody has lost it"
    receiver.put(packet(500), 2005)
    [spoken] = receiver.take(2005)
    assert spoken.payload[0] == 500 % 250


def test_a_slower_clock_of_the_peer_puts_no_silence_into_words() -> None:
    heard = received(range(1, 1001), every_ms=20.5)[1]  # half a second in twenty
    assert numbers(heard)[:1000] == [number % 250 for number in range(1, 1001)]


def test_many_packets_behind_a_missing_one_do_not_pile_up() -> None:
    receiver = Receiver(MULAW, 0, 0.0)
    receiver.put(packet(1), 1)
    heard = receiver.take(1)
    for number in range(3, 3 + 2 * MOST_WAITING):
        receiver.put(packet(number), 2)  # a burst, without any time
        heard += receiver.take(2)
    assert len(numbers(heard)) >= MOST_WAITING


@pytest.mark.parametrize("kind", [13, 19, 72, 96, 100, 101, 126])
def test_comfort_noise_keys_and_what_peers_agree_upon_are_no_audio_and_no_fault(kind: int) -> None:
    receiver = Receiver(MULAW, 0, 0.0)
    receiver.put(packet(1, kind=kind), 1)
    assert receiver.take(1) == []


def test_numbers_that_packets_without_audio_have_used_are_not_missing() -> None:
    receiver, heard = Receiver(MULAW, 0, 0.0), list[Media]()
    for number in range(1, 11):
        receiver.put(packet(number, kind=0 if number % 2 else 126), number * 10)
        heard += receiver.take(number * 10)
    assert numbers(heard) == [1, 3, 5, 7, 9]


def test_packets_without_audio_of_another_sender_take_no_number() -> None:
    receiver, heard = Receiver(MULAW, 0, 0.0), list[Media]()
    for number in range(1, 6):
        receiver.put(packet(number + 1, kind=96, ssrc=8), number * 20)
        receiver.put(packet(number), number * 20)
        heard += receiver.take(number * 20)
    assert numbers(heard) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("data", [packet(1, kind=0), packet(1, kind=3), packet(1, kind=8, size=0)])
def test_audio_of_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="payload"):
        Receiver(ALAW, 8, 0.0).put(data, 0.0)


@given(st.lists(st.tuples(st.integers(0, 70_000), st.integers(0, 200)), max_size=60))
def test_whatever_comes_in_whatever_order_the_audio_is_contiguous(arrivals: list[tuple[int, int]]) -> None:
    receiver, now_ms, size = Receiver(MULAW, 0, 0.0), 0.0, 0
    for number, later_ms in arrivals:
        now_ms += later_ms
        receiver.put(packet(number), now_ms)
        for media in receiver.take(now_ms):
            assert media.at_ms == size * 1000 // 8000
            size += len(media.payload)
