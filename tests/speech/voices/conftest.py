"""Clients are closed before the loop that their connections belong to."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bridge.speech.remote.connections import KeptConnections


@pytest_asyncio.fixture(autouse=True)
async def _connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    opened: list[KeptConnections] = []
    session = KeptConnections.session

    async def noted(connections: KeptConnections) -> object:
        opened.append(connections)
        return await session(connections)

    monkeypatch.setattr(KeptConnections, "session", noted)
    yield
    for connections in opened:
        connections.close()
        if connections._closing:
            await connections._closing
