"""What people see of an option: its names, and what it takes."""

from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bridge.settings.options import Settings
from bridge.settings.types import Takes


def flag(name: str) -> str:
    """Return the command line flag of the option `name`."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Return the environment variable of the option `name`."""
    return "BRIDGE_" + name.upper()


def first_sentence(text: str) -> str:
    """Return `text` up to the end of its first sentence, without the full stop."""
    return text.partition(". ")[0].rstrip(".")


def choices(field: FieldInfo) -> tuple[str, ...]:
    """Return the values `field` takes where they can be listed."""
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def allowed(name: str) -> str:
    """Return what the option `name` takes: "a number from 0 to 1"."""
    field = Settings.model_fields[name]
    if words := choices(field):
        return " or ".join(words)
    if field.annotation is bool:
        return "true or false"
    if takes := [item.words for item in field.metadata if isinstance(item, Takes)]:
        return takes[0]
    if field.annotation in (int, float):
        return ("a whole number" if field.annotation is int else "a number") + _range(field)
    if field.annotation == Path | None:
        return "a path"
    return "text" if field.annotation == SecretStr | None else _text(field)


def _range(field: FieldInfo) -> str:
    return "".join(
        f" {word} {limit}" for name, word in (("ge", "from"), ("le", "to")) for limit in _limits(field, name)
    )


def _text(field: FieldInfo) -> str:
    least = "".join(f" of at least {limit} character" for limit in _limits(field, "min_length"))
    most = "".join(f" of at most {limit} characters" for limit in _limits(field, "max_length"))
    return f"text{' and'.join(part for part in (least, most) if part)}"


def _limits(field: FieldInfo, name: str) -> list[object]:
    return [limit for item in field.metadata if (limit := getattr(item, name, None)) is not None]
