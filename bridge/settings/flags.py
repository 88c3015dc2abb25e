"""The options as command line flags, with a short help for newcomers and a long one with all of them."""

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from bridge.settings.describe import choices, first_sentence, flag, variable
from bridge.settings.options import FIRST_OPTIONS, GROUPS, SECRETS, Settings
from bridge.settings.types import Group, Section

_USAGE: Final = "%(prog)s [options]"
_FLAGS_WIDTH: Final = 30
"""Columns of the short help that hold the flags; what is longer has a line of its own."""


def add_flags(parser: argparse.ArgumentParser, groups: Sequence[type[Group]] = GROUPS) -> None:
    """Give `parser` --config and a flag for every option of `groups` but the secrets; none has a default of its own."""
    _add_config(parser)
    for group in groups:
        arguments = parser.add_argument_group(group.title())
        for name, field in group.model_fields.items():
            if name not in SECRETS:
                _add_flag(arguments, name, field)


def add_help(parser: argparse.ArgumentParser) -> None:
    """Give `parser` --help, which shows the first options, and --help-all. Make it with `add_help=False`."""
    parser.usage = _USAGE
    parser.add_argument("-h", "--help", action=_FirstHelp, nargs=0, help="show the options to begin with")
    parser.add_argument("--help-all", action="help", help="show all options")


class _FirstHelp(argparse.Action):
    """Prints the options that a newcomer needs, and ends the program."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        _first_page(parser).print_help()
        parser.exit()


def _first_page(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return a parser that is there for its help: that of `parser` with the first options alone."""
    page = argparse.ArgumentParser(
        prog=parser.prog,
        usage=_USAGE,
        description=parser.description,
        epilog="--help-all shows every option and its environment variable.",
        formatter_class=partial(argparse.HelpFormatter, max_help_position=_FLAGS_WIDTH),
    )
    _add_config(page)
    for section, names in groupby(FIRST_OPTIONS, key=_section):
        arguments = page.add_argument_group(section)
        for name in names:
            _add_short_flag(arguments, name, Settings.model_fields[name])
    return page


def _section(name: str) -> Section:
    return next(group.section for group in GROUPS if name in group.model_fields)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="TOML file of options; flags and BRIDGE_... variables override it",
    )


def _add_flag(arguments: "argparse._ArgumentGroup", name: str, field: FieldInfo) -> None:
    text = _escaped(f"{field.description}{_default(field)} [{variable(name)}]")
    if field.annotation is bool:
        action = argparse.BooleanOptionalAction
        arguments.add_argument(flag(name), action=action, default=argparse.SUPPRESS, help=text)
    else:
        arguments.add_argument(flag(name), metavar=_metavar(field), default=argparse.SUPPRESS, help=text)


def _add_short_flag(arguments: "argparse._ArgumentGroup", name: str, field: FieldInfo) -> None:
    text = _escaped(f"{first_sentence(field.description or '')}{_default(field)}")
    if field.annotation is bool:
        arguments.add_argument(flag(name), action="store_true", help=text)
    else:
        arguments.add_argument(flag(name), metavar=_metavar(field), help=text)


def _default(field: FieldInfo) -> str:
    if field.default in (None, "", (), False, {}):
        return ""
    value = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    return f" (default: {value})"


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _metavar(field: FieldInfo) -> str:
    if words := choices(field):
        return "|".join(words)
    if field.annotation in (int, float):
        return "NUMBER"
    return "PATH" if field.annotation == Path | None else "TEXT"
