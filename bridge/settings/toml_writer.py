"""Settings as TOML that explains itself."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bridge.logs import MASK, masked
from bridge.settings import routes
from bridge.settings.describe import allowed, flag, variable
from bridge.settings.options import GROUPS, SECRETS, Settings
from bridge.settings.route import Route

HEADER: Final = """\
# The options of voice-bridge. Each is also a flag (--vad-threshold) and an environment variable (BRIDGE_VAD_THRESHOLD);
# flags go before the environment, the environment before this file. `bridge serve --config FILE` reads it.
"""


def as_toml(settings: Settings) -> str:
    """Return every option with its meaning, range and value; secrets are masked.

    `load` gives the same settings back from it, but for the secrets.
    """
    parts = [HEADER]
    for group in GROUPS:
        parts.append(f"\n# {f' {group.title()} ':-^100}\n")
        parts += [_entry(settings, name) for name in group.model_fields]
    parts.append(f"\n# {' Routes ':-^100}\n\n{routes.HELP}")
    parts.append(_comment(f"{', '.join(routes.CALL_OPTIONS)}."))
    parts += [_table(route) for route in settings.route]
    return "".join(parts)


def _table(route: Route) -> str:
    entries = (*routes.conditions(route), *route.options.items())
    return "\n[[route]]\n" + "".join(f"{_line(key, value)}\n" for key, value in entries)


def _entry(settings: Settings, name: str) -> str:
    description = Settings.model_fields[name].description or ""
    if name in SECRETS:
        text = f"{description} Never in this file: {variable(name)}, or the file named by {name}_file."
        state = "is not set" if getattr(settings, name) is None else f'= "{MASK}"'
        return f"\n{_comment(text)}# {name} {state}\n"
    return f"\n{_comment(description)}# {flag(name)}: {allowed(name)}\n{_line(name, getattr(settings, name))}\n"


def _line(key: str, value: object) -> str:
    """Return the line that sets `key`; one with a password in it only says so, as it would set another password."""
    line = f"{key} = {_value(value)}"
    return line if masked(line) == line else f"# {masked(line)}  # holds a password: write it here yourself"


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, width=100, break_on_hyphens=False, break_long_words=False)
    return "".join(f"# {line}\n" for line in lines)


def _value(value: object) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case tuple():
            return f"[{', '.join(_value(item) for item in value)}]"
        case Mapping():
            entries = ", ".join(f"{_value(key)} = {_value(item)}" for key, item in value.items())
            return f"{{ {entries} }}" if entries else "{}"
        case str() | Path():  # TOML's basic strings are JSON's, but for DEL
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    raise TypeError(f"no TOML for {type(value).__name__}")
