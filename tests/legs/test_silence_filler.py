"""Silence that stands for audio which a peer does not send."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual import run

from bridge.leg import HangupCause
from bridge.legs.base import PassiveLeg
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.legs.silence_filler import LATE_MS, SilenceFiller
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Dtmf,
    Encoding,
    Event,
    Media,
)

L16 = AudioFormat(Encoding.L16, 8000)
PACKET = b"\1\0" * 160


def test_audio_in_time_is_all_there_is() -> None:
    filler = SilenceFiller(L16, 1000)
    for number in range(100):
        assert filler.due(1000 + 20 * number + 19) is None
        assert filler.place(PACKET, 1020 + 20 * number) == Media(PACKET, 20 * number)


def test_where_audio_stays_away_silence_stands_for_it_in_pieces_of_a_packet() -> None:
    filler = SilenceFiller(L16, 0)
    filler.place(PACKET, 20)
    assert filler.next_ms == 20 + LATE_MS
    assert filler.due(119) is None
    assert filler.due(120) == Media(bytes(1600), 20)
    assert filler.next_ms == 140
    assert filler.due(139) is None
    assert filler.due(140) == Media(bytes(320), 120)
    assert filler.place(PACKET, 150) == Media(PACKET, 140)
    assert filler.due(150 + LATE_MS - 1) is None


def test_audio_that_was_held_back_is_not_counted_twice() -> None:
    filler = SilenceFiller(L16, 0)
    assert filler.due(200)
    for _ in range(10):  # what came late, at once
        filler.place(PACKET, 210)
    assert filler.due(400 + LATE_MS - 1) is None, "our clock has to catch up first"
    assert filler.due(400 + LATE_MS) == Media(bytes(1600), 400)


def test_packets_lost_here_and_there_put_no_silence_into_a_later_word() -> None:
    filler, placed = SilenceFiller(L16, 0), 0
    for number in range(1, 500):
        if number % 5:
            assert filler.due(20 * number) is None
            filler.place(PACKET, 20 * number)
            placed += 1
    assert filler.due(20 * 499 + LATE_MS) == Media(bytes(1600), 20 * placed)


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=60))
def test_the_time_line_has_no_holes_and_never_more_silence_than_there_was_time(steps: list[tuple[int, bool]]) -> None:
    filler, now_ms, end_ms, audio_ms = SilenceFiller(L16, 0), 0, 0, 0
    for wait_ms, audio in steps:
        now_ms += wait_ms
        media = filler.place(PACKET, now_ms) if audio else filler.due(now_ms)
        if media:
            assert media.at_ms == end_ms and media.payload
            end_ms += L16.duration_ms(media.payload)
        audio_ms += 20 * audio
        assert end_ms - audio_ms <= now_ms
        assert filler.due(now_ms) is None, "what is due was told"
    media = filler.due(now_ms + audio_ms + 1000)
    assert media and L16.duration_ms(media.payload) > 1000 - LATE_MS - 20, "silence for ever is always heard"


class QuietLeg(PassiveLeg):
    """A peer that says two packets a second apart, a key between them, and hangs up."""

    capabilities = Capabilities()

    async def start(self, timeout_s: float) -> CallStarted:
        return CallStarted("1", L16)

    async def __aiter__(self) -> AsyncIterator[Event]:
        yield Media(PACKET, 0)
        await asyncio.sleep(0.5)
        yield Dtmf("5")
        await asyncio.sleep(0.51)
        yield Media(PACKET, 20)
        yield CallEnded("bye")

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        return lambda: None

    async def send(self, command: Command, /) -> None: ...

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None: ...


@pytest.mark.parametrize("broken", [False, True])
def test_a_leg_that_falls_silent_is_heard_as_silence(broken: bool) -> None:
    async def listen() -> list[Event]:
        events = []
        async with SilenceFilledLeg(QuietLeg()) as leg:
            await leg.start(1)
            async for event in leg:
                events.append(event)
                if broken and isinstance(event, Dtmf):
                    break
        return events

    events = run(listen())
    media = [event for event in events if isinstance(event, Media)]
    assert [one.at_ms + L16.duration_ms(one.payload) for one in media[:-1]] == [one.at_ms for one in media[1:]]
    assert Dtmf("5") in events
    if not broken:
        assert media[-1] == Media(PACKET, 1000) and events[-1] == CallEnded("bye")
