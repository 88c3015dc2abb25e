"""What an option may be: the types, and how text becomes one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints


@dataclass(frozen=True, slots=True)
class Takes:
    """What an option takes, in words, where its type does not say it."""

    words: str


def _nothing(value: object) -> object:
    """Read an empty text as None: TOML has no null."""
    return None if value == "" else value


def _words(value: object) -> object:
    """Split "a, b": flags and the environment know no lists."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


OptionalPath = Annotated[Path | None, BeforeValidator(_nothing)]
OptionalText = Annotated[str | None, BeforeValidator(_nothing)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/\s]+)$")]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_words), Takes("origins like https://example.com, or *")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s@?#]+(/[^\s@?#]*)?$")]
Urls = Annotated[tuple[Url, ...], BeforeValidator(_words), Takes("URLs like http://gpu1:8001, with commas between")]
Phrases = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    BeforeValidator(_words),
    Takes("words and phrases, with commas between"),
]
_PluginName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(:[\w.]+)?$")]
Plugin = Annotated[_PluginName, Takes("the name of an installed plug-in, or module:attribute")]
PluginNames = Annotated[
    tuple[_PluginName, ...],
    BeforeValidator(_words),
    Takes("auto, or names of installed plug-ins or module:attribute, with commas between"),
]


class Group(BaseModel):
    """Options that belong together; the first line of the docstring is their heading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @classmethod
    def title(cls) -> str:
        """Return the heading."""
        return (cls.__doc__ or "").splitlines()[0].rstrip(".")
