"""The description of the API is the one of its routes."""

import json
from collections.abc import Iterator
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES

from bridge.server.access.doors import door_at
from bridge.server.api import calls, description, stream, supervising
from bridge.server.app import make_app
from bridge.server.dashboard import level_events, listen_in
from bridge.settings import Settings


async def described() -> dict[str, Any]:
    server = TestServer(make_app(Settings(records="none"), RESOURCES))
    async with TestClient(server) as client, client.get("/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        told: dict[str, Any] = json.loads(await response.text())
        return told


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


async def test_it_has_every_route_with_its_scope_and_no_other() -> None:
    told = await described()
    found = {
        (path, method.upper()): about["x-scope"]
        for path, item in told["paths"].items()
        for method, about in item.items()
    }
    modules = (calls, supervising, stream, description, listen_in, level_events)
    there = [route for module in modules for route in module.routes()]
    mine = [route for route in there if not route.path.startswith("/twilio")]
    assert found == {
        (route.path, route.method): door_at(route.path, socket=route.path.endswith("/listen")).needs(route.method)
        for route in mine
    }


async def test_what_it_refers_to_is_there_and_its_parameters_are_in_the_path() -> None:
    told = await described()
    assert {name.removeprefix("#/components/schemas/") for name in references(told)} == set(
        told["components"]["schemas"]
    )
    for path, item in told["paths"].items():
        for about in item.values():
            names = [each["name"] for each in about.get("parameters", []) if each["in"] == "path"]
            assert names == (["id"] if "{id}" in path else [])
    ids = [about["operationId"] for item in told["paths"].values() for about in item.values()]
    assert len(set(ids)) == len(ids)
