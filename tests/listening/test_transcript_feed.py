"""Who asks for a call is told of it, and who is slow loses the oldest and hears of it."""

import asyncio

import pytest

from bot.api import CallInfo
from bridge.listening.transcript_feed import (
    EVERY_CALL,
    MOST_WAITING,
    FeedClosed,
    FeedEvent,
    ListeningBegan,
    ListeningEnded,
    SideSaid,
    TooManyListeners,
    TranscriptFeed,
)
from telephony.events import Transcript

ONE, OTHER = CallInfo("CA1"), CallInfo("CA2")


def said(call: CallInfo, text: str) -> SideSaid:
    return SideSaid(call, "inbound", Transcript(text, "English", final=True, timestamp=1.0))


async def test_a_subscriber_is_told_of_the_call_it_asked_for_and_one_of_all_of_all() -> None:
    feed = TranscriptFeed()
    with feed.subscribe("CA2") as one, feed.subscribe(EVERY_CALL) as every:
        told: list[FeedEvent] = [
            ListeningBegan(ONE),
            ListeningBegan(OTHER),
            said(ONE, "a"),
            said(OTHER, "b"),
            ListeningEnded(ONE, "x"),
        ]
        for event in told:
            feed.publish(event)
        assert [await every.get() for _ in told] == [(event, 0) for event in told]
        assert [await one.get() for _ in range(2)] == [(ListeningBegan(OTHER), 0), (said(OTHER, "b"), 0)]


async def test_who_comes_late_is_told_of_the_calls_that_there_are() -> None:
    feed = TranscriptFeed()
    feed.publish(ListeningBegan(ONE))
    feed.publish(ListeningBegan(OTHER))
    feed.publish(ListeningEnded(OTHER, "hung up"))
    with feed.subscribe(EVERY_CALL) as late:
        feed.publish(said(ONE, "a"))
        assert [event for event, _ in (await late.get(), await late.get())] == [ListeningBegan(ONE), said(ONE, "a")]


async def test_who_does_not_read_loses_the_oldest_and_is_told_how_many() -> None:
    feed = TranscriptFeed()
    with feed.subscribe(EVERY_CALL) as slow:
        for number in range(MOST_WAITING + 7):
            feed.publish(said(ONE, str(number)))
        assert await slow.get() == (said(ONE, "7"), 7)
        assert await slow.get() == (said(ONE, "8"), 0)


def test_no_more_may_listen_than_are_allowed() -> None:
    feed = TranscriptFeed(most=1)
    with (
        feed.subscribe(EVERY_CALL),
        pytest.raises(TooManyListeners, match="1 listen already"),
        feed.subscribe("CA1"),
    ):
        pass
    with feed.subscribe("CA1"):
        pass


def test_who_is_on_which_track() -> None:
    transcript = Transcript("a", "English", final=True, timestamp=1.0)
    assert SideSaid(ONE, "inbound", transcript).speaker == "caller"
    assert SideSaid(ONE, "outbound", transcript).speaker == "agent"


async def test_what_was_said_before_the_end_is_still_told() -> None:
    feed = TranscriptFeed()
    with feed.subscribe(EVERY_CALL) as subscription:
        feed.publish(said(ONE, "a"))
        waiting = asyncio.create_task(subscription.get())
        assert await waiting == (said(ONE, "a"), 0)
        waiting = asyncio.create_task(subscription.get())
        await asyncio.sleep(0)
        feed.close()
        with pytest.raises(FeedClosed):
            await waiting
