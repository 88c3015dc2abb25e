"""Every option of the bridge, defined once: flags, environment, TOML and their documentation come from `Settings`."""

from bridge.settings.checks import (
    api_tokens_known,
    connection_limits,
    is_exposed,
    is_loopback,
    refusals,
    twilio_secret_known,
    warnings,
)
from bridge.settings.flags import add_flags, add_help
from bridge.settings.options import Settings
from bridge.settings.rereading import reread
from bridge.settings.sources import SettingsError, load
from bridge.settings.toml_writer import as_toml

__all__ = [
    "Settings",
    "SettingsError",
    "add_flags",
    "add_help",
    "api_tokens_known",
    "as_toml",
    "connection_limits",
    "is_exposed",
    "is_loopback",
    "load",
    "refusals",
    "reread",
    "twilio_secret_known",
    "warnings",
]
