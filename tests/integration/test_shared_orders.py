"""Two real servers and one PostgreSQL: an order at one is an order at both, and none is dialled twice."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from integration.postgres import Postgres, available, postgres
from integration.server import Server, serve
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio_api import ACCOUNT, CALL, TOKEN, TwilioApi

pytestmark = pytest.mark.skipif(not available(), reason="PostgreSQL is not installed: apt install postgresql")

HOST = "bot.example.com"
KEY = {"Authorization": "Bearer 0123456789abcdef"}
ENV = {
    "PYTHONPATH": str(Path(__file__).parents[1] / "support"),
    "BRIDGE_TWILIO_AUTH_TOKEN": TOKEN,
    "BRIDGE_API_TOKEN": "0123456789abcdef",
}
LEASE_S = 15.0


def flags(api: TwilioApi, database: Postgres, state: Path, *, ring_s: int, ringing: int) -> Sequence[str]:
    return (
        *("--asr", "fakes:FakeAsr", "--tts", "fakes:FakeTts", "--bot", "echo", "--greeting", "Good morning."),
        *("--records", database.url, "--state-dir", str(state)),
        *("--twilio-account-sid", ACCOUNT, "--twilio-api-url", api.url, "--public-url", f"https://{HOST}"),
        *("--dial-allow", "+49", "--dial-from", "+4930999", "--dial-per-second", "20"),
        *("--dial-timeout", str(ring_s), "--dial-ringing", str(ringing)),
    )


class Node:
    """One of the servers, over HTTP."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server, self._http = server, http

    async def order(self, to: str, key: str = "") -> str:
        headers = {**KEY, "Idempotency-Key": key} if key else KEY
        async with self._http.post(f"{self.server.http}/calls", json={"to": to}, headers=headers) as response:
            assert response.status == 202, await response.text()
            return str((await response.json())["call_id"])

    async def state(self, call_id: str) -> Mapping[str, object]:
        async with self._http.get(f"{self.server.http}/calls/{call_id}", headers=KEY) as response:
            told: dict[str, object] = await response.json()
            assert response.status == 200, told
            return told

    async def until(self, call_id: str, status: str, *, limit_s: float = 15) -> Mapping[str, object]:
        async with asyncio.timeout(limit_s):
            while (told := await self.state(call_id))["status"] != status:  # noqa: ASYNC110  # it tells who asks
                await asyncio.sleep(0.1)
        return told

    async def take_back(self, call_id: str) -> int:
        async with self._http.delete(f"{self.server.http}/calls/{call_id}", headers=KEY) as response:
            return response.status

    @asynccontextmanager
    async def answered(self, call_id: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Answer a call as Twilio does: by the stream that was ordered.

        Raises:
            aiohttp.WSServerHandshakeError: this server has not placed it.
        """
        way = f"/twilio/stream/{call_id}"
        signed = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(f"wss://{HOST}{way}", {})}
        async with self._http.ws_connect(f"{self.server.http}{way}", headers=signed) as line:
            await line.send_json({"event": "start", "streamSid": "MZ1", "start": {"streamSid": "MZ1", "callSid": CALL}})
            yield line


def dialled(api: TwilioApi) -> Counter[str]:
    """Return how often Twilio was asked to call whom."""
    return Counter(dict(form)["To"] for path, form in list(api.asked) if path.endswith("/Calls.json"))


async def until_closed(line: aiohttp.ClientWebSocketResponse) -> None:
    async with asyncio.timeout(15):
        async for _ in line:
            pass


async def test_servers_share_orders_end_each_others_calls_and_inherit_what_waits(tmp_path: Path) -> None:
    with postgres() as database:
        async with (
            TwilioApi(status=201, body={"sid": CALL, "status": "queued"}) as api,
            serve(*flags(api, database, tmp_path / "a", ring_s=40, ringing=2), env=ENV, code=-signal.SIGKILL) as killed,
            serve(*flags(api, database, tmp_path / "b", ring_s=2, ringing=3), env=ENV) as heir,
            aiohttp.ClientSession() as http,
        ):
            a, b = Node(killed, http), Node(heir, http)
            talks = await a.order("+49301", key="once")
            assert await b.order("+49301", key="once") == talks
            await a.until(talks, "ringing")
            async with answered_at(a, b, talks) as (line, other):
                assert (await other.until(talks, "answered"))["to"] == "+49301"
                assert await other.take_back(talks) == 202
                await until_closed(line)
            for node in (a, b):
                told = await node.until(talks, "ended")
                assert (told["outcome"], told["reason"]) == ("completed", "an operator ended the call"), told
            assert await b.take_back(talks) == 409
            await the_heir_places_what_waits(a, b, api)
            assert set(dialled(api).values()) == {1}


@asynccontextmanager
async def answered_at(a: Node, b: Node, call_id: str) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Node]]:
    """Yield the stream of a call that rings, at the server that has placed it, and the other server."""
    for node, other in ((a, b), (b, a)):
        try:
            async with node.answered(call_id) as line:
                yield line, other
                return
        except aiohttp.WSServerHandshakeError as error:
            if error.status != 404:
                raise
    raise AssertionError("no server has placed it")


async def the_heir_places_what_waits(a: Node, b: Node, api: TwilioApi) -> None:
    calls = [await a.order(f"+4930{number}") for number in range(100, 112)]
    before = dialled(api).total()
    async with asyncio.timeout(10):
        while dialled(api).total() - before < 4:  # noqa: ASYNC110  # until both have some that ring
            await asyncio.sleep(0.02)
    a.server.stop(signal.SIGKILL)
    await a.server.process.wait()
    told = [await b.until(call, "ended", limit_s=LEASE_S + 20) for call in calls]
    lost = [each for each in told if "was lost while it rang" in str(each["reason"])]
    assert 1 <= len(lost) <= 2, told
    assert all(each["outcome"] == "failed" for each in lost)
    assert {each["outcome"] for each in told if each not in lost} == {"no-answer"}
    assert len(dialled(api)) == 1 + len(calls)
