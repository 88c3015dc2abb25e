"""Calls on the line: who they are, what operators do to them, and who follows them."""

import asyncio

import pytest

from bot.actions import Transfer
from bot.api import Final
from bridge.records.entries import Entry, EntryKind
from bridge.records.events.live import HELD, LiveCalls, NotOnTheLine, TooManyFollow
from bridge.records.journal import Journal
from bridge.redaction.redactor import Redactor

FACTS = {"call_id": "CA1", "wire": "twilio", "caller": "+491701"}


class Call:
    def __init__(self) -> None:
        self.done: list[object] = []

    def finish(self, reason: str) -> None:
        self.done.append(reason)

    def put_in(self, piece: str | Transfer) -> None:
        self.done.append(piece)


def begun(live: LiveCalls, kept: list[Entry] | None = None) -> Journal:
    journal = live.open((kept if kept is not None else []).append)
    journal.started(FACTS)
    return journal


def test_a_call_is_on_the_line_from_its_begin_to_its_end_and_held_a_little_longer() -> None:
    live = LiveCalls()
    kept: list[Entry] = []
    assert not live.on_the_line()
    journal = begun(live, kept)
    [call] = live.on_the_line()
    assert live.get("CA1") is live.get(journal.record) is call
    assert call.row["ended_by"] == ""
    assert (call.row["caller"], call.row["ended_at"]) == ("+491701", None)
    journal.ended("bye", fault="")
    assert not live.on_the_line()
    assert call.over
    assert (call.row["reason"], call.row["ended_by"]) == ("bye", "caller")
    assert live.get("CA1") is call and [entry.number for entry in call.entries] == [1, 2] == [e.number for e in kept]
    live.forget_older(call.ended_at)
    assert live.get("CA1") is call
    live.forget_older(call.ended_at + 1)
    assert live.get("CA1") is None


def test_memory_is_bounded() -> None:
    live = LiveCalls()
    for _ in range(60):
        begun(live).ended("bye", fault="")
    journal = begun(live)
    for _ in range(HELD + 100):
        journal.pressed("1")
    assert len(live.held()) == 51
    assert len(live.on_the_line()[0].entries) == HELD


def test_an_operator_speaks_transfers_and_ends_and_the_record_has_it() -> None:
    live, call = LiveCalls(), Call()
    kept: list[Entry] = []
    journal = begun(live, kept)
    [on] = live.on_the_line()
    with pytest.raises(NotOnTheLine):
        on.say("too early", by="anna")
    with live.operated(journal.record, call):
        on.say("Hello.", by="anna")
        on.transfer("+4930", by="anna")
        with pytest.raises(ValueError, match="target"):
            on.transfer("a\nb", by="anna")
        on.end(by="anna")
    with pytest.raises(NotOnTheLine):
        on.end(by="anna")
    assert call.done == ["Hello.", Transfer("+4930"), "an operator ended the call"]
    noted = [(entry.data["what"], entry.text) for entry in kept if entry.kind is EntryKind.OPERATOR]
    assert noted == [("say", "Hello."), ("transfer", "+4930"), ("hangup", "")]
    journal.acted(Transfer("+4930"))
    journal.ended("transferred", fault="")
    assert kept[-1].data["ended_by"] == "operator"


async def test_followers_get_what_happens_from_then_on_of_one_call_or_of_all() -> None:
    live = LiveCalls()
    one, other = begun(live), begun(live)
    with live.follow(one.record) as of_one, live.follow() as of_all:
        other.pressed("1")
        one.pressed("2")
        first, second = await of_all.next(), await of_all.next()
        assert first and second and [first.text, second.text] == ["1", "2"]
        assert await of_one.next() == second
        waiting = asyncio.create_task(of_one.next())
        await asyncio.sleep(0)
        live.close()
        assert await waiting is None and of_one.closed
    with live.follow() as late:
        assert await late.next() is None


async def test_who_reads_too_slowly_is_told_no_more_and_costs_no_memory() -> None:
    live = LiveCalls()
    journal = begun(live)
    with live.follow() as slow:
        for _ in range(2000):
            journal.pressed("1")
        assert await slow.next() is None
        assert slow.behind


def test_no_more_follow_than_there_is_patience_for() -> None:
    live = LiveCalls()
    followers = [live.follow() for _ in range(200)]
    for follower in followers:
        follower.__enter__()
    with pytest.raises(TooManyFollow), live.follow():
        pass


async def test_what_is_amended_is_so_for_who_asks_and_for_who_has_not_been_told_yet() -> None:
    live, kept = LiveCalls(), list[Entry]()
    journal = live.open(kept.append, redactor=Redactor(["cards"]))
    journal.started(FACTS)
    with live.follow() as quick, live.follow() as slow:
        journal.said(Final("4111 1111", "English", 0, 900))
        first = await quick.next()
        assert first and first.text == "4111 1111"
        journal.said(Final("1111 1111", "English", 2000, 2900))
        told = [await slow.next() for _ in range(3)]
        assert [(entry.kind.value, entry.text) for entry in told if entry] == [
            ("caller", "[card]"),
            ("caller", "[card]"),
            ("redacted", "[card]"),
        ]
        assert (await quick.next(), (amending := await quick.next()))[1]
        assert amending and amending.amends == first.key
    assert [entry.text for entry in live.on_the_line()[0].entries] == ["", "[card]", "[card]", "[card]"]
