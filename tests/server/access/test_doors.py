"""Each route has a door, and the operator reads who comes in."""

import re

import pytest
from fakes import RESOURCES

from bridge.server.access.doors import HTTP, PLAIN, Asks, door_at, who_comes_in
from bridge.server.app import make_app
from bridge.settings import Settings

PUBLIC = {"public_url": "https://bot.example.com"}


def told(**options: object) -> dict[str, str]:
    return dict(who_comes_in(Settings.model_validate(options)))


def test_every_route_of_the_server_has_a_door_and_every_door_a_route() -> None:
    routes = {resource.canonical for resource in make_app(Settings(), RESOURCES).router.resources()}
    assert routes == {path for door in HTTP for path in door.paths}


def test_nothing_is_open_to_all_but_the_page_and_the_health() -> None:
    assert {door.name for door in HTTP if door.asks is Asks.NOTHING} == {"page", "health"}


def test_a_socket_at_the_front_is_the_transcripts_and_an_unknown_route_asks_for_the_token() -> None:
    assert door_at("/", socket=False).asks is Asks.NOTHING
    assert door_at("/", socket=True) is PLAIN
    assert door_at("/new", socket=False).asks is Asks.API_TOKEN


def test_on_loopback_everyone_on_the_machine_comes_in() -> None:
    assert set(told().values()) == {"everyone on this machine"}


def test_behind_a_public_url_nobody_comes_in_without_something_to_show() -> None:
    doors = told(**PUBLIC)
    assert (
        doors["/ws"]
        == doors["/calls, /calls/{id}"]
        == doors["/metrics"]
        == doors["/languages"]
        == "nobody: set BRIDGE_API_TOKEN"
    )
    assert doors["/twilio/stream, /twilio/voice, /twilio/stream/{id}, /twilio/status/{id}"] == (
        "nobody: set BRIDGE_TWILIO_AUTH_TOKEN"
    )
    assert doors["/healthz, /readyz"] == "everyone who reaches it"
    doors = told(**PUBLIC, api_token="x", twilio_auth_token="y")
    assert doors["/ws"] == "who has the API token"
    assert {who for door, who in doors.items() if "twilio" in door} == {"Twilio, by its signature"}


def test_insecure_says_that_everyone_comes_in() -> None:
    assert set(told(host="0.0.0.0", insecure=True).values()) == {"everyone who reaches it"}


@pytest.mark.parametrize(
    ("options", "door", "who"),
    [
        ({"audiosocket_port": 9092}, "AudioSocket, port 9092", "127.0.0.0/8, ::1/128"),
        ({"sip": True, "sip_allow": "192.0.2.0/24"}, "SIP, port 5060", "192.0.2.0/24"),
        ({"sip": True, "sip_trunk": "sip:me@example.com"}, "SIP, port 5060", "127.0.0.0/8, ::1/128 and the trunk"),
        ({"ari_url": "http://pbx:8088/ari"}, "ARI", "nobody: we connect to Asterisk"),
    ],
)
def test_the_doors_of_a_pbx_are_told_too(options: dict[str, object], door: str, who: str) -> None:
    assert told(**options)[door] == who


def test_no_line_shows_a_token() -> None:
    assert not re.search("s3cret", str(told(api_token="s3cret", twilio_auth_token="s3cret")))
