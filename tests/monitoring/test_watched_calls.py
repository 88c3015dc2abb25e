"""The leg through which a call is watched: nothing changes for the call."""

import pytest
from fakes import FakeLeg

from bridge.monitoring.watched_calls import WatchedCall, WatchedCalls, WatchedLeg
from bridge.records.journal import Journal
from bridge.speaking.audio_level import SILENT_DB
from telephony.events import AudioFormat, Clear, Command, Dtmf, Encoding, Event, Mark, Media, Play

WIRE = AudioFormat(Encoding.L16, 8000)
LOUD = b"\0\x40" * 1600
QUIET = b"\0\0" * 1600


@pytest.fixture
def far() -> FakeLeg:
    return FakeLeg()


@pytest.fixture
def leg(far: FakeLeg) -> WatchedLeg:
    return WatchedLeg(far, WIRE)


async def told(leg: WatchedLeg, count: int) -> list[Event]:
    events: list[Event] = []
    async for event in leg:
        events.append(event)
        if len(events) == count:
            break
    return events


async def test_all_events_and_commands_pass_as_they_are(far: FakeLeg, leg: WatchedLeg) -> None:
    events: list[Event] = [Media(LOUD, 0), Dtmf("1"), Media(b"odd", 200)]
    commands: list[Command] = [Play(LOUD), Mark("a"), Clear()]
    with leg.watched():
        far.feed(*events)
        assert await told(leg, 3) == events
        for command in commands:
            await leg.send(command)
    assert far.sent == commands
    assert leg.capabilities == far.capabilities


async def test_the_sound_is_that_of_both_sides_while_somebody_watches(far: FakeLeg, leg: WatchedLeg) -> None:
    with leg.watched() as sound, leg.watched() as same:
        assert sound is same
        await leg.send(Play(LOUD + LOUD))
        far.feed(Media(QUIET, 0))
        await told(leg, 1)
        assert sound.levels_db() == pytest.approx([SILENT_DB, -6], abs=0.1)
        await leg.send(Clear())
        far.feed(Media(LOUD, 200))
        await told(leg, 1)
        assert sound.levels_db() == pytest.approx([-6, SILENT_DB], abs=0.1)
    far.feed(Media(LOUD, 400))
    await told(leg, 1)
    with leg.watched() as new:
        assert new.levels_db() == (SILENT_DB, SILENT_DB), "nothing is kept while nobody watches"


async def test_calls_are_found_by_their_record_while_they_last(leg: WatchedLeg) -> None:
    calls = WatchedCalls()
    call = WatchedCall(leg, Journal(lambda entry: None, new_name=lambda: "r1"))
    with calls.listed(call):
        assert calls.get("r1") is call
        assert list(calls) == [call]
    assert calls.get("r1") is None
    assert not list(calls)


async def test_of_a_caller_who_presses_a_secret_nobody_who_watches_hears_anything(far: FakeLeg) -> None:
    secret = True
    leg = WatchedLeg(far, WIRE, secret=lambda: secret)
    with leg.watched() as sound:
        far.feed(*(Media(LOUD, 200 * number) for number in range(10)))
        assert await told(leg, 1) == [Media(LOUD, 0)], "the call hears it"
        assert sound.levels_db()[0] == SILENT_DB
        secret = False
        await told(leg, 1)
        assert sound.levels_db()[0] == SILENT_DB, "the tone may be late"
        await told(leg, 8)
        assert sound.levels_db()[0] > SILENT_DB
