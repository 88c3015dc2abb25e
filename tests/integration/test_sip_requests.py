"""What the stack itself does not tell: who calls whom, keys by INFO, passwords, and transfers asked of us."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from digest_proof import proof
from integration.by_hand import answer, asked, headers, opened, proves, reply, request, sdp
from integration.sip_peers import Desk, Taken, baresip, needs_baresip, needs_stack, sip, spoken, until

from telephony.events import Hangup, SendInfo

pytestmark = needs_stack


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with opened() as ours:
        yield ours


class Phone:
    """A telephone made by hand that is in a call."""

    def __init__(self, wire: socket.socket, port: int, call: str, *, cseq: int = 1) -> None:
        self._wire, self._port, self._call, self._cseq, self.tag = wire, port, call, cseq, ""

    async def invite(self, *more: str, uri: str = "", **instead: str) -> None:
        """Call and be answered; `instead`: headers in place of the usual ones, `more`: besides them."""
        self._wire.sendto(self.write("INVITE", *more, uri=uri, **instead), ("127.0.0.1", self._port))
        self.tag = headers(await answer(self._wire, 200, cseq="1 INVITE"))["to"]
        self._wire.sendto(request("ACK", self._wire, self._port, call=self._call, to=self.tag), self.to)

    @property
    def to(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def write(self, method: str, *more: str, uri: str = "", body: str = "", kind: str = "", **instead: str) -> bytes:
        """Return a request with headers and a body of its own."""
        plain = request(method, self._wire, self._port, call=self._call, cseq=self._cseq, to=self.tag)
        head, _, usual = plain.decode().partition("\r\n\r\n")
        if uri:
            head = head.replace(head.split(" ", 2)[1], uri, 1)
        if kind:
            usual = body
            instead |= {"Content-Type": kind, "Content-Length": str(len(body.encode()))}
        for name, value in instead.items():
            lines = [f"{name}: {value}" if line.startswith(f"{name}:") else line for line in head.split("\r\n")]
            head = "\r\n".join(lines)
        return "\r\n".join([head, *more, "", usual]).encode()

    def send(self, method: str, *more: str, body: str = "", kind: str = "", times: int = 1) -> None:
        """Send the next request of the call."""
        self._cseq += 1
        for _ in range(times):
            self._wire.sendto(self.write(method, *more, body=body, kind=kind), self.to)

    async def hang_up(self) -> None:
        self.send("BYE")
        await answer(self._wire, 200, cseq="BYE")


@asynccontextmanager
async def in_a_call(wire: socket.socket, **options: object) -> AsyncIterator[tuple[Phone, Taken, Desk]]:
    desk = Desk()
    async with sip(desk, **options) as (_, port):
        phone = Phone(wire, port, "c1")
        await phone.invite()
        taken = await desk.call()
        yield phone, taken, desk
        await phone.hang_up()
        await taken.over.wait()


async def test_who_calls_whom_is_told_as_the_headers_mean_it(wire: socket.socket) -> None:
    desk = Desk()
    async with sip(desk) as (_, port):
        for number, (more, instead, uri) in enumerate(
            [
                ((), {"From": '"<sip:+49110@bank.example>" <sip:+4930123456@127.0.0.1>;tag=1'}, ""),
                ((), {"From": "<tel:+49-30-123456>;tag=1"}, ""),
                ((), {"From": '"Anna \\"A\\"" <sip:+4930123456;npdi=yes@127.0.0.1;user=phone>;tag=1'}, ""),
                (
                    (
                        "P-Asserted-Identity: <sip:+4930123456;verstat=TN-Validation-Passed@pbx>",
                        "P-Attestation-Indicator: B",
                        "Privacy: id",
                        "Diversion: <sip:+4940@pbx>;reason=no-answer",
                    ),
                    {"From": "Anonymous <sip:anonymous@anonymous.invalid>;tag=1"},
                    "",
                ),
                ((), {}, f"sip:+49309999@127.0.0.1:{port}"),
            ]
        ):
            phone = Phone(wire, port, f"c{number}")
            await phone.invite(*more, uri=uri, **instead)
            await desk.call(number)
            await phone.hang_up()
    told = [taken.started for taken in desk.calls]
    assert [started.caller for started in told] == ["+4930123456", "+4930123456", "+4930123456", "anonymous", "me"]
    assert [started.stir_verstat for started in told] == ["", "", "", "TN-Validation-Passed-B", ""]
    assert {started.callee for started in told} == {"bot"}
    plain = [{name: value for name, value in started.parameters.items() if name.islower()} for started in told]
    assert plain == [
        {"caller_name": "<sip:+49110@bank.example>"},
        {},
        {"caller_name": 'Anna "A"'},
        {
            "caller_name": "Anonymous",
            "asserted_identity": "+4930123456",
            "forwarded_from": "+4940",
            "forward_reason": "no-answer",
            "privacy": "id",
            "stir_verstat": "TN-Validation-Passed-B",
        },
        {"request_uri": "+49309999"},
    ]


async def test_keys_by_info_count_when_they_come_however_they_are_written(wire: socket.socket) -> None:
    async with in_a_call(wire) as (phone, taken, _):
        for key in "5927":
            phone.send("INFO", kind="application/dtmf-relay", body=f"Signal={key}\r\nDuration=250\r\n")
            await asyncio.sleep(0.12)
        await until(lambda: taken.digits == "5927", "four keys that are faster than they last")
        for body, kind in [
            ("Signal= 1\nDuration= 60000", "application/dtmf-relay"),
            ("Signal=10\r\nDuration=160\r\n", "application/dtmf-relay"),
            ("Signal=11\r\n", "application/dtmf-relay"),
            ("*", "application/dtmf"),
            ("#\r\n", "application/DTMF;charset=utf-8"),
            ("Signal=d\r\nDuration=100\r\n", "application/dtmf-relay"),
        ]:
            phone.send("INFO", kind=kind, body=body)
            await answer(wire, 200, cseq="INFO")
        await until(lambda: taken.digits == "59271*#*#D", "keys in other forms")
        phone.send("INFO", kind="application/dtmf-relay", body="Signal=3\r\nDuration=100\r\n", times=3)
        await until(lambda: taken.digits.endswith("D3"), "a key that was sent again")
        phone.send("INFO", kind="application/dtmf-relay", body="Signal=99\r\nDuration=100\r\n")
        await answer(wire, 400, cseq="INFO")
        stranger = Phone(wire, phone.to[1], "c1", cseq=50)
        stranger.tag = "<sip:bot@127.0.0.1>;tag=of-another-call"
        stranger.send("INFO", kind="application/dtmf-relay", body="Signal=7\r\nDuration=100\r\n")
        await answer(wire, 481, cseq="INFO")
    assert taken.digits == "59271*#*#D3"


async def test_a_transfer_that_a_caller_asks_of_us_is_refused_at_once(wire: socket.socket) -> None:
    async with in_a_call(wire) as (phone, taken, _):
        phone.send("REFER", "Refer-To: <sip:+1900@premium.example>")
        await answer(wire, 603, cseq="REFER")
        phone.send("INFO", kind="application/dtmf", body="1")
        await until(lambda: taken.digits == "1", "the call, which goes on")


async def test_what_a_bot_tells_the_other_side_is_an_info_with_its_headers(wire: socket.socket) -> None:
    async with in_a_call(wire) as (_, taken, _):
        info = SendInfo('{"intent": "100 % Größe"}', "application/json", {"X-Session": "7 %s", "X-Other": "a"})
        sending = asyncio.create_task(taken.leg.send(info))
        told, source = await asked(wire, "INFO")
        assert told.partition(b"\r\n\r\n")[2].decode() == info.body
        given = headers(told)
        assert (given["content-type"], given["x-session"], given["x-other"]) == ("application/json", "7 %s", "a")
        assert given["call-id"] == "c1"
        assert "tag=1" in given["to"]
        assert not sending.done()
        wire.sendto(reply(told, "200 OK"), source)
        await sending
        sending = asyncio.create_task(taken.leg.send(info))
        told, source = await asked(wire, "INFO")
        wire.sendto(reply(told, "415 Unsupported Media Type"), source)
        with pytest.raises(OSError, match="the other side answered 415"):
            await sending
        sending = asyncio.create_task(taken.leg.send(info))
        await asked(wire, "INFO")
    with pytest.raises(OSError, match="not taken: the call ended before it was answered"):
        await sending


@pytest.mark.parametrize("outbound", [True, False], ids=["we called", "it called"])
async def test_a_trunk_that_asks_for_a_password_gets_it_with_the_message_of_a_bot(
    outbound: bool, wire: socket.socket
) -> None:
    trunk = {"sip_trunk": f"sip:anna@127.0.0.1:{wire.getsockname()[1]}", "sip_trunk_password": "s3cret"}
    desk = Desk()
    async with sip(desk, sip_register=0, **trunk) as (link, port):
        carried, phone = asyncio.get_running_loop().create_future(), Phone(wire, port, "c1")
        if outbound:
            carried = asyncio.ensure_future(desk.carry(link.dial("300"), wire="sip"))
            told, source = await asked(wire, "INVITE")
            contact = f"Contact: <sip:300@127.0.0.1:{wire.getsockname()[1]}>\r\n"
            wire.sendto(reply(told, "200 OK", more=contact, body=sdp("127.0.0.1", 9)), source)
        else:
            await phone.invite(uri=f"sip:anna@127.0.0.1:{port}")
        taken = await desk.call()
        sending = asyncio.create_task(taken.leg.send(SendInfo("hello", "text/plain", {"X-Session": "7"})))
        told, source = await asked(wire, "INFO")
        challenge = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"\r\n'
        wire.sendto(reply(told, "401 Unauthorized", more=challenge), source)
        while "authorization" not in headers(told):  # a copy of the first may come before it
            told, source = await asked(wire, "INFO")
        assert proves(headers(told)["authorization"], "INFO", user="anna", password="s3cret")
        assert told.endswith(b"\r\n\r\nhello") and headers(told)["x-session"] == "7"
        wire.sendto(reply(told, "200 OK"), source)
        await sending
        if outbound:
            await taken.leg.send(Hangup())
            told, source = await asked(wire, "BYE")
            wire.sendto(reply(told, "200 OK"), source)
            await carried
        else:
            await phone.hang_up()
            await taken.over.wait()


async def test_a_stranger_who_knows_a_call_id_cannot_have_the_call_replaced(wire: socket.socket) -> None:
    with opened() as elsewhere:
        async with in_a_call(wire) as (phone, taken, desk):
            for number, tags in enumerate(("", ";to-tag=x;from-tag=1", ";from-tag=1", ";to-tag=1;from-tag=1")):
                stranger = Phone(elsewhere, phone.to[1], f"s{number}")
                elsewhere.sendto(stranger.write("INVITE", f"Replaces: c1{tags}"), phone.to)
                await answer(elsewhere, 481, cseq="1 INVITE")
            assert not taken.over.is_set()
            phone.send("INFO", kind="application/dtmf", body="1")
            await until(lambda: taken.digits == "1", "the call, which goes on")
            assert len(desk.calls) == 1


async def test_who_knows_both_tags_of_a_call_may_replace_it(wire: socket.socket) -> None:
    """An attended transfer: the telephone that called us sends somebody else in its place (RFC 3891)."""
    desk = Desk()
    with opened() as elsewhere:
        async with sip(desk) as (_, port):
            phone = Phone(wire, port, "c1")
            await phone.invite()
            taken = await desk.call()
            ours = phone.tag.partition(";tag=")[2]
            other = Phone(elsewhere, port, "c2")
            await other.invite(f"Replaces: c1;to-tag={ours};from-tag=1")
            bye, source = await asked(wire, "BYE")
            wire.sendto(reply(bye, "200 OK"), source)
            await taken.over.wait()
            after = await desk.call(1)
            await other.hang_up()
            await after.over.wait()


@needs_baresip
async def test_a_telephone_gives_its_password_when_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("anna:s3cret\n")
    desk, audio = Desk(), spoken("vm-intro", after_s=1.0)
    async with sip(desk, sip_users=tmp_path / "users") as (_, port):
        target = f"sip:1@127.0.0.1:{port}"
        async with baresip(tmp_path / "1", audio, dial=target, account=";auth_user=anna;auth_pass=guess") as wrong:
            await until(lambda: "401" in wrong.output, "refused with 401")
        async with baresip(tmp_path / "2", audio, dial=target, account=";auth_user=anna;auth_pass=s3cret") as right:
            await until(lambda: "established" in right.output, "established")
            taken = await desk.call()
    assert taken.started.parameters["sip_user"] == "anna"
    assert len(desk.calls) == 1


async def test_with_users_a_caller_must_give_a_password(
    wire: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    users = tmp_path / "users"
    users.write_text("# who may call\nanna:s3cret\nben:other\n")
    desk = Desk()

    def given(challenge: str, user: str, password: str) -> str:
        return f"Authorization: {proof(challenge, user=user, password=password)}"

    async with sip(desk, sip_users=users) as (link, port):

        async def call(number: str, *more: str) -> bytes:
            """Call; return what comes back."""
            wire.sendto(Phone(wire, port, number).write("INVITE", *more), ("127.0.0.1", port))
            async with asyncio.timeout(5):
                while True:
                    told = await asyncio.get_running_loop().sock_recv(wire, 65536)
                    if headers(told)["call-id"] == number and not told.startswith(b"SIP/2.0 1"):
                        break
            ack = request("ACK", wire, port, call=number, to=headers(told)["to"])
            wire.sendto(ack, ("127.0.0.1", port))
            return told

        first = await call("d1")
        assert first.startswith(b"SIP/2.0 401 ")
        old = headers(first)["www-authenticate"]
        wrong = await call("d2", given(old, "anna", "wrong"))
        assert wrong.startswith(b"SIP/2.0 401 ")
        nobody = await call("d3", given(old, "zoe", "s3cret"))
        assert nobody.startswith(b"SIP/2.0 401 ")
        right = given(old, "anna", "s3cret")
        asserted = "P-Asserted-Identity: <sip:+4911@bank.example>"
        assert (await call("d4", right, asserted)).startswith(b"SIP/2.0 200 ")
        again = await call("d5", right)
        assert again.startswith(b"SIP/2.0 401 ")
        new = headers(again)["www-authenticate"]
        assert "stale=true" in new
        assert (await call("d6", given(new, "ben", "other"))).startswith(b"SIP/2.0 200 ")
        await desk.call(1)
        await until(lambda: 'bridge_calls_refused_total{reason="password"} 2.0' in desk.measured, "two refusals")
        assert 'bridge_refused_total{door="sip",reason="password"} 2.0' in desk.measured
        link.renew(replace(link.options, users=("anna:changed",)))
        await until(lambda: "goes on with what is new" in caplog.text, "told in the log")
        newest = headers(await call("d7"))["www-authenticate"]
        assert (await call("d8", given(newest, "anna", "s3cret"))).startswith(b"SIP/2.0 401 ")
    assert [taken.started.parameters for taken in desk.calls] == [{"sip_user": "anna"}, {"sip_user": "ben"}]
