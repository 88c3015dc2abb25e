import asyncio
import ipaddress
import re

import pytest
from digest_proof import proof
from fakes import FakeClock

from bridge.admission.guesses import AT_ONCE, RETRY_S
from bridge.legs.sip.requests.digest import Challenger
from bridge.legs.sip.requests.gate import RequestGate, Trust

PEER = "192.0.2.1"
TRUNK = "198.51.100.7"


class Answers:
    """The stack, which only notes what it is to answer."""

    def __init__(self, *, in_dialog: bool = False) -> None:
        self.known, self.given = in_dialog, list[tuple[int, str]]()

    def answer(self, request: int, status: int, reason: str, headers: str = "") -> None:
        assert re.fullmatch(r"([\w-]+: [^\r\n]*\r\n)*", headers)
        self.given.append((status, headers))

    def in_dialog(self, request: int) -> bool:
        return self.known

    def has_dialog(self, call_id: str, *, ours: str, theirs: str) -> bool:
        return (call_id, ours, theirs) == ("talk@pbx", "us", "them")


class Told:
    def __init__(self, users: Challenger | None = None) -> None:
        self.keys, self.refused = list[tuple[str, str]](), list[tuple[str, str]]()
        trust = Trust(users, [ipaddress.ip_network(f"{TRUNK}/32")])
        self.gate = RequestGate(trust, on_key=lambda *key: self.keys.append(key), on_refused=self._refused)

    def _refused(self, reason: str, peer: str, detail: str) -> None:
        assert detail
        self.refused.append((reason, peer))


def request(method: str, *headers: str, call: str = "c1", body: str = "") -> bytes:
    lines = [f"{method} sip:bot@host SIP/2.0", "From: <sip:+4930@pbx>;tag=1", "To: <sip:bot@host>", f"Call-ID: {call}"]
    return "\r\n".join([*lines, *headers, "", body]).encode()


async def settle() -> None:
    """Let what was handed to the loop happen."""
    await asyncio.sleep(0)


async def test_who_calls_is_remembered_until_the_stack_reports_the_call() -> None:
    told, stack = Told(), Answers()
    assert not told.gate.look(request("INVITE", "P-Asserted-Identity: <sip:+4931@pbx>"), PEER, 1, stack)
    identity = told.gate.take("c1")
    assert identity
    assert (identity.caller, identity.parameters) == ("+4930", {"asserted_identity": "+4931"})
    assert told.gate.take("c1") is None
    assert stack.given == []


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        (["Replaces: talk@pbx;to-tag=us;from-tag=them"], True),
        (["replaces : talk@pbx ; From-Tag=them;TO-TAG = us;early-only"], True),
        (["Replaces: talk@pbx;to-tag=them;from-tag=us"], False),
        (["Replaces: talk@pbx"], False),
        (["Replaces: talk@pbx;to-tag=;from-tag="], False),
        (["Replaces: other@pbx;to-tag=us;from-tag=them"], False),
        (["Replaces: talk@pbx;to-tag=us;from-tag=them", "Replaces: other@pbx"], False),
        (["Replaces:"], False),
    ],
)
async def test_only_who_knows_both_tags_of_a_call_may_replace_it(headers: list[str], passes: bool) -> None:
    told, stack = Told(), Answers()
    assert told.gate.look(request("INVITE", *headers), PEER, 1, stack) is not passes
    assert stack.given == ([] if passes else [(481, "")])
    assert (told.gate.take("c1") is not None) is passes


async def test_callers_whose_calls_never_come_are_forgotten() -> None:
    told = Told()
    for number in range(1500):
        told.gate.look(request("INVITE", call=str(number)), PEER, 1, Answers())
    assert told.gate.take("0") is None
    assert told.gate.take("1499")


@pytest.mark.parametrize("method", ["OPTIONS", "BYE", "ACK", "CANCEL", "NOTIFY", "SUBSCRIBE"])
async def test_other_requests_are_the_stacks(method: str) -> None:
    stack = Answers()
    assert not Told().gate.look(request(method), PEER, 1, stack)
    assert stack.given == []


async def test_a_transfer_asked_of_us_is_declined_within_a_call_and_outside() -> None:
    for known in (True, False):
        stack = Answers(in_dialog=known)
        assert Told().gate.look(request("REFER", "Refer-To: <sip:+1900@x>"), PEER, 1, stack)
        assert stack.given == [(603, "")]


@pytest.mark.parametrize(
    ("data", "handled"), [(b"INVITE sip:a SIP/2.0\r\nnone\r\n\r\n", [(400, "")]), (b"ACK x\r\n\r\n", [])]
)
async def test_what_cannot_be_read_reaches_nobody(data: bytes, handled: list[tuple[int, str]]) -> None:
    stack = Answers()
    assert Told().gate.look(data, PEER, 1, stack)
    assert stack.given == handled


async def test_a_key_counts_within_a_call_alone() -> None:
    told, stack = Told(), Answers(in_dialog=True)
    info = request("INFO", "Content-Type: application/dtmf-relay", body="Signal=5\r\nDuration=160\r\n")
    assert told.gate.look(info, PEER, 1, stack)
    assert not told.gate.look(info, PEER, 1, Answers())
    await settle()
    assert told.keys == [("c1", "5")]
    assert stack.given == [(200, "")]


async def test_an_info_of_something_else_is_the_stacks_and_one_without_a_key_is_refused() -> None:
    told, stack = Told(), Answers(in_dialog=True)
    assert not told.gate.look(request("INFO", "Content-Type: application/json", body="{}"), PEER, 1, stack)
    assert told.gate.look(request("INFO", "Content-Type: application/dtmf", body="x"), PEER, 1, stack)
    assert stack.given == [(400, "")]


async def test_with_users_a_stranger_is_asked_and_the_trunk_is_not() -> None:
    told, stack = Told(Challenger({"anna": "s3cret"})), Answers()
    assert told.gate.look(request("INVITE"), PEER, 1, stack)
    assert [status for status, _ in stack.given] == [401]
    assert "WWW-Authenticate" in stack.given[0][1]
    assert told.gate.take("c1") is None
    asserted = request("INVITE", "P-Asserted-Identity: <sip:+4931@pbx>")
    assert not told.gate.look(asserted, TRUNK, 1, stack)
    identity = told.gate.take("c1")
    assert identity
    assert identity.parameters == {"asserted_identity": "+4931"}


async def test_a_caller_with_a_password_is_known_by_it_and_vouches_for_nobody() -> None:
    told, stack = Told(Challenger({"anna": "s3cret"})), Answers()
    told.gate.look(request("INVITE"), PEER, 1, stack)
    given = f"Authorization: {proof(stack.given[0][1])}"
    assert not told.gate.look(request("INVITE", "P-Asserted-Identity: <sip:+4931@pbx>", given), PEER, 1, stack)
    identity = told.gate.take("c1")
    assert identity
    assert identity.parameters == {"sip_user": "anna"}


async def test_a_tag_in_the_name_of_whom_is_called_makes_no_call_that_is_known() -> None:
    told, stack = Told(Challenger({"anna": "s3cret"})), Answers()
    data = request("INVITE").replace(b"To: <sip:bot@host>", b'To: ";tag=9" <sip:bot@host>;tag=9')
    assert told.gate.look(data, PEER, 1, stack)
    assert [status for status, _ in stack.given] == [401]


async def test_what_is_asked_within_a_call_needs_no_password_again() -> None:
    stack = Answers(in_dialog=True)
    assert not Told(Challenger({"anna": "s3cret"})).gate.look(request("INVITE"), PEER, 1, stack)
    assert stack.given == []


async def test_a_wrong_password_is_counted() -> None:
    told, stack = Told(Challenger({"anna": "s3cret"})), Answers()
    told.gate.look(request("INVITE"), PEER, 1, stack)
    wrong = f"Authorization: {proof(stack.given[0][1], password='guess')}"
    assert told.gate.look(request("INVITE", wrong), PEER, 1, stack)
    await settle()
    assert told.refused == [("password", PEER)]


async def test_who_guesses_is_stopped_and_may_try_again_later_and_others_may_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, clock = Told(Challenger({"anna": "s3cret"})), FakeClock()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock)

    def called(password: str, peer: str = PEER) -> int:
        stack = Answers()
        assert told.gate.look(request("INVITE"), peer, 1, stack), "to be asked for a password costs nothing"
        proven = f"Authorization: {proof(stack.given[0][1], password=password)}"
        return stack.given[-1][0] if told.gate.look(request("INVITE", proven), peer, 1, stack) else 200

    assert [called(f"guess {number}") for number in range(AT_ONCE)] == [401] * AT_ONCE
    assert [called("guess"), called("s3cret")] == [503, 503], "a right guess is not told from a wrong one"
    assert called("s3cret", "192.0.2.2") == 200
    clock.advance(RETRY_S)
    assert [called("s3cret"), called("s3cret")] == [200, 200], "who knows it spends nothing"
    await settle()
    assert told.refused == [("password", PEER)] * AT_ONCE + [("guesses", PEER)] * 2
