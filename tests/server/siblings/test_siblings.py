"""Two workers, of which either answers for both: what is asked of one is told of all, or goes to whose it is."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes import RESOURCES

from bot.api import CallInfo
from bridge.listening.transcript_feed import ListeningBegan
from bridge.outbound.dialler import Full
from bridge.server.api.calls import DIALLER
from bridge.server.app import make_app
from bridge.server.app_keys import FEED, HEALTH, LINES, SIBLINGS
from bridge.server.siblings.membership import Membership
from bridge.server.siblings.worker import ServingWorker
from bridge.settings import Settings


@dataclass
class One:
    """A worker."""

    app: web.Application
    url: str
    session: aiohttp.ClientSession

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:  # noqa: ANN401  # what aiohttp takes, and JSON
        headers = {"Connection": "close"}  # the next request is for this worker, whoever has got the connection
        async with self.session.request(method, self.url + path, headers=headers, **more) as response:
            return response.status, await response.json()

    @asynccontextmanager
    async def call(self, name: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A call over Twilio's wire whose bot has begun to speak."""
        async with self.session.ws_connect(f"{self.url}/twilio/stream") as line:
            start = {"streamSid": "MZ1", "callSid": name, "customParameters": {"From": "+491701", "To": "+4930"}}
            await line.send_json({"event": "start", "streamSid": "MZ1", "start": start})
            assert (await line.receive_json(timeout=5))["event"] == "media"
            yield line


@asynccontextmanager
async def two(folder: Path, **options: object) -> AsyncIterator[list[One]]:
    given = {"records": "none", "greeting": "Good morning.", "load_loop_lag": 0, "load_final_wait": 0, **options}
    settings = Settings.model_validate(given)
    workers: list[One] = []
    async with AsyncExitStack() as stack:
        for number in 1, 2:
            worker = ServingWorker(
                number=number,
                workers=2,
                row=number,
                folder=folder,
                settings=settings,
                flags=argparse.Namespace(),
                sockets=(),
            )
            membership = Membership.of(worker)
            app = make_app(settings, RESOURCES, membership)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            assert runner.server
            await stack.enter_async_context(membership.reachable(app, runner.server))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            stack.callback(membership.close)
            workers.append(One(app, f"http://127.0.0.1:{runner.addresses[0][1]}", session))
        for each in workers:
            each.app[SIBLINGS].set([{"row": number, "number": number, "leaving": 0} for number in (1, 2)])
        async with asyncio.timeout(20):
            yield workers


async def test_either_tells_of_the_calls_of_both(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second), first.call("CA1"), second.call("CA2"):
        for each in first, second:
            for path in "/calls?live=true", "/calls":
                _, page = await each.ask(path)
                assert [(call["call_id"], call["live"]) for call in page["calls"]] == [("CA2", True), ("CA1", True)]
            assert (await each.ask("/healthz"))[1] == {"status": "ok", "calls": 2, "workers": {"1": "ok", "2": "ok"}}
            assert (await each.ask("/readyz"))[1]["calls"] == 2


async def test_what_is_asked_about_a_call_reaches_the_worker_that_has_it(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second), first.call("CA1") as line:
        status, told = await second.ask("/calls/CA1")
        assert (status, told["status"]) == (200, "answered")
        status, _ = await second.ask("/calls/CA1/say", "POST", json={"text": "One moment."})
        assert status == 202
        assert (await second.ask(f"/calls/{told['record']['record']}", "DELETE"))[0] == 202
        while (await line.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert (await second.ask("/calls/nobody"))[0] == 404


async def test_who_follows_events_at_one_is_told_of_calls_at_the_other(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second), second.session.get(f"{second.url}/events") as events:
        async with first.call("CA1"):
            pass
        kinds = list[str]()
        async for line in events.content:
            if line.startswith(b"data: "):
                kinds.append(json.loads(line[6:])["kind"])
                if kinds[-1] == "ended":
                    break
        assert kinds[0] == "started"


async def test_levels_and_transcripts_of_the_other_are_told_too(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second), first.call("CA1"):
        async with second.session.get(f"{second.url}/events/levels") as levels:
            async with asyncio.timeout(10):
                line = (await levels.content.readuntil(b"}\n")).partition(b"data: ")[2]
            assert json.loads(line)["kind"] == "level"
        async with second.session.ws_connect(f"{second.url}/ws?listen=CA7") as listener:
            for call_id in "CA8", "CA7":
                first.app[FEED].publish(ListeningBegan(CallInfo(call_id=call_id)))
            assert (await listener.receive_json(timeout=5))["call_id"] == "CA7"


async def test_a_worker_that_drains_leaves_new_calls_to_the_other(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second):
        first.app[LINES].draining = True
        async with first.call("CA1"):
            assert (first.app[LINES].taken, second.app[LINES].taken) == (0, 1)
        assert (await second.ask("/healthz"))[1]["workers"] == {"1": "draining", "2": "ok"}
        status, body = await first.ask("/readyz")
        assert status == 200 and body["ready"], "the next call would be taken, by the other"


async def test_orders_are_placed_by_the_first_worker_and_by_nobody_while_it_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(tmp_path, dial_allow="+49") as (first, second):

        def refuse(_: object) -> None:
            raise Full("the first was asked")

        monkeypatch.setattr(first.app[DIALLER], "place", refuse)
        assert (await second.ask("/calls", "POST", json={"to": "+49170"}))[0] == 429
        second.app[SIBLINGS].set([{"row": 2, "number": 2, "leaving": 0}])
        assert (await second.ask("/calls", "POST", json={"to": "+49170"}))[0] == 503, "one dialler keeps the limits"


async def test_a_worker_that_does_not_answer_is_told_of_and_waited_for_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.server.siblings.siblings._HEALTH_S", 0.05)
    async with two(tmp_path) as (first, second):

        async def hang() -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        second.app[HEALTH].told = hang  # type: ignore[method-assign]
        status, body = await first.ask("/healthz")
        assert status == 200 and body["workers"] == {"1": "ok", "2": "does not answer"}
