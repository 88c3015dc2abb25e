"""What `GET /calls/...` tells of a call that was ordered."""

from collections.abc import Mapping

from fakes import Client
from waiting import answered


async def call_is(client: Client, call: str, status: str, key: Mapping[str, str]) -> Mapping[str, object]:
    """Return what `GET /calls/...` tells of an ordered call once it has that `status`; `key`: a header."""

    async def told() -> Mapping[str, object]:
        async with client.get(f"/calls/{call}", headers=key) as response:
            assert response.status == 200
            return dict(await response.json())

    return await answered(told, lambda told: told["status"] == status)


async def call_ended(client: Client, call: str, key: Mapping[str, str]) -> tuple[object, object]:
    """Return outcome and reason of an ordered call, once it has ended."""
    told = await call_is(client, call, "ended", key)
    return told["outcome"], told["reason"]
