"""Calls out: whose turn it is, what becomes of them, and who is told."""

import asyncio
from dataclasses import replace
from typing import Final

import pytest
from exchange import Exchange, settle
from fakes import FakePause

from bridge.admission.lines import Lines
from bridge.leg import LegLost, OpeningLeg
from bridge.outbound.call_request import BadCallRequest, CallRequest
from bridge.outbound.dialler import REMEMBERED, Closing, Dialler, Full, NotAllowed, TooLoaded, Trunk
from bridge.outbound.leg import PlacedCall, Status
from bridge.settings import Settings
from telephony.errors import RemoteProtocolError
from telephony.outcome import NotAnswered, Outcome, Redirected, sip_outcome

TO: Final = CallRequest(to="+4930123456", parameters={"name": "Anna"})


def dialler(
    exchange: Exchange, *, pause: FakePause | None = None, trunks: dict[str, Trunk] | None = None, **options: object
) -> Dialler:
    given = {"dial_allow": "+49, sip:*@example.com", "dial_per_second": 100, **options}
    return Dialler(
        Settings.model_validate(given),
        exchange,
        {"sip": exchange.trunk} if trunks is None else trunks,
        pause=pause or (lambda _: asyncio.sleep(0)),
        clock_s=lambda: 0.0,
    )


def counted(exchange: Exchange) -> list[str]:
    lines = exchange.metrics.text().decode().splitlines()
    return [line for line in lines if line.startswith("bridge_dialled_total")]


def fate(placed: PlacedCall | None) -> tuple[Status, Outcome | None, str]:
    assert placed
    return placed.status, placed.outcome, placed.reason


async def test_a_call_rings_is_answered_and_ends() -> None:
    exchange = Exchange()
    out = dialler(exchange)
    call = out.place(TO)
    assert (call.status, call.wire) == (Status.QUEUED, "sip")
    await settle()
    assert (call.status, exchange.lines.taken) == (Status.RINGING, 1)
    exchange.phones[0].answer()
    await settle()
    assert call.status is Status.ANSWERED
    exchange.over.set()
    await settle()
    assert fate(out.get(call.call_id)) == (Status.ENDED, Outcome.COMPLETED, "the caller hung up")
    assert (exchange.phones[0].closed, exchange.lines.taken) == ("the caller hung up", 0)
    assert counted(exchange) == ['bridge_dialled_total{outcome="completed",wire="sip"} 1.0']


async def test_a_call_that_is_redirected_waits_its_turn_again_and_goes_there_as_itself() -> None:
    exchange, pause = Exchange(), FakePause()
    out = dialler(exchange, pause=pause, dial_per_second=1)
    call = out.place(TO)
    await settle()
    exchange.phones[0].answer(Redirected("<sip:desk@example.com;x=y>", "302 Moved"))
    await pause.until(1)
    assert len(exchange.phones) == 1
    await pause.end()
    await settle()
    assert exchange.asked[1] == replace(TO, to="sip:desk@example.com")
    exchange.phones[1].answer()
    await settle()
    assert (call.status, exchange.started[0].callee, exchange.lines.taken) == (Status.ANSWERED, TO.to, 1)


async def test_a_call_is_not_redirected_to_where_nobody_may_be_called() -> None:
    exchange = Exchange()
    call = dialler(exchange).place(TO)
    await settle()
    exchange.phones[0].answer(Redirected("sip:+1900@premium.example", "302 Moved"))
    await settle()
    assert len(exchange.phones) == 1
    status, outcome, reason = fate(call)
    assert (status, outcome) == (Status.ENDED, Outcome.FAILED)
    assert reason == "302 Moved: sip:+1900@premium.example may not be called; --dial-allow says who may"


async def test_a_redirection_to_what_is_no_address_ends_the_call() -> None:
    exchange = Exchange()
    call = dialler(exchange).place(TO)
    await settle()
    exchange.phones[0].answer(Redirected("<<<", "302 Moved"))
    await settle()
    assert fate(call)[:2] == (Status.ENDED, Outcome.FAILED)


async def test_a_redirected_call_that_is_hung_up_while_it_waits_its_turn_is_not_placed() -> None:
    exchange, pause = Exchange(), FakePause()
    out = dialler(exchange, pause=pause, dial_per_second=1)
    call = out.place(TO)
    await settle()
    exchange.phones[0].answer(Redirected("sip:desk@example.com", "302 Moved"))
    await pause.until(1)
    await out.close()
    await pause.end()
    await settle()
    assert len(exchange.phones) == 1
    assert fate(call) == (Status.ENDED, Outcome.FAILED, "the server is shutting down")


async def test_redirections_have_an_end() -> None:
    exchange = Exchange()
    call = dialler(exchange).place(TO)
    for number in range(6):
        await settle()
        exchange.phones[number].answer(Redirected(f"sip:{number}@example.com", "302 Moved"))
    await settle()
    assert len(exchange.phones) == 6
    assert "without end" in fate(call)[2]


async def test_the_bot_gets_whom_it_called_and_what_was_ordered() -> None:
    exchange = Exchange()
    call = dialler(exchange).place(TO)
    await settle()
    exchange.phones[0].answer()
    await settle()
    [started] = exchange.started
    assert (started.call_id, started.direction) == (call.call_id, "outbound")
    assert (started.caller, started.callee) == ("sip:us", "+4930123456")
    assert started.parameters == {"X-a": "1", "name": "Anna"}


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (sip_outcome("486 Busy Here,Q.850;cause=17"), Outcome.BUSY, "the other side answered 486 Busy Here"),
        (NotAnswered(Outcome.REFUSED, "no"), Outcome.REFUSED, "no"),
        (RemoteProtocolError("no frame"), Outcome.FAILED, "no frame"),
        (LegLost("the SIP process died"), Outcome.FAILED, "the SIP process died"),
        (RuntimeError("a fault of ours"), Outcome.FAILED, "a fault of ours"),
    ],
)
async def test_a_call_that_is_not_answered_says_why_and_gives_its_line_back(
    error: Exception, outcome: Outcome, reason: str
) -> None:
    exchange = Exchange()
    out = dialler(exchange)
    call = out.place(TO)
    await settle()
    exchange.phones[0].answer(error)
    await settle()
    assert fate(out.get(call.call_id)) == (Status.ENDED, outcome, reason)
    assert exchange.lines.taken == 0


@pytest.mark.virtual_time
async def test_nobody_rings_longer_than_dial_timeout_and_the_ringing_is_ended() -> None:
    exchange = Exchange()
    call = dialler(exchange, dial_timeout=45).place(TO)
    await asyncio.sleep(44)
    assert call.status is Status.RINGING
    await asyncio.sleep(2)
    assert fate(call) == (Status.ENDED, Outcome.NO_ANSWER, "no answer within 45 s")
    assert exchange.phones[0].closed == "no answer within 45 s"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("486 Busy Here", Outcome.BUSY),
        ("600 Busy Everywhere", Outcome.BUSY),
        ("480 Temporarily Unavailable", Outcome.NO_ANSWER),
        ("408 Request Timeout", Outcome.NO_ANSWER),
        ("403 Forbidden", Outcome.REFUSED),
        ("603 Decline", Outcome.REFUSED),
        ("404 Not Found", Outcome.FAILED),
        ("503 Service Unavailable", Outcome.FAILED),
        ("Connection refused [111]", Outcome.FAILED),
        ("4866 x", Outcome.FAILED),
        ("", Outcome.FAILED),
    ],
)
def test_what_the_other_side_answers_has_one_meaning(answer: str, outcome: Outcome) -> None:
    assert sip_outcome(answer).outcome is outcome
    assert str(sip_outcome(answer))


# ---------------------------------------------------------------- whose turn it is


async def test_only_so_many_ring_at_once_and_an_answer_lets_the_next_one_ring() -> None:
    exchange = Exchange()
    out = dialler(exchange, dial_ringing=2)
    calls = [out.place(TO) for _ in range(4)]
    await settle()
    assert [call.status for call in calls] == [Status.RINGING, Status.RINGING, Status.QUEUED, Status.QUEUED]
    assert exchange.lines.taken == 2, "who waits takes no line from callers"
    exchange.phones[0].answer()
    exchange.phones[1].answer(NotAnswered(Outcome.BUSY, "busy"))
    await settle()
    assert [call.status for call in calls] == [Status.ANSWERED, Status.ENDED, Status.RINGING, Status.RINGING]


async def test_calls_begin_in_their_order_and_so_many_a_second() -> None:
    exchange, pause = Exchange(), FakePause()
    out = dialler(exchange, pause=pause, dial_per_second=2)
    calls = [out.place(TO) for _ in range(3)]
    await settle()
    assert [call.status for call in calls] == [Status.RINGING, Status.QUEUED, Status.QUEUED]
    assert pause.delays == [0.5, 1.0]
    await pause.end()
    await pause.end()
    assert [call.status for call in calls] == [Status.RINGING] * 3


async def test_under_load_no_call_is_taken_to_be_placed() -> None:
    exchange = Exchange()
    out = dialler(exchange)
    exchange.lines = Lines(10, overload=lambda whose: "too much to do")
    with pytest.raises(TooLoaded, match="too much to do"):
        out.place(TO)


async def test_only_so_many_wait() -> None:
    exchange = Exchange()
    out = dialler(exchange, dial_ringing=1, dial_queue=2)
    out.place(TO)
    await settle()
    out.place(TO)
    out.place(TO)
    with pytest.raises(Full, match="2 calls wait already"):
        out.place(TO)


async def test_a_call_whose_turn_comes_when_all_lines_are_busy_is_not_placed() -> None:
    exchange = Exchange(lines=0)
    call = dialler(exchange).place(TO)
    await settle()
    assert fate(call) == (Status.ENDED, Outcome.FAILED, "all 0 lines are busy")
    assert not exchange.phones


async def test_a_wire_that_is_out_of_order_fails_the_call_and_no_other() -> None:
    def broken(request: CallRequest, call_id: str) -> OpeningLeg:
        raise OSError("the SIP process is being started again")

    exchange = Exchange()
    out = dialler(exchange, trunks={"sip": broken, "twilio": exchange.trunk}, dial_ringing=1, dial_from="+49301")
    call = out.place(TO)
    other = out.place(CallRequest(to="+4930", wire="twilio"))
    await settle()
    assert fate(call) == (Status.ENDED, Outcome.FAILED, "the SIP process is being started again")
    assert other.status is Status.RINGING
    assert (exchange.lines.taken, counted(exchange)) == (1, ['bridge_dialled_total{outcome="failed",wire="sip"} 1.0'])


# ---------------------------------------------------------------- who may be called, over what


async def test_who_is_not_allowed_is_not_called() -> None:
    out = dialler(exchange := Exchange(), dial_allow="")
    with pytest.raises(NotAllowed, match="--dial-allow"):
        out.place(TO)
    await settle()
    assert not exchange.phones


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (CallRequest(to="+49", wire="plain"), "field wire: got 'plain'; wires that can place calls: sip, twilio"),
        (CallRequest(to="+49", wire="sip", caller="+4930"), "field from"),
        (CallRequest(to="sip:a@example.com", wire="twilio"), "field to"),
        (CallRequest(to="+49", wire="twilio", headers={"X-a": "b"}), "field headers"),
        (CallRequest(to="+49", wire="twilio"), "--dial-from"),
    ],
)
async def test_what_a_wire_cannot_do_is_refused_at_once(wanted: CallRequest, why: str) -> None:
    exchange = Exchange()
    with pytest.raises(BadCallRequest, match=why):
        dialler(exchange, trunks={"sip": exchange.trunk, "twilio": exchange.trunk}).place(wanted)


async def test_without_a_wire_that_can_place_calls_there_are_none() -> None:
    with pytest.raises(BadCallRequest, match=r"docs/outbound\.md"):
        dialler(Exchange(), trunks={}).place(TO)


# ---------------------------------------------------------------- memory, and the end


async def test_only_the_newest_of_the_ended_are_remembered() -> None:
    exchange = Exchange(lines=0)
    out = dialler(exchange, dial_queue=100_000)
    calls = [out.place(TO) for _ in range(REMEMBERED + 5)]
    while any(call.status is not Status.ENDED for call in calls):
        await settle()
    await settle()
    assert out.get(calls[0].call_id) is None
    assert out.get(calls[5].call_id) is calls[5]
    assert out.get("nobody") is None


async def test_a_server_that_goes_down_places_no_more_and_has_nobody_ring_on() -> None:
    exchange = Exchange()
    out = dialler(exchange, dial_ringing=2)
    answered, ringing, waiting = (out.place(TO) for _ in range(3))
    await settle()
    exchange.phones[0].answer()
    await settle()
    waiting = out.place(TO)
    await settle()
    exchange.lines.draining = True
    await out.close()
    await settle()
    assert answered.status is Status.ANSWERED, "it ends as all calls do"
    for call in (ringing, waiting):
        assert fate(call) == (Status.ENDED, Outcome.FAILED, "the server is shutting down")
    assert [phone.closed for phone in exchange.phones[:2]] == ["", "the server is shutting down"]
    with pytest.raises(Closing):
        out.place(TO)


async def test_a_call_that_waits_or_rings_can_be_given_up_and_whoever_asked_is_told_of_its_end() -> None:
    exchange, pause, ended = Exchange(), FakePause(), list[PlacedCall]()
    calls = dialler(exchange, pause=pause, dial_per_second=0.5)
    ringing = calls.place(TO, ended=ended.append)
    waiting = calls.place(TO, ended=ended.append)
    await pause.until(1)
    await settle()
    calls.hang_up(waiting.call_id, "no more needed")
    calls.hang_up(ringing.call_id, "the caller is gone")
    calls.hang_up("none of ours", "why")
    await settle()
    assert [(placed, *fate(placed)) for placed in ended] == [
        (waiting, Status.ENDED, Outcome.FAILED, "no more needed"),
        (ringing, Status.ENDED, Outcome.FAILED, "the caller is gone"),
    ]
    assert [phone.closed for phone in exchange.phones] == ["the caller is gone"]
    assert not exchange.lines.taken


async def test_a_call_is_served_by_whoever_asked_for_it() -> None:
    exchange, served = Exchange(), list[str]()
    calls = dialler(exchange)

    async def serve(leg: OpeningLeg, wire: str) -> None:
        served.append(wire)
        async with leg:
            await leg.close("served")

    placed = calls.place(TO, carry=serve)
    await settle()
    assert (served, placed.reason, exchange.started) == (["sip"], "served", [])
