"""Where values come from: flags before the environment before TOML before the defaults."""

import argparse
import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import SecretStr, ValidationError

from bridge.logs import MASK, masked
from bridge.settings import routes
from bridge.settings.describe import allowed, flag, variable
from bridge.settings.options import OPTIONS, SECRETS, Settings
from bridge.settings.types import with_default_voice

ROUTE: Final = "route"
NO_FLAGS: Final[Mapping[str, object]] = MappingProxyType({})


class SettingsError(Exception):
    """Some options cannot be used; the text has a line for each, naming it, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class _Given:
    value: object
    source: str
    """For messages: "--port", "BRIDGE_PORT" or the path of a file."""


def load(
    flags: argparse.Namespace | Mapping[str, object] = NO_FLAGS, environ: Mapping[str, str] | None = None
) -> Settings:
    """Return what is in force.

    `flags` maps options to their values and may hold more than options; `environ` is the process's own unless given.
    An empty variable counts as unset. Secret files are read here, once.

    Raises:
        SettingsError: a value, a key or a file cannot be used.
    """
    given_flags = vars(flags) if isinstance(flags, argparse.Namespace) else flags
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    config = given_flags.get("config") or environ.get(variable("config"))
    given = from_toml(Path(str(config)), problems) if config else {}
    given = _named_by_default(given) | _named_by_default(_from_environment(environ))
    given |= _named_by_default(_from_flags(given_flags))
    given |= _from_secret_files(given, problems)
    settings = _validate(given, problems)
    if settings is None:
        raise SettingsError("\n".join(problems))
    return settings


def _named_by_default(given: dict[str, _Given]) -> dict[str, _Given]:
    """Return what one source gives, with the default of its voices as its `tts`: the next source goes before it."""
    named = with_default_voice({name: item.value for name, item in given.items()})
    if "voices" not in given or "tts" not in named:
        return given
    source = given["voices"].source
    return {**given, **{name: _Given(named[name], source) for name in ("tts", "voices") if name in named}}


def _from_flags(flags: Mapping[str, object]) -> dict[str, _Given]:
    names = [name for name in OPTIONS if name in flags and name not in SECRETS]
    return {name: _Given(flags[name], flag(name)) for name in names}


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    """Other BRIDGE_ variables are let be: the environment is not ours alone."""
    names = [name for name in OPTIONS if environ.get(variable(name))]
    return {name: _Given(environ[variable(name)], variable(name)) for name in names}


def from_toml(path: Path, problems: list[str]) -> dict[str, _Given]:
    """Return what the file at `path` says; what is wrong with it is added to `problems`, a line each."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: neither TOML nor UTF-8
        problems.append(f"--config / BRIDGE_CONFIG: cannot read {str(path)!r}: {error}")
        return {}
    problems += [_unknown(key, path) for key in table if key not in OPTIONS and key != ROUTE]
    problems += [
        f"{name} does not belong in {path}: set {variable(name)}, or {name}_file to the file that holds it"
        for name in SECRETS
        if name in table
    ]
    names = [name for name in (*OPTIONS, ROUTE) if name in table and name not in SECRETS]
    return {name: _Given(table[name], str(path)) for name in names}


def _unknown(key: str, path: Path) -> str:
    close = difflib.get_close_matches(key.replace("-", "_"), (*OPTIONS, ROUTE), n=1)
    return f"{key!r} in {path} is no option" + (f"; did you mean {close[0]!r}?" if close else "")


def _from_secret_files(given: Mapping[str, _Given], problems: list[str]) -> dict[str, _Given]:
    secrets: dict[str, _Given] = {}
    for name in SECRETS:
        file = given.get(f"{name}_file")
        if file is None or not file.value:
            continue
        if name in given:
            problems.append(f"{name} is given twice: by {given[name].source} and by {file.source}; drop one")
        try:
            secrets[name] = _Given(secret_in(Path(str(file.value))), str(file.value))
        except (OSError, ValueError) as error:
            names = f"{flag(name)}-file / {variable(name)}_FILE"
            problems.append(f"{names}: cannot read {str(file.value)!r} (from {file.source}): {error}")
    return secrets


def secret_in(path: Path) -> SecretStr:
    """Return the secret that the file at `path` holds.

    Raises:
        OSError, ValueError: it cannot be read, is empty or no text; the message does not quote it.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:  # its text would quote the bytes
        raise ValueError("it is not UTF-8") from None
    if not secret:
        raise ValueError("it is empty")
    return SecretStr(secret)


def _validate(given: Mapping[str, _Given], problems: list[str]) -> Settings | None:
    values = {name: item.value for name, item in given.items() if name != ROUTE}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        names = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors(include_input=False))
        problems += [_refused(name, given[name]) for name in names]
        return None
    if ROUTE in given:
        found = routes.read(given[ROUTE].value, values, given[ROUTE].source, problems)
        settings = settings.model_copy(update={ROUTE: found})
    return None if problems else settings


def _refused(name: str, given: _Given) -> str:
    value = MASK if name in SECRETS else masked(repr(given.value))
    return f"{flag(name)} / {variable(name)} is {value} (from {given.source}); allowed: {allowed(name)}"
