"""What SIGHUP changes for new calls, and what it leaves where something does not load."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes import RESOURCES, FakeTts, unlimited
from other_voice import Other
from pydantic import SecretStr

from bridge.admission.lines import Lines
from bridge.legs.sip.from_settings import stack_options
from bridge.legs.sip.options import StackOptions
from bridge.metrics import Metrics
from bridge.server import tls
from bridge.server.access.in_force import InForce
from bridge.server.lifecycle.reload import Reload
from bridge.server.switchboard import Switchboard
from bridge.settings import Settings
from bridge.settings.route import Route
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.voices import Voices

START = Settings(tts="fakes:FakeTts", bot="fakes:ScriptBot")


def route(number: int = 1, callee: str = "+49*", **options: object) -> Route:
    return Route(number, callee=(callee,), options=options)


@dataclass
class Rig:
    """A server, and what its files say."""

    files: Settings = START
    unread: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        resources = replace(RESOURCES, tts=FakeTts(), voices=LoadedVoices())
        self.board = Switchboard(START, resources, Metrics(), Lines(1), unlimited())
        self.in_force = InForce(START)
        self.reload = Reload(
            self.in_force,
            self.board,
            reread=lambda _: (self.files, self.unread),
            certificates=tls.Certificates(START),
            twilio=None,
        )

    def with_sides(self, sip: "Sip", ari: "Ari") -> Reload:
        """Return the reload of the same server with these sides."""
        return Reload(
            self.in_force,
            self.board,
            reread=lambda _: (self.files, self.unread),
            certificates=tls.Certificates(START),
            twilio=None,
            sip=sip,
            ari=ari,
        )

    def greetings(self) -> list[str]:
        return [profile.settings.greeting for profile in self.board.resources.profiles]


class Sip:
    """A SIP side that takes what is renewed."""

    def __init__(self) -> None:
        self.options, self.renewals = stack_options(START), list[StackOptions]()

    def renew(self, options: StackOptions) -> None:
        self.options = options
        self.renewals.append(options)


@dataclass
class Ari:
    password: str = ""

    def sign_in_with(self, password: str) -> None:
        self.password = password


async def test_a_new_route_answers_new_calls_with_the_voice_that_is_there() -> None:
    rig = Rig(START.model_copy(update={"route": (route(greeting="hello"),)}))
    await rig.reload.reload()
    assert rig.greetings() == ["hello"] and rig.in_force.settings.route == rig.board.settings.route
    assert rig.board.resources.profiles[0].tts is rig.board.resources.tts


async def test_routes_that_are_gone_answer_no_more() -> None:
    rig = Rig(START.model_copy(update={"route": (route(greeting="hello"),)}))
    await rig.reload.reload()
    rig.files = START
    await rig.reload.reload()
    assert rig.greetings() == [] and not rig.board.settings.route


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ([route(bot="nowhere:Bot")], "route: route 1: --bot nowhere:Bot"),
        ([route(greeting="a", callee="*"), route(2, greeting="b")], "route 2 is never taken"),
        ([route(bot="webhook")], "route 1: --bot webhook needs to know where"),
    ],
)
async def test_a_route_that_does_not_load_leaves_the_old_ones(
    routes: list[Route], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(START.model_copy(update={"route": (route(greeting="hello"),)}))
    await rig.reload.reload()
    token = SecretStr("new-token")
    rig.files = START.model_copy(update={"route": tuple(routes), "api_token": token})
    with caplog.at_level(logging.INFO):
        await rig.reload.reload()
    assert rig.greetings() == ["hello"] and len(rig.in_force.settings.route) == 1
    assert rig.in_force.settings.api_token == token, "the rest is new"
    [line] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("not reloaded, the old one stays in force: ") and told in line


async def test_what_could_not_be_read_has_a_line_each(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(unread=["api_token_file: it is empty", "callee is 7"])
    await rig.reload.reload()
    assert [record.message.partition("in force: ")[2] for record in caplog.records if record.levelname == "ERROR"] == (
        rig.unread
    )


async def test_the_file_of_tokens_is_read_again_and_one_that_is_broken_leaves_the_old_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tokens.toml"
    table = '[[token]]\nname = "{0}"\ntoken = "{0}-and-more-of-it"\nscopes = ["read"]\n'
    await asyncio.to_thread(path.write_text, table.format("first"))
    rig = Rig(START.model_copy(update={"api_tokens_file": path}))
    rig.in_force.put(rig.files)
    for text, names in ((table.format("second"), ["second"]), ("no toml", ["second"]), ("", ["second"])):
        await asyncio.to_thread(path.write_text, text)
        await rig.reload.reload()
        assert [token.name for token in rig.in_force.tokens] == names
    lines = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(lines) == 2 and all("api_tokens_file: it " in line for line in lines)


async def test_a_new_token_of_a_door_loads_no_bot_anew() -> None:
    rig = Rig(START.model_copy(update={"api_token": SecretStr("new")}))
    before = rig.board.resources
    await rig.reload.reload()
    assert rig.board.resources is before and rig.in_force.settings.api_token == SecretStr("new")


async def test_a_voice_that_a_route_brought_is_closed_with_the_server() -> None:
    rig = Rig(START.model_copy(update={"route": (route(tts="other_voice:Other"),)}))
    await rig.reload.reload()
    rig.files = START
    await rig.reload.reload()
    [voice] = rig.board.resources.voices.all
    rig.files = START.model_copy(update={"route": (route(tts="other_voice:Other"),)})
    await rig.reload.reload()
    again = rig.board.resources.profiles[0].tts
    assert isinstance(again, Voices) and again.default is voice, "it is loaded once, however often the routes change"
    assert rig.board.resources.voices.all == [voice] and not Other.closed
    rig.board.resources.voices.close()
    assert Other.closed


async def test_new_passwords_of_other_sides_go_to_what_signs_in_there_and_load_no_bot_anew() -> None:
    new = {"sip_trunk_password": SecretStr("trunk"), "ari_password": SecretStr("ari")}
    rig, sip, ari = Rig(START.model_copy(update=new)), Sip(), Ari()
    before = rig.board.resources
    reload = rig.with_sides(sip, ari)
    await reload.reload()
    assert [options.trunk_password for options in sip.renewals] == ["trunk"] and ari.password == "ari"
    await reload.reload()
    assert len(sip.renewals) == 1, "what is as it was is not told again"
    assert rig.board.resources is before


async def test_a_certificate_of_sip_that_does_not_load_has_a_line_and_the_old_one_stays(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    rig, sip = Rig(START.model_copy(update={"sip_certfile": tmp_path / "none.pem"})), Sip()
    await rig.with_sides(sip, Ari()).reload()
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line.startswith("not reloaded, the old one stays in force: sip_certfile ") and "none.pem" in line
    assert not sip.renewals
