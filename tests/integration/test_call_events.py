"""A supervisor on live calls of the real server, and a receiver of events that fails while the server is killed."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
from aiohttp import web
from integration.wire_peers import SILENCE, TONE, packet
from server_process import FakeServer, serving
from serving import served
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio_api import ACCOUNT, TOKEN, TwilioApi

from bot.webhook.requests import signature

_SECRET: Final = "the-secret-of-the-webhook"
_TOKENS: Final = '[[token]]\nname = "anna"\ntoken = "anna-anna-anna-anna"\nscopes = ["read", "calls"]\n'
_KEY: Final = {"Authorization": "Bearer anna-anna-anna-anna"}
_STREAM: Final = "wss://bot.example.com/twilio/stream"
_SIGNED: Final = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(_STREAM, {})}
DEAD, SAID, MOVED = (f"CA{digit * 32}" for digit in "123")


class Receiver:
    """Takes events once `well` is set, and keeps them; takes each only once, as its key says."""

    def __init__(self) -> None:
        self.well = False
        self.refused = 0
        self.events: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=1 << 24)
        app.add_routes([web.post("/events", self._take)])
        async with served(app) as url:
            self.url = f"{url}/events"
            yield

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp = request.headers["X-Bridge-Timestamp"]
        assert request.headers["X-Bridge-Signature"] == signature(_SECRET, stamp, body)
        assert abs(time.time() - int(stamp)) < 60
        if not self.well:
            self.refused += 1
            return web.Response(status=500)
        key = request.headers["Idempotency-Key"]
        if key not in self.keys:
            self.keys.add(key)
            self.events.append(json.loads(body))
        return web.Response(status=204)

    def of(self, call_id: str) -> list[tuple[str, int]]:
        return [(told["event"], told["entry"]["number"]) for told in self.events if told["call"]["id"] == call_id]

    async def has(self, call_id: str, event: str) -> None:
        async with asyncio.timeout(60):
            while event not in {name for name, _ in self.of(call_id)}:  # noqa: ASYNC110  # it keeps them for the test
                await asyncio.sleep(0.05)


class Supervisor:
    """Asks one server."""

    def __init__(self, server: FakeServer, http: aiohttp.ClientSession) -> None:
        self._server, self._http = server, http

    async def ask(self, method: str, path: str, **body: str) -> dict[str, Any]:
        async with self._http.request(method, f"{self._server.http}{path}", json=body, headers=_KEY) as response:
            told: dict[str, Any] = await response.json()
            assert response.status in {200, 202}, told
            return told

    async def until(self, call_id: str, kind: str, text: str = "") -> None:
        """Follow the call until there is an entry of that kind with `text` in it."""
        async with (
            asyncio.timeout(20),
            self._http.get(f"{self._server.http}/calls/{call_id}/events", headers=_KEY) as response,
        ):
            async for line in response.content:
                if line.startswith(b"data: "):
                    entry = json.loads(line[6:])
                    if entry.get("kind") == kind and text in f"{entry['text']} {entry['data']}":
                        return
        raise AssertionError(f"the call {call_id} ended without {kind} {text}")

    @asynccontextmanager
    async def call(self, call_id: str) -> AsyncIterator[asyncio.Task[None]]:
        """A caller over Twilio's wire, who speaks for half a second; yield the task that ends with the call."""
        url = f"{self._server.http}/twilio/stream"
        async with self._http.ws_connect(url, headers=_SIGNED) as line:
            start = {"streamSid": "MZ1", "callSid": call_id, "customParameters": {"From": "+491701"}}
            await line.send_json({"event": "start", "streamSid": "MZ1", "start": start})

            async def speak() -> None:
                for number in range(1, 3000):
                    await line.send_str(str(packet("twilio", number, TONE if 50 < number < 75 else SILENCE)))
                    await asyncio.sleep(0.02)

            async def listen() -> None:
                async for message in line:
                    if json.loads(message.data)["event"] == "mark":
                        await line.send_str(message.data)

            speaking, listening = asyncio.create_task(speak()), asyncio.create_task(listen())
            try:
                yield listening
            finally:
                speaking.cancel()
                listening.cancel()
                await asyncio.gather(speaking, listening, return_exceptions=True)


async def test_every_event_arrives_in_order_once_though_the_receiver_fails_and_the_server_is_killed(
    tmp_path: Path,
) -> None:
    (tmp_path / "tokens.toml").write_text(_TOKENS)
    receiver, api = Receiver(), TwilioApi(status=200, body={"sid": "CA"})
    env = {"BRIDGE_WEBHOOK_SECRET": _SECRET, "BRIDGE_TWILIO_AUTH_TOKEN": TOKEN}
    async with receiver.running(), api, aiohttp.ClientSession() as http:
        flags = (
            *("--state-dir", str(tmp_path / "state"), "--events-url", receiver.url, "--bot", "echo"),
            *("--vad", "fakes:LoudnessVads", "--ending", "none"),
            *("--api-tokens-file", str(tmp_path / "tokens.toml"), "--public-url", "https://bot.example.com"),
            *("--twilio-account-sid", ACCOUNT, "--twilio-api-url", api.url, "--dial-allow", "+4930"),
        )
        async with serving(*flags, env=env, code=-signal.SIGKILL) as first:
            anna = Supervisor(first, http)
            async with anna.call(DEAD):
                await anna.until(DEAD, "caller", "one")
                async with asyncio.timeout(20):
                    while receiver.refused < 2:  # noqa: ASYNC110  # it counts for the test
                        await asyncio.sleep(0.05)
                await asyncio.sleep(0.3)  # what happened is on disk a tenth of a second later
                first.process.kill()
                await first.process.wait()
        assert not receiver.events
        async with serving(*flags, env=env) as second:
            receiver.well = True
            anna = Supervisor(second, http)
            async with anna.call(SAID) as heard:
                await anna.until(SAID, "caller", "one")
                await anna.ask("POST", f"/calls/{SAID}/say", text="A person is coming.")
                await anna.until(SAID, "operator", "A person")
                await anna.until(SAID, "bot", "A person is coming.")
                await anna.ask("DELETE", f"/calls/{SAID}")
                async with asyncio.timeout(20):
                    await heard
            async with anna.call(MOVED):
                await anna.until(MOVED, "caller", "one")
                await anna.ask("POST", f"/calls/{MOVED}/transfer", target="+4930123456")
                [(path, form)] = await api.requests(1)
                assert path.endswith(f"/Calls/{MOVED}.json") and "+4930123456" in dict(form)["Twiml"]
            for call_id in (SAID, MOVED):
                await receiver.has(call_id, "call.ended")
            await receiver.has(DEAD, "turn")
            record = (await anna.ask("GET", f"/calls/{SAID}"))["record"]
    assert record["ended_by"] == "operator"
    assert [entry["text"] for entry in record["entries"] if entry["kind"] == "operator"] == ["A person is coming.", ""]
    ends = {told["call"]["id"]: told["record"] for told in receiver.events if told["event"] == "call.ended"}
    assert ends[SAID]["entries"] == record["entries"]
    assert ends[MOVED]["ended_by"] == "operator"
    for call_id in (DEAD, SAID, MOVED):
        told = receiver.of(call_id)
        assert told[0] == ("call.started", 1)
        numbers = [number for _, number in told]
        assert numbers == sorted(set(numbers))
    assert np.unique([told["id"] for told in receiver.events]).size == len(receiver.events)
