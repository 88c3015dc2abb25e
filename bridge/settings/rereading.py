"""What a running server reads again: the files of secrets, and the routes."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from bridge.settings import routes
from bridge.settings.describe import variable
from bridge.settings.options import SECRETS, Settings
from bridge.settings.sources import ROUTE, from_toml, secret_in

_NOT_GIVEN = {ROUTE, *SECRETS}


def reread(
    settings: Settings, flags: argparse.Namespace | Mapping[str, object], environ: Mapping[str, str] | None = None
) -> tuple[Settings, list[str]]:
    """Return `settings` with what their files say now, and a line for each part that stays as it was, with the reason.

    `flags` and `environ` are those of `load`: they say where the configuration file is. Other options stay.
    """
    problems: list[str] = []
    fresh = _secrets(settings, problems)
    given = vars(flags) if isinstance(flags, argparse.Namespace) else flags
    config = given.get("config") or (os.environ if environ is None else environ).get(variable("config"))
    if config:
        fresh |= _routes(settings, Path(str(config)), problems)
    return settings.model_copy(update=fresh), problems


def _secrets(settings: Settings, problems: list[str]) -> dict[str, object]:
    fresh: dict[str, object] = {}
    for name in SECRETS:
        path = getattr(settings, f"{name}_file")
        if path is None:
            continue
        try:
            fresh[name] = secret_in(path)
        except (OSError, ValueError) as error:
            problems.append(f"{name}_file: cannot read {str(path)!r}: {error}")
    return fresh


def _routes(settings: Settings, config: Path, problems: list[str]) -> dict[str, object]:
    wrong: list[str] = []
    tables = from_toml(config, wrong).get(ROUTE)
    given = {name: value for name, value in settings.model_dump().items() if name not in _NOT_GIVEN}
    found = routes.read(tables.value, given, str(config), wrong) if tables else ()
    problems += wrong
    return {} if wrong else {ROUTE: found}
