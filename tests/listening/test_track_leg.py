"""One side of a stream that is listened to, as a leg."""

import asyncio

import pytest
from twilio_messages import PACKET, STREAM, media
from wires import TRAFFIC

from bridge.listening.track_leg import TrackLeg
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, Clear, Event, Media, Play, Transcript
from telephony.twilio_listen import TwilioListenProtocol

START = str(TRAFFIC["listen"].begin[1]).replace("MZ1", STREAM)


def leg(track: str, told: list[tuple[str, Transcript]] | None = None) -> TrackLeg:
    kept: list[tuple[str, Transcript]] = [] if told is None else told
    return TrackLeg(TwilioListenProtocol(track), idle_s=5, tell=lambda *what: kept.append(what))


async def events(side: TrackLeg) -> list[Event]:
    return [event async for event in side]


@pytest.mark.parametrize("track", ["inbound", "outbound"])
async def test_each_side_hears_its_own_track_and_is_named_by_it(track: str) -> None:
    side, other = leg(track), {"inbound": "outbound", "outbound": "inbound"}[track]
    side.take(START)
    assert (await side.start(1)).call_id == f"CA1/{track}"
    side.take(media(1, track=track))
    side.take(media(1, track=other))
    side.take(media(2, track=f"{track}_track"))
    side.ended("caller hung up")
    assert await events(side) == [Media(PACKET, 0), Media(PACKET, 20), CallEnded("caller hung up")]


async def test_what_is_said_is_told_with_the_track_and_nothing_goes_to_the_peer() -> None:
    told: list[tuple[str, Transcript]] = []
    side, transcript = leg("outbound", told), Transcript("hello", "English", final=True, timestamp=1.0)
    await side.send(Play(PACKET))
    await side.send(Clear())
    await side.send(transcript)
    assert told == [("outbound", transcript)]


async def test_a_side_that_breaks_the_protocol_is_over_and_keeps_nothing_more() -> None:
    side = leg("inbound")
    side.take(START)
    await side.start(1)
    for _ in range(1000):
        side.take("nonsense")
    with pytest.raises(RemoteProtocolError, match="malformed"):
        await events(side)
    assert side._inbox._items.qsize() == 0


async def test_a_stream_that_says_nothing_more_is_over() -> None:
    side, gone = TrackLeg(TwilioListenProtocol(), idle_s=0.05, tell=lambda *_: None), asyncio.Event()
    side.take(START)
    await side.start(1)
    unwatch = side.watch(lambda reason: gone.set())
    async with asyncio.timeout(5):
        await gone.wait()
    unwatch()
