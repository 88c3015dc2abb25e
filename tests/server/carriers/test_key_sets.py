"""Keys that a carrier publishes: kept, fetched anew where one is missing, and what is no set of keys is none."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import carrier_signing
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.server.carriers.key_sets import AGAIN_S, KEPT_S, RETRY_S, KeySets


class Issuer:
    """Publishes keys; what it says can be changed."""

    def __init__(self) -> None:
        self.keys: object = carrier_signing.azure_keys()
        self.at = "/keys"
        self.status, self.asked = 200, 0

    async def configuration(self, request: web.Request) -> web.Response:
        self.asked += 1
        told = {"issuer": carrier_signing.AZURE_ISSUER, "jwks_uri": str(request.url.with_path(self.at))}
        return web.json_response(told, status=self.status)

    async def published(self, _: web.Request) -> web.Response:
        return web.json_response(self.keys)


class Clock:
    now_s = 1000.0


@asynccontextmanager
async def issuing() -> AsyncIterator[tuple[Issuer, KeySets, str]]:
    issuer, app = Issuer(), web.Application()
    app.add_routes([web.get("/", issuer.configuration), web.get("/keys", issuer.published)])
    async with TestServer(app) as server:
        yield issuer, KeySets(clock=lambda: Clock.now_s), str(server.make_url("/"))


@pytest.fixture(autouse=True)
def _at_first() -> None:
    Clock.now_s = 1000.0


async def named(sets: KeySets, url: str, key: str = "key1") -> set[str]:
    return set((await sets.known(url, key, limit_s=5)).keys)


async def test_keys_are_kept_for_an_hour() -> None:
    async with issuing() as (issuer, sets, url):
        for _ in range(3):
            assert await named(sets, url) == {"key1"}
        assert issuer.asked == 1
        Clock.now_s += KEPT_S
        assert await named(sets, url) == {"key1"}
        assert issuer.asked == 2


async def test_a_new_key_is_found_but_made_up_names_do_not_make_us_ask() -> None:
    async with issuing() as (issuer, sets, url):
        await named(sets, url)
        for name in ("a", "b", "c"):
            assert await named(sets, url, name) == {"key1"}
        assert issuer.asked == 1
        issuer.keys = carrier_signing.azure_keys("key2")
        Clock.now_s += AGAIN_S
        assert await named(sets, url, "key2") == {"key2"}


async def test_what_was_known_stays_good_while_nobody_answers_until_it_is_too_old(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with issuing() as (issuer, sets, url):
        await named(sets, url)
        issuer.status = 503
        Clock.now_s += AGAIN_S
        with caplog.at_level(logging.WARNING):
            assert await named(sets, url, "key2") == {"key1"}
        assert "answered 503" in caplog.text
        Clock.now_s += KEPT_S
        assert await named(sets, url) == set()
        issuer.status = 200
        assert await named(sets, url) == set(), "it is asked again in a moment"
        Clock.now_s += RETRY_S
        assert await named(sets, url) == {"key1"}


@pytest.mark.parametrize("keys", [[], {}, {"keys": []}, {"keys": [{"kid": "a", "kty": "EC"}]}, "x" * 300_000])
async def test_what_is_no_set_of_keys_lets_nobody_in(keys: object) -> None:
    async with issuing() as (issuer, sets, url):
        issuer.keys = keys
        assert await named(sets, url) == set()


async def test_keys_that_are_elsewhere_than_said_are_none() -> None:
    async with issuing() as (issuer, sets, url):
        issuer.at = "/nowhere"
        assert await named(sets, url) == set()


async def test_an_address_where_nobody_is_lets_nobody_in() -> None:
    assert await named(KeySets(clock=lambda: 0.0), "http://127.0.0.1:9/") == set()
