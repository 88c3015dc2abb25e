"""What a caller hears besides the words of the bot, by language: data in texts/, one file a language code."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from bot.languages import ENGLISH_NAMES, code_of, named

_MOST_CHARS: Final = 4000
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerTexts:
    """The texts of one language, under the names of their options; "" is none."""

    fallback_text: str = ""
    no_input_text: str = ""
    goodbye_text: str = ""
    filler_text: str = ""
    greeting: str = ""

    def before(self, others: "CallerTexts") -> "CallerTexts":
        """Return these texts, and those of `others` where there is none."""
        given = {name: text for field in fields(self) if (text := getattr(self, name := field.name))}
        return replace(others, **given)


def parse(text: str) -> CallerTexts:
    """Read the TOML of one language.

    Raises:
        ValueError: it is no TOML, or a key is unknown or no text; the error names it and what is allowed.
    """
    known = [field.name for field in fields(CallerTexts)]
    texts: dict[str, str] = {}
    try:
        entries = tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    for key, value in entries.items():
        if key not in known:
            raise ValueError(f"{key!r} is no text of a call; allowed: {', '.join(known)}")
        if not isinstance(value, str) or len(value) > _MOST_CHARS or not value.strip():
            raise ValueError(f"{key} must be a text in quotes of 1 to {_MOST_CHARS} characters")
        texts[key] = value.strip()
    return CallerTexts(**texts)


def load(folder: Path | None) -> Mapping[str, CallerTexts]:
    """Return the texts by language code: the shipped ones, and those in `folder` before them. Blocks.

    Raises:
        ValueError: a file of `folder` cannot be read, or is named after no language; the error names it.
    """
    texts = dict(SHIPPED)
    for file in _toml_files(folder) if folder else ():
        if file.stem not in ENGLISH_NAMES:
            raise ValueError(f"{file}: {file.stem!r} is no code of a language, as de and hi are")
        try:
            if file.stat().st_size > _MOST_BYTES:
                raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
            texts[file.stem] = parse(file.read_text("utf-8")).before(texts.get(file.stem, CallerTexts()))
        except (OSError, ValueError) as error:
            raise ValueError(f"{file}: {error}") from error
    return texts


def in_language(texts: Mapping[str, CallerTexts], language: str) -> CallerTexts:
    """Return the texts of `language`, an English name or a tag. What it has none of is said in English."""
    own = texts.get(code_of(named(language)) or "", CallerTexts())
    return own.before(texts["en"])


def _toml_files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    return sorted(folder.glob("*.toml"))


def _load_shipped() -> Mapping[str, CallerTexts]:
    """Read all files; on import, so that no call ever waits for the disk."""
    found = (file for file in files("bridge.settings").joinpath("texts").iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): parse(file.read_text("utf-8")) for file in found}


SHIPPED: Final = _load_shipped()
