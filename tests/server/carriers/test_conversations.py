"""Conversations of AudioCodes that come back after their socket was lost, at a server that does not end calls."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes import RESOURCES, ScriptBot
from serving import served

from bot.api import CallInfo
from bridge.server.app import make_app
from bridge.server.app_keys import CONVERSATIONS, LINES
from bridge.server.carriers import conversations
from bridge.settings import Settings

INITIATE = {"type": "session.initiate", "conversationId": "C1", "supportedMediaFormats": ["raw/lpcm16_8"]}


class Talkative(ScriptBot):
    """Keeps whom it talked to."""

    calls: list[CallInfo] = []  # noqa: RUF012  # one list for the bots of one test

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        self.calls.append(call)
        yield "Good morning."


@asynccontextmanager
async def bridge(**also: object) -> AsyncIterator[tuple[web.Application, aiohttp.ClientSession, str]]:
    Talkative.calls = []
    rules = Settings.model_validate({"records": "none", "api_token": "k3y-k3y-k3y-k3y-", **also})
    app = make_app(rules, replace(RESOURCES, make_bot=Talkative))
    key = {"Authorization": "Bearer k3y-k3y-k3y-k3y-"}
    async with served(app) as url, aiohttp.ClientSession(headers=key) as session:
        yield app, session, f"{url}/audiocodes"


async def told(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if message["type"] == kind:
                return message


async def until_over(app: web.Application) -> None:
    async with asyncio.timeout(5):
        await app[LINES].empty.wait()


async def test_a_call_goes_on_where_it_was_over_the_next_socket() -> None:
    async with bridge() as (app, session, url):
        first = await session.ws_connect(url)
        await first.send_json(INITIATE)
        assert (await told(first, "session.accepted"))["mediaFormat"] == "raw/lpcm16_8"
        await told(first, "playStream.chunk")
        assert first._response.connection and first._response.connection.transport
        first._response.connection.transport.abort()
        async with session.ws_connect(url) as second:
            await second.send_json({"type": "session.resume", "conversationId": "C1"})
            assert (await told(second, "session.accepted"))["conversationId"] == "C1"
            await second.send_json({"type": "userStream.start", "conversationId": "C1"})
            await told(second, "userStream.started")
            known = app[CONVERSATIONS]
            assert app[LINES].taken == 1 and [*known] == ["C1"]
            await second.send_json({"type": "session.end", "conversationId": "C1"})
            async for _ in second:  # until the bridge hangs up
                pass
            await until_over(app)
        assert len(Talkative.calls) == 1 and not app[CONVERSATIONS]
        await first.close()


async def test_a_conversation_that_does_not_come_back_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "RESUME_S", 0.3)
    async with bridge() as (app, session, url):
        socket = await session.ws_connect(url)
        await socket.send_json(INITIATE)
        await told(socket, "session.accepted")
        assert socket._response.connection and socket._response.connection.transport
        socket._response.connection.transport.abort()
        await until_over(app)
        assert not app[CONVERSATIONS]
        await socket.close()


async def test_with_all_lines_taken_conversations_go_on_and_none_begins() -> None:
    async with bridge(max_calls=1) as (app, session, url), session.ws_connect(url) as first:
        await first.send_json(INITIATE)
        await told(first, "session.accepted")
        async with session.ws_connect(url) as another:
            await another.send_json({**INITIATE, "conversationId": "C2"})
            assert (await told(another, "session.error"))["reason"] == "busy, try again later"
        async with session.ws_connect(url) as second:
            await second.send_json({"type": "session.resume", "conversationId": "C1"})
            await told(second, "session.accepted")
            assert app[LINES].taken == 1
    assert len(Talkative.calls) == 1


async def test_a_conversation_that_nobody_knows_is_refused_in_its_own_words() -> None:
    async with bridge() as (app, session, url):
        async with session.ws_connect(url) as socket:
            await socket.send_json({"type": "session.resume", "conversationId": "C9"})
            assert (await told(socket, "session.error"))["reason"] == "no such conversation"
        await until_over(app)
    assert not Talkative.calls


async def test_the_door_asks_for_the_token_and_garbage_costs_its_own_socket() -> None:
    async with bridge() as (app, session, url):
        async with session.get(url, headers={"Authorization": "Bearer wrong"}) as response:
            assert response.status == 401
        for garbage in ("{", json.dumps({"type": 7}), "[" * 5000):
            async with session.ws_connect(url) as socket:
                await socket.send_str(garbage)
        await until_over(app)
    assert not Talkative.calls
