"""The `[[route]]` tables: which options a call may have of its own, how tables are read and how they are written."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import ValidationError

from bridge.logs import masked
from bridge.settings.describe import allowed
from bridge.settings.options import GROUPS, SECRETS, Settings
from bridge.settings.route import Route
from bridge.settings.types import with_default_voice

_SHARED: Final = {"ending", "ending_model_path", "ending_threads"}
"""Loaded once for all calls, though other options of their group may differ."""
_SINGLE: Final = ("language", "languages", "script", "context", "chunk_size_sec", "vad_threshold", "max_call_duration")
CALL_OPTIONS: Final = (
    *_SINGLE,
    *(
        name
        for group in GROUPS
        for name in group.model_fields
        if group.per_call and name not in _SHARED and name not in SECRETS and name.removesuffix("_file") not in SECRETS
    ),
)
"""What one call may have otherwise than another."""
WIRES_AND_NUMBERS: Final = ("callee", "caller", "wire", "direction")
DIRECTIONS: Final = ("inbound", "outbound")
_KEYS: Final = ("name", *WIRES_AND_NUMBERS, "parameters")
HELP: Final = """\
# Calls that are answered otherwise: tables at the end of this file, of which the first that matches counts; what it
# does not name is as above. They are for this file alone, no flags and no variables. docs/routing.md has more.
#
# [[route]]
# name = "sales"                         # for logs and errors
# callee = ["+49 30 123", "+49 89 *"]    # one of these was called; * stands for any characters
# caller = "+4917*"                      # likewise: who calls; wire, and direction = "inbound" or "outbound"
# parameters = { shop = "7" }            # what the webhook or <Parameter> passed along
# bot = "shop:Bot"                       # and any of these options:
"""


def read(tables: object, given: Mapping[str, object], source: str, problems: list[str]) -> tuple[Route, ...]:
    """Return the routes in `tables`, what stands under `route`; what is wrong is added to `problems`, a line each.

    `given`: the plain options, which those of a route are checked together with.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(f"route in {source} must be tables: [[route]], each with keys of its own")
        return ()
    routes = (_route(number, table, given, problems) for number, table in enumerate(tables, 1))
    return tuple(route for route in routes if route)


def _route(number: int, table: Mapping[str, object], given: Mapping[str, object], problems: list[str]) -> Route | None:
    name = table.get("name", "")
    route = Route(number, name if isinstance(name, str) else "")
    wrong = [*_wrong_keys(table), *_wrong_conditions(table)]
    options = with_default_voice({key: value for key, value in table.items() if key in CALL_OPTIONS})
    checked: dict[str, object] = {}
    try:
        settings = Settings.model_validate({**given, **options})
        checked = {key: getattr(settings, key) for key in options}
    except ValidationError as error:
        named = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors(include_input=False))
        wrong += [f"{key} is {masked(repr(options[key]))}; allowed: {allowed(key)}" for key in named if key in options]
    problems += [f"{route}: {line}" for line in wrong]
    if wrong:
        return None
    parameters = table.get("parameters", {})
    assert isinstance(parameters, dict)
    conditions = {what: _patterns(table.get(what, ())) for what in WIRES_AND_NUMBERS}
    values = {key: _patterns(value) for key, value in parameters.items()}
    return Route(number, route.name, **conditions, parameters=values, options=checked)


def _wrong_keys(table: Mapping[str, object]) -> Iterator[str]:
    known = (*_KEYS, *CALL_OPTIONS)
    for key in table:
        if key in known:
            continue
        if key in Settings.model_fields:
            yield f"{key} is the same for all calls: set it above the routes"
        else:
            close = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
            yield f"{key!r} is no key of a route" + (f"; did you mean {close[0]!r}?" if close else "")


def _wrong_conditions(table: Mapping[str, object]) -> Iterator[str]:
    if not isinstance(table.get("name", ""), str):
        yield f"name is {table['name']!r}; allowed: text"
    for what in WIRES_AND_NUMBERS:
        if what in table and not _are_patterns(table[what]):
            yield f'{what} is {table[what]!r}; allowed: text in quotes like "+4930*", or a list of such'
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict) or not all(_are_patterns(value) for value in parameters.values()):
        yield f'parameters is {parameters!r}; allowed: a table like {{ shop = "7" }}, values as for callee'
    directions = table.get("direction", ())
    if _are_patterns(directions) and (odd := set(_patterns(directions)) - set(DIRECTIONS)):
        yield f"direction is {sorted(odd)[0]!r}; allowed: {' or '.join(DIRECTIONS)}"
    if not any(key in CALL_OPTIONS for key in table):
        yield "it changes nothing: name at least one option, e.g. bot or greeting"


def _are_patterns(value: object) -> bool:
    one = value if isinstance(value, list) else [value]
    return bool(one) and all(isinstance(pattern, str) and pattern.strip() for pattern in one)


def _patterns(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()


def of_route(settings: Settings, route: Route | None) -> Settings:
    """Return the settings of the calls of `route`, of which there are none in turn; None is no route."""
    return settings.model_copy(update={**(route.options if route else {}), "route": ()})


def conditions(route: Route) -> Iterator[tuple[str, object]]:
    """Yield the keys of its table that are no options, with their values as TOML has them."""
    if route.name:
        yield "name", route.name
    for what in WIRES_AND_NUMBERS:
        if patterns := getattr(route, what):
            yield what, patterns
    for name, patterns in route.parameters.items():
        yield f"parameters.{json.dumps(name)}", patterns
