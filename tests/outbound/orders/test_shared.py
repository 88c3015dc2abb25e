"""Orders that several servers share: each is placed once, and none is lost with its server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from exchange import Exchange, Telephone, settle
from fakes import FakePause
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.leg import OpeningLeg
from bridge.outbound.call_request import CallRequest
from bridge.outbound.dialler import Closing, Dialler, Full, NotAllowed, Trunk
from bridge.outbound.leg import PlacedCall, Status
from bridge.outbound.orders.orders import KeyReused
from bridge.outbound.orders.shared import LEASE_S, SharedOrders
from bridge.records import query
from bridge.records.database import Database
from bridge.records.deletion import erase, expire
from bridge.records.entries import Entry, EntryKind
from bridge.records.shelf import DatabaseFailed
from bridge.records.tables import NODES, ORDERS
from bridge.settings import Settings
from telephony.outcome import NotAnswered, Outcome

LOST = "the server dead was lost during the call"
TO = CallRequest(to="+4930123456", parameters={"name": "Anna"})


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.at(f"sqlite:///{tmp_path / 'calls.db'}")
    yield database
    await database.close()


class Node:
    """One server on `database`. Its rounds are the test's, and no time passes between two calls that it dials."""

    def __init__(
        self, database: Database, name: str, *, lines: int = 10, pause: FakePause | None = None, **options: object
    ) -> None:
        self._name, self._database, self._pause, self._options = name, database, pause, options
        self.exchange, self.ended = Exchange(lines), list[tuple[str, str]]()
        self.dead_wire, self.now_s = False, 0.0
        self.use({"sip": self.trunk})

    def use(self, trunks: dict[str, Trunk], **options: object) -> None:
        """Have these wires, the first for orders that name none."""
        given = {"dial_allow": "+49", "dial_per_second": 100, **self._options, **options}
        settings = Settings.model_validate(given)
        pause = self._pause or (lambda _: asyncio.sleep(0))
        self.dialler = Dialler(settings, self.exchange, trunks, pause=pause, clock_s=lambda: 0.0)
        self.orders = SharedOrders(
            self._database,
            self.dialler,
            node=self._name,
            wait_s=settings.dial_wait,
            end_live=lambda call_id, by: self.ended.append((call_id, by)),
            clock_s=lambda: self.now_s,
        )

    def trunk(self, request: CallRequest, call_id: str) -> OpeningLeg:
        if self.dead_wire:
            raise OSError("the SIP process is being started again")
        return self.exchange.trunk(request, call_id)

    @property
    def phones(self) -> list[Telephone]:
        return self.exchange.phones

    async def round(self) -> None:
        """One look at the database, and what comes of it."""
        await self.orders.round()
        await until_begun(self)
        self.now_s += LEASE_S


async def until_begun(node: Node) -> None:
    """Wait until all that it has taken is dialled, or is not."""
    async with asyncio.timeout(10):
        while node.dialler.unbegun:  # noqa: ASYNC110  # it is a thread of the database that it waits for
            await asyncio.sleep(0)
    await settle()


async def state(node: Node, call_id: str) -> tuple[Status, Outcome | None, str]:
    placed = await node.orders.get(call_id)
    assert placed
    return placed.status, placed.outcome, placed.reason


async def silent(database: Database, node: str) -> None:
    """Let nobody have heard of `node` for a minute."""
    async with database.writing() as connection:
        await connection.execute(update(NODES).where(NODES.c.node == node).values(seen_at=NODES.c.seen_at - 60))


async def test_an_order_is_seen_by_all_and_placed_by_the_first_with_room(database: Database) -> None:
    a, b = Node(database, "a"), Node(database, "b")
    placed = await a.orders.place(TO)
    assert await state(b, placed.call_id) == (Status.QUEUED, None, "")
    await b.round()
    await a.round()
    assert (len(b.phones), len(a.phones)) == (1, 0)
    assert b.exchange.asked == [CallRequest(to=TO.to, parameters=TO.parameters, wire="")]
    b.phones[0].answer()
    await settle()
    await b.round()
    assert await state(a, placed.call_id) == (Status.ANSWERED, None, "")
    b.exchange.over.set()
    await settle()
    await b.round()
    assert await state(a, placed.call_id) == (Status.ENDED, Outcome.COMPLETED, "the caller hung up")
    assert await state(b, placed.call_id) == (Status.ENDED, Outcome.COMPLETED, "the caller hung up")


async def test_all_that_wait_are_placed_once_each_by_servers_that_ask_at_the_same_time(database: Database) -> None:
    nodes = [Node(database, name, dial_ringing=4) for name in "abc"]
    ids = {(await nodes[0].orders.place(TO)).call_id for _ in range(9)}
    for _ in range(3):
        await asyncio.gather(*(node.round() for node in nodes))
    assert sum(len(node.phones) for node in nodes) == 9
    assert all(len(node.phones) <= 4 for node in nodes)
    assert {(await state(nodes[0], call_id))[0] for call_id in ids} == {Status.RINGING}


async def test_a_server_takes_no_more_than_it_has_lines_and_what_it_leaves_another_places(database: Database) -> None:
    full, free = Node(database, "full", lines=1), Node(database, "free")
    ids = {(await full.orders.place(TO)).call_id for _ in range(3)}
    await full.round()
    await full.round()
    assert len(full.phones) == 1
    assert {each.status for each in await free.orders.newest(None, most=5)} == {Status.RINGING, Status.QUEUED}
    [rings] = await free.orders.newest(Status.RINGING, most=5)
    waiting = {each.call_id for each in await free.orders.newest(Status.QUEUED, most=5)}
    assert waiting == ids - {rings.call_id}
    assert len(await free.orders.newest(None, most=2)) == 2
    assert len(full.phones) == 1
    await free.round()
    assert len(free.phones) == 2


async def test_what_one_server_has_taken_and_will_dial_in_a_moment_no_other_takes(database: Database) -> None:
    pause = FakePause()
    a, b = Node(database, "a", pause=pause, dial_per_second=1), Node(database, "b")
    for _ in range(2):
        await a.orders.place(TO)
        await a.orders.round()
    await pause.until(1)
    await b.round()
    await pause.end()
    await until_begun(a)
    assert (len(a.phones), len(b.phones)) == (2, 0)


async def test_a_server_that_drains_takes_nothing_and_gives_back_what_it_had_not_begun(database: Database) -> None:
    going, other = Node(database, "going"), Node(database, "other")
    placed = await going.orders.place(TO)
    await going.orders.round()  # taken: its task has not run yet
    going.exchange.lines.draining = True
    going.dialler.drain()
    await settle()
    with pytest.raises(Closing):
        await going.orders.place(TO)
    await going.orders.close()
    assert (await state(other, placed.call_id))[0] is Status.QUEUED
    await other.round()
    assert (len(going.phones), len(other.phones)) == (0, 1)


async def test_a_wire_that_is_down_costs_no_order_where_another_server_has_it(database: Database) -> None:
    down, up = Node(database, "down"), Node(database, "up")
    down.dead_wire = True
    placed = await down.orders.place(TO)
    await down.round()
    down.now_s -= LEASE_S
    await down.round()
    assert await state(up, placed.call_id) == (
        Status.QUEUED,
        None,
        "it waits: the SIP process is being started again",
    )
    down.now_s -= LEASE_S
    await down.round()  # it rests: it would only fail again
    await up.round()
    assert (await state(down, placed.call_id))[0] is Status.RINGING
    assert len(up.phones) == 1


async def test_what_a_server_may_not_call_it_leaves_to_those_that_may(database: Database) -> None:
    strict, open_ = Node(database, "strict", dial_allow="+44"), Node(database, "open")
    placed = await open_.orders.place(TO)
    with pytest.raises(NotAllowed):
        await strict.orders.place(TO)
    await strict.round()
    await strict.round()
    assert not strict.phones
    await open_.round()
    assert (await state(strict, placed.call_id))[0] is Status.RINGING


async def test_an_order_goes_over_the_wire_that_it_was_taken_for(database: Database) -> None:
    sip, both = Node(database, "sip"), Node(database, "both")
    over: list[str] = []

    def twilio(request: CallRequest, call_id: str) -> OpeningLeg:
        over.append("twilio")
        return both.trunk(request, call_id)

    both.use({"twilio": twilio, "sip": both.trunk}, dial_from="+4930999")
    neither = Node(database, "neither")
    neither.use({"ari": neither.trunk})
    placed = await sip.orders.place(TO)
    await neither.round()
    assert not neither.phones
    await both.round()
    assert (await state(sip, placed.call_id))[0] is Status.RINGING
    assert (over, len(both.phones)) == ([], 1)


# ---------------------------------------------------------------- servers that die


async def test_what_a_dead_server_had_taken_is_placed_and_what_it_had_begun_never_again(database: Database) -> None:
    dead, heir = Node(database, "dead", dial_ringing=1), Node(database, "heir")
    begun = await dead.orders.place(TO)
    await dead.round()
    waits, taken = await dead.orders.place(TO), await dead.orders.place(TO)
    async with database.writing() as connection:  # it died between taking and dialling
        await connection.execute(update(ORDERS).where(ORDERS.c.call_id == taken.call_id).values(owner="dead"))
    await silent(database, "dead")
    for _ in range(3):
        await heir.round()
    assert len(heir.phones) == 2
    status, outcome, reason = await state(heir, begun.call_id)
    assert (status, outcome) == (Status.ENDED, Outcome.FAILED)
    assert reason == "the server dead was lost while it rang, and nobody knows whether it was answered"
    assert {(await state(heir, each.call_id))[0] for each in (waits, taken)} == {Status.RINGING}


async def test_a_call_whose_server_died_gets_the_end_of_its_record_and_of_its_events(database: Database) -> None:
    database.tells_events = True
    dead, heir = Node(database, "dead"), Node(database, "heir")
    placed = await dead.orders.place(TO)
    await dead.round()
    dead.phones[0].answer()
    await settle()
    await dead.round()
    facts = {"call_id": placed.call_id, "wire": "sip", "callee": TO.to}
    await database.write([Entry("r", 1, 1000.0, EntryKind.STARTED, "", facts)])
    await silent(database, "dead")
    await heir.round()
    await heir.round()
    row = await query.call(database, "r")
    assert row
    assert (row["reason"], row["ended_by"], row["fault"]) == (
        LOST,
        "bridge",
        "ours",
    )
    assert [entry.kind for entry in await query.entries(database, "r")] == [EntryKind.STARTED, EntryKind.ENDED]
    assert await state(heir, placed.call_id) == (Status.ENDED, Outcome.FAILED, row["reason"])


async def test_a_server_that_was_only_out_of_touch_has_the_last_word_on_its_calls(database: Database) -> None:
    late, heir = Node(database, "late"), Node(database, "heir")
    placed = await late.orders.place(TO)
    await late.round()
    await silent(database, "late")
    await heir.round()
    await heir.round()
    assert (await state(heir, placed.call_id))[0] is Status.ENDED
    late.phones[0].answer()
    await settle()
    await late.round()
    assert await state(heir, placed.call_id) == (Status.ANSWERED, None, "")


async def test_who_was_out_of_touch_itself_takes_nobody_for_dead(database: Database) -> None:
    a, b = Node(database, "a"), Node(database, "b")
    placed = await a.orders.place(TO)
    await a.round()
    await silent(database, "a")
    await b.round()
    assert (await state(b, placed.call_id))[0] is Status.RINGING


class Away(Database):
    """A database that cannot be reached while the test says so."""

    away = False

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise DatabaseFailed("away")
        async with super().writing() as connection:
            yield connection


async def test_an_order_whose_beginning_cannot_be_written_is_not_dialled(database: Database, tmp_path: Path) -> None:
    own = Away.at(f"sqlite:///{tmp_path / 'calls.db'}")
    node, other = Node(own, "a"), Node(database, "b")
    placed = await node.orders.place(TO)
    await node.orders.round()  # taken, not begun
    own.away = True
    with pytest.raises(DatabaseFailed):
        await node.round()
    await until_begun(node)
    assert not node.phones
    own.away = False
    node.now_s -= LEASE_S
    await node.round()
    assert not node.phones
    await other.round()
    assert (await state(node, placed.call_id))[0] is Status.RINGING
    assert len(other.phones) == 1
    await own.close()


# ---------------------------------------------------------------- taking back


async def test_an_order_that_waits_is_taken_back_from_any_server_and_not_dialled(database: Database) -> None:
    pause = FakePause()
    a, b = Node(database, "a", pause=pause, dial_per_second=1), Node(database, "b")
    await a.orders.place(TO)
    await a.round()
    taken, waits = await a.orders.place(TO), await b.orders.place(TO)
    await a.orders.round()
    await pause.until(1)  # it is the turn of one of them in a second
    for each in (taken, waits):
        assert await b.orders.take_back(each.call_id, by="desk")
    await pause.end()
    await until_begun(a)
    await a.round()
    await b.round()
    assert len(a.phones) + len(b.phones) == 1
    for each in (taken, waits):
        assert await state(a, each.call_id) == (Status.ENDED, Outcome.FAILED, "an operator took the call back")
        assert not await b.orders.take_back(each.call_id, by="desk")
    assert not await b.orders.take_back("nobody", by="desk")


async def test_a_call_that_rings_or_talks_elsewhere_is_ended_there(database: Database) -> None:
    a, b = Node(database, "a"), Node(database, "b")
    rings, talks = await a.orders.place(TO), await a.orders.place(CallRequest(to="+4930654321"))
    await a.round()
    phones = {asked.to: phone for asked, phone in zip(a.exchange.asked, a.phones, strict=True)}
    phones["+4930654321"].answer()
    await settle()
    await a.round()
    for call in (rings, talks):
        assert await b.orders.take_back(call.call_id, by="desk")
    await a.round()
    assert a.ended == [(talks.call_id, "desk")]
    assert phones[TO.to].closed == "an operator took the call back"
    await a.round()
    assert (await state(b, rings.call_id))[0] is Status.ENDED


# ---------------------------------------------------------------- what is refused, and what is deleted


async def test_the_same_key_is_the_same_order_on_every_server(database: Database) -> None:
    a, b = Node(database, "a"), Node(database, "b")
    first, again = await a.orders.place(TO, key="k"), await b.orders.place(TO, key="k")
    assert first.call_id == again.call_id
    with pytest.raises(KeyReused):
        await b.orders.place(CallRequest(to="+4999"), key="k")
    await b.round()
    await a.round()
    assert len(a.phones) + len(b.phones) == 1


async def test_no_more_wait_than_the_queue_holds_and_none_for_ever(database: Database) -> None:
    node = Node(database, "a", dial_queue=2, dial_allow="+49", lines=1)
    first = [await node.orders.place(TO) for _ in range(2)]
    with pytest.raises(Full):
        await node.orders.place(TO)
    async with database.writing() as connection:
        old = ORDERS.c.call_id == first[0].call_id
        await connection.execute(update(ORDERS).where(old).values(ordered_at=ORDERS.c.ordered_at - 3601))
    await node.round()
    assert await state(node, first[0].call_id) == (Status.ENDED, Outcome.FAILED, "no server placed it within 3600 s")
    assert (await state(node, first[1].call_id))[0] is Status.RINGING


async def test_orders_go_with_the_calls_of_their_number_and_with_time(database: Database) -> None:
    node = Node(database, "a")
    waits = await node.orders.place(TO)
    old = await node.orders.place(CallRequest(to="+4999"))
    await node.orders.take_back(old.call_id, by="desk")
    await erase(database, now=1000.0, phone=TO.to)
    assert await node.orders.get(waits.call_id) is None
    assert await node.orders.get(old.call_id)
    async with database.reading() as connection:
        [ended_at] = (await connection.execute(select(ORDERS.c.ended_at))).scalars()
    await expire(database, now=ended_at + 101, keep_text_s=100, keep_calls_s=100)
    assert await node.orders.get(old.call_id) is None


async def test_what_another_version_ordered_and_this_one_cannot_read_waits_for_it(database: Database) -> None:
    node = Node(database, "a")
    placed = await node.orders.place(TO)
    async with database.writing() as connection:
        await connection.execute(update(ORDERS).values(request={"to": TO.to, "colour": "blue"}))
    await node.round()
    await node.round()
    assert not node.phones
    async with database.reading() as connection:
        this = select(ORDERS.c.status, ORDERS.c.owner).where(ORDERS.c.call_id == placed.call_id)
        [row] = await connection.execute(this)
    assert tuple(row) == ("queued", None)
    assert await node.orders.get(placed.call_id) is None


async def test_a_wrong_number_ends_as_it_does_on_one_server(database: Database) -> None:
    node = Node(database, "a")
    placed = await node.orders.place(TO)
    await node.round()
    node.phones[0].answer(NotAnswered(Outcome.BUSY, "486 Busy Here"))
    await settle()
    await node.round()
    assert await state(node, placed.call_id) == (Status.ENDED, Outcome.BUSY, "486 Busy Here")
    assert isinstance(await node.orders.get(placed.call_id), PlacedCall)
