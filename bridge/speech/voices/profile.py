"""How a voice server is asked, as data: profiles.toml has those that are known, --tts-profiles those of the user."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bridge.speech.api import EngineFailed
from bridge.speech.voices.template import places
from telephony.events import Encoding

VALUES: Final = ("text", "voice", "model", "key", "language", "locale", "speed", "slowness")
"""Placeholders of every template, beside the words of the format."""

_ENCODINGS: Final = {"pcm": Encoding.L16, "mulaw": Encoding.MULAW, "alaw": Encoding.ALAW, "float": Encoding.FLOAT32}


class SpokenFormat(BaseModel):
    """Audio that a server can be asked for."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    encoding: Literal["pcm", "mulaw", "alaw", "float"] = "pcm"
    """pcm: 16 bit; float: 32 bit; both little-endian."""
    rate: int = Field(default=24_000, ge=8000, le=48_000)
    """Hertz."""

    @property
    def wire(self) -> Encoding:
        return _ENCODINGS[self.encoding]

    @property
    def words(self) -> Mapping[str, str | int]:
        """What templates may say of it: `rate`, and all that the table has beside the fields above."""
        extra = {name: value for name, value in (self.model_extra or {}).items() if isinstance(value, str | int)}
        return {"rate": self.rate, **extra}


class VoiceProfile(BaseModel):
    """One kind of server. Texts of `path`, `headers`, `body` and `extras` are templates."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    documents: str = ""
    """Where its maker describes it."""
    url: str = Field(default="", pattern=r"^$|^https?://[^/\s@?#]+(/[^\s?#]*)?$")
    """Where it is; empty: --tts-url says it."""
    example: str = ""
    """Of a URL, where it is empty."""
    path: str = Field(pattern=r"^/\S*$")
    headers: dict[str, str] = {}
    body: dict[str, object] | str
    """A table is sent as JSON, a text as SSML."""
    extras: dict[str, object] = {}
    """More of the body that most servers take: what is refused is left out from then on."""
    answer: Literal["audio", "json", "lines"] = "audio"
    """audio: as bytes. json: in base64, in one document. lines: in base64, in JSON lines or server-sent events."""
    audio_field: str = ""
    """Where base64 is: names and numbers with dots between, e.g. "audios.0"."""
    model: str = ""
    voice: str = ""
    language: str = ""
    """Code of the language where the settings name none, e.g. "en"."""
    speed: Annotated[tuple[float, float], Field()] | None = None
    """Slowest and fastest that it takes, 1 is its own; None: it cannot be told."""
    scripts: tuple[str, ...] = ()
    """Scripts that it reads, as `Tts.scripts`; empty is not known."""
    wide: SpokenFormat = SpokenFormat()
    telephone: SpokenFormat | None = None
    """The telephone's own format, where it can be had."""
    wav: SpokenFormat | None = None
    """A format whose head tells the rate, for servers that do not tell it otherwise."""

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        formats = [self.wide, *(each for each in (self.telephone, self.wav) if each)]
        known = {*VALUES, *(name for each in formats for name in each.words)}
        for name in ("path", "headers", "body", "extras"):
            if unknown := sorted(set(places(getattr(self, name))) - known):
                raise ValueError(f"{name} has {{{unknown[0]}}}; known are {', '.join(sorted(known))}")
        if "text" not in {*places(self.path), *places(self.body)}:
            raise ValueError("body has no {text}")
        if self.answer != "audio" and not self.audio_field:
            raise ValueError(f"answer is {self.answer}, so audio_field must say where the audio is")
        return self


@cache
def shipped() -> Mapping[str, VoiceProfile]:
    """Return the profiles that come with the bridge, by name."""
    return parse(files("bridge.speech.voices").joinpath("profiles.toml").read_text("utf-8"))


def parse(text: str) -> Mapping[str, VoiceProfile]:
    """Return the profiles in `text`, TOML with one table each, by name.

    Raises:
        ValueError: it is no TOML, or a profile lacks something; the text names profile and field.
    """
    found: dict[str, VoiceProfile] = {}
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    for name, table in tables.items():
        try:
            found[name] = VoiceProfile.model_validate(table)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join((name, *map(str, first["loc"])))
            raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error
    return found


def read_profiles(path: Path | None) -> Mapping[str, VoiceProfile]:
    """Return the shipped profiles, and those in the file at `path`, which come before them; blocks.

    Raises:
        EngineFailed: the file cannot be read, or holds no such thing.
    """
    if path is None:
        return shipped()
    try:
        return {**shipped(), **parse(path.read_text("utf-8"))}
    except (OSError, ValueError) as error:
        raise EngineFailed(f"tts_profiles {path}: {error}") from error
