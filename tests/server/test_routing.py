"""Which route a call takes, what a route may say, and what it is told where it is wrong."""

from pathlib import Path

import pytest

from bridge.server.routing import Ringing, choose, unreachable
from bridge.settings import Settings, SettingsError, as_toml, load, refusals
from bridge.settings.routes import CALL_OPTIONS, of_route

TABLES = """
greeting = "Hello."

[[route]]
name = "sales"
callee = ["+49 30 123", "+49 89 *"]
bot = "shop:Bot"
greeting = "Sales."

[[route]]
caller = "+4917*"
parameters = { shop = "7", "who knows" = ["a", "b*"] }
language = "German"

[[route]]
wire = "talk"
direction = "outbound"
turn_silence = 0.7
"""


def configured(tmp_path: Path, text: str) -> Settings:
    (file := tmp_path / "bridge.toml").write_text(text)
    return load({"config": str(file)}, {})


def taken(settings: Settings, **known: object) -> int:
    ringing = Ringing(**{"wire": "twilio", **known})  # type: ignore[arg-type]
    route = choose(settings.route, ringing)
    return route.number if route else 0


def test_the_first_route_whose_conditions_all_hold_is_taken_and_else_none(tmp_path: Path) -> None:
    settings = configured(tmp_path, TABLES)
    assert taken(settings, callee="+4930123") == 1
    assert taken(settings, callee="+498955", caller="+49171") == 1
    assert taken(settings, callee="+49301234") == 0
    assert taken(settings, caller="+49171", parameters={"shop": "7", "who knows": "bob"}) == 2
    assert taken(settings, caller="+49171", parameters={"shop": "7"}) == 0, "the call has to have the parameter"
    assert taken(settings, wire="talk") == 0
    assert taken(settings, wire="talk", direction="outbound") == 3


def test_numbers_are_the_same_however_they_are_grouped(tmp_path: Path) -> None:
    assert taken(configured(tmp_path, TABLES), callee="+49 (30) 1-23") == 1


def test_in_a_pattern_nothing_but_the_star_is_special(tmp_path: Path) -> None:
    settings = configured(tmp_path, '[[route]]\nparameters = { shop = "[7]?*" }\ngreeting = "x"\n')
    assert taken(settings, parameters={"shop": "[7]?8"}) == 1
    assert taken(settings, parameters={"shop": "7x"}) == 0


def test_what_a_route_does_not_name_is_as_for_all_calls(tmp_path: Path) -> None:
    settings = configured(tmp_path, TABLES)
    sales, german, _ = (of_route(settings, route) for route in settings.route)
    assert (sales.bot, sales.greeting, sales.turn_silence) == ("shop:Bot", "Sales.", 0.5)
    assert (german.bot, german.greeting, german.language) == ("echo", "Hello.", "German")
    assert of_route(settings, None) == settings.model_copy(update={"route": ()})


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('gretting = "x"', "route 1: 'gretting' is no key of a route; did you mean 'greeting'?"),
        ('name = "a"\nport = 1', "route 1 (a): port is the same for all calls: set it above the routes"),
        ('name = "a"\nturn_silence = 99', "route 1 (a): turn_silence is 99; allowed: a number from 0.1 to 10"),
        ('callee = 4930\nbot = "echo"', "route 1: callee is 4930; allowed: text in quotes"),
        ('parameters = "7"\nbot = "echo"', "route 1: parameters is '7'; allowed: a table"),
        ('direction = "up"\nbot = "echo"', "route 1: direction is 'up'; allowed: inbound or outbound"),
        ('callee = "1"', "route 1: it changes nothing"),
        ('api_token = "x"\nbot = "echo"', "route 1: api_token is the same for all calls"),
    ],
)
def test_an_error_names_the_route_the_key_and_what_is_allowed(tmp_path: Path, table: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        configured(tmp_path, f"[[route]]\n{table}\n")
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize("text", ['route = "x"', "route = [1]", "[route]\nx = 1"])
def test_a_route_is_a_table_of_its_own(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"route in .* must be tables: \[\[route\]\]"):
        configured(tmp_path, text)


def test_options_that_contradict_each_other_on_a_route_are_refused_with_its_name(tmp_path: Path) -> None:
    settings = configured(tmp_path, '[[route]]\nname = "a"\nturn_unsure = 0.95\n')
    assert refusals(settings) == ["route 1 (a): --turn-unsure 0.95 must not be above --turn-sure 0.9"]


def test_what_is_written_reads_back_with_the_same_routes(tmp_path: Path) -> None:
    settings = configured(tmp_path, TABLES)
    assert configured(tmp_path, as_toml(settings)) == settings


@pytest.mark.parametrize(
    ("first", "second", "never"),
    [
        ("", 'callee = "1"', True),
        ('callee = "+49*"', 'callee = ["+4930*", "+4989"]\ncaller = "5"', True),
        ('callee = "+4930*"', 'callee = "+49*"', False),
        ('callee = "1"\ncaller = "2"', 'callee = "1"', False),
        ('parameters = { shop = "7" }', 'parameters = { shop = "7" }\nwire = "talk"', True),
        ('parameters = { shop = "7" }', 'parameters = { shop = "8" }', False),
    ],
)
def test_a_route_that_no_call_can_take_is_told(tmp_path: Path, first: str, second: str, never: bool) -> None:
    tables = (f'[[route]]\n{conditions}\ngreeting = "x"\n' for conditions in (first, second))
    lines = unreachable(configured(tmp_path, "\n".join(tables)).route)
    assert bool(lines) is never
    assert all("route 2 is never taken: route 1 matches all of its calls" in line for line in lines)


def test_no_option_of_a_call_is_a_secret_or_named_like_a_condition() -> None:
    assert not {"name", "callee", "caller", "wire", "direction", "parameters"} & set(CALL_OPTIONS)
    assert not [name for name in CALL_OPTIONS if "token" in name or "port" in name]
