"""What an option may be: the types, and how text becomes one."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)


@dataclass(frozen=True, slots=True)
class Takes:
    """Says in words what an option takes, where its type does not say it."""

    words: str


@dataclass(frozen=True, slots=True)
class First:
    """Marks an option that a newcomer needs: `--help` shows these, `--help-all` shows all."""


FIRST: Final = First()


class Section(StrEnum):
    """The headings of `--help`, in their order. Each group of options belongs to one."""

    LISTENING = "Where it listens"
    ACCESS = "Who may come in"
    ANSWERING = "What answers"
    SPEECH = "What hears and speaks"
    TURNS = "Whose turn it is"
    WIRES = "How calls come in and go out"
    RECORDS = "What is kept of calls"
    OPERATION = "Limits and logs"


def _nothing(value: object) -> object:
    """Read an empty text as None, because TOML has no null."""
    return None if value == "" else value


def split_words(value: object) -> object:
    """Split "a, b" into a list, because flags and the environment have no lists."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def split_pairs(value: object) -> object:
    """Split "a=b, c=d" into a mapping, because flags and the environment have none."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    named = {name.strip(): of.strip() for name, _, of in pairs}
    return named if len(named) == len(pairs) else value  # a name twice: refused as it stands


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def whole_url(url: str) -> str:
    """Return `url` as it is.

    Raises:
        ValueError: it cannot be taken apart: a bracket of an IPv6 address is missing, or the port is no number.
    """
    parts = urlsplit(url)
    if parts.port == 0:
        raise ValueError("port 0 is no place to go")
    return url


def _reachable_port(address: str) -> str:
    port = address.rpartition(":")[2]
    if port.isdecimal() and not 0 < int(port) < 1 << 16:
        raise ValueError("no port is 0 or above 65535")
    return address


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))  # a ValueError says what is wrong with it


def _public_address(text: str) -> str:
    if text and ipaddress.ip_address(text).is_unspecified:
        raise ValueError("nobody can send there")
    return text


_DFN_MODELS: Final = ("DeepFilterNet", "DeepFilterNet2", "DeepFilterNet3")


def _dfn_model(text: str) -> str:
    if text not in _DFN_MODELS and "/" not in text and not Path(text).exists():
        raise ValueError("neither a model nor a path")
    return text


DfnModel = Annotated[
    str,
    AfterValidator(_dfn_model),
    Takes(f"{' or '.join(_DFN_MODELS)}, or the path of a folder or a tar.gz with the weights of one"),
]
OptionalPath = Annotated[Path | None, BeforeValidator(_nothing)]
OptionalText = Annotated[str | None, BeforeValidator(_nothing)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/\s]+)$"), AfterValidator(whole_url)]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(split_words), Takes("origins like https://example.com, or *")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s@?#]+(/[^\s@?#]*)?$"), AfterValidator(whole_url)]
OptionalUrl = Annotated[
    str,
    StringConstraints(pattern=r"^$|^https?://[^/\s@?#]+(/[^\s@?#]*)?$"),
    AfterValidator(whole_url),
    Takes("a URL like http://127.0.0.1:4318"),
]
Urls = Annotated[
    tuple[Url, ...], BeforeValidator(split_words), Takes("URLs like http://gpu1:8001, with commas between")
]
PostUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^/\s@?#]+(/[^\s@#]*)?)?$"),
    AfterValidator(whole_url),
    Takes("a URL like https://HOST/PATH"),
]
SocketUrl = Annotated[
    str,
    StringConstraints(pattern=r"^$|^wss?://[^/\s@?#]+(/[^\s@?#]*)?$"),
    AfterValidator(whole_url),
    Takes("a URL like ws://pbx:8088/media"),
]
Phrases = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    BeforeValidator(split_words),
    Takes("words and phrases, with commas between"),
]
Languages = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...],
    BeforeValidator(split_words),
    Takes("English names of languages, with commas between"),
]
Address = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Fa-f.:]+$"), Takes("an IP address of this machine, or 0.0.0.0")
]
PublicAddress = Annotated[str, AfterValidator(_public_address), Takes("an IP address, as it is seen from outside")]
Age = Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d{0,4}[hd])$"), Takes("hours or days like 12h or 7d")]
_A_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0


def seconds(age: str) -> float:
    """Return the seconds of an age like "12h" or "7d"; "0", for ever, is infinity."""
    if age == "0":
        return float("inf")
    return float(age[:-1]) * (_A_DAY_S if age[-1] == "d" else _HOUR_S)


PortRange = Annotated[str, StringConstraints(pattern=r"^\d{4,5}-\d{4,5}$"), Takes("ports like 10000-20000")]
SipName = Annotated[str, StringConstraints(pattern=r"^[\w.+@-]*$"), Takes("letters, digits and . + @ - _")]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...],
    BeforeValidator(split_words),
    Takes("networks or addresses like 10.0.0.0/8, with commas between"),
]
SipTransports = Annotated[
    tuple[Literal["udp", "tcp", "tls"], ...], BeforeValidator(split_words), Takes("udp, tcp, tls, with commas between")
]
SipCodecs = Annotated[
    tuple[Literal["opus", "g722", "pcmu", "pcma"], ...],
    BeforeValidator(split_words),
    Takes("opus, g722, pcmu, pcma, with commas between"),
]
HeaderNames = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[\w.!%*+`'~-]{1,63}$")], ...],
    BeforeValidator(split_words),
    Takes("names of headers, with commas between"),
]
SipUri = Annotated[
    str,
    StringConstraints(pattern=r"^$|^sips?:[^@\s;<>\"]+@[^@\s;<>\"]+(;transport=(udp|tcp|tls))?$"),
    Takes("an address like sip:bot@pbx.example.com;transport=tls"),
]
_PluginName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(:[\w.]+)?$")]
Plugin = Annotated[_PluginName, Takes("the name of an installed plug-in, or module:attribute")]
PluginNames = Annotated[
    tuple[_PluginName, ...],
    BeforeValidator(split_words),
    Takes("auto, or names of installed plug-ins or module:attribute, with commas between; one may be ray://HOST:10001"),
]
AppNames = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,100}$")], ...],
    BeforeValidator(split_words),
    Takes("names of applications on Ray Serve, with commas between"),
]
RayAddress = Annotated[
    str,
    StringConstraints(pattern=r"^$|^auto$|^(ray://)?(\[[0-9A-Fa-f:]+\]|[\w.-]+):\d{1,5}$"),
    AfterValidator(_reachable_port),
    Takes("auto, HOST:6379, or ray://HOST:10001"),
]
_RAY_ADDRESS: Final = TypeAdapter(RayAddress)
_RAY_SCHEME: Final = "ray://"

_VoiceName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(:[\w.+/:@-]+)?$", max_length=200)]
Voice = Annotated[_VoiceName, Takes("the name of an installed plug-in, plug-in:voice, or module:attribute")]
VoicesByLanguage = Annotated[
    Mapping[Annotated[str, StringConstraints(pattern=r"^[^\W\d_][\w '-]*$", max_length=60)], _VoiceName],
    BeforeValidator(split_pairs),
    Takes("languages and their voices like Hindi=kokoro:hf_alpha,default=hibari, with commas between"),
]
Lexicons = Annotated[
    Mapping[str, Mapping[str, str]] | Path | None,
    BeforeValidator(_nothing),
    Takes("the path of a TOML file, or tables of words like [lexicon.English]"),
]


_DEFAULT: Final = "default"
"""Among voices by language, another name for the option `tts`."""


def with_default_voice(values: Mapping[str, object]) -> dict[str, object]:
    """Return `values`, options of one source, with the default of `voices` as `tts`, which it goes before."""
    named = split_pairs(values.get("voices"))
    if not isinstance(named, Mapping) or _DEFAULT not in named:
        return dict(values)
    others = {language: voice for language, voice in named.items() if language != _DEFAULT}
    return {**values, "tts": named[_DEFAULT], "voices": others}


def with_ray_address(values: Mapping[str, object]) -> dict[str, object]:
    """Return options with the cluster that `asr` names, ray://HOST:10001, as `ray_address`, which it goes before.

    What is no such address, or is a second one, stays where it is: as the name of a recogniser it is refused.
    """
    names = split_words(values.get("asr"))
    named = [str(each) for each in names if str(each).startswith(_RAY_SCHEME)] if isinstance(names, Sequence) else []
    if not isinstance(names, Sequence) or len(set(named)) != 1:
        return dict(values)
    try:
        address = _RAY_ADDRESS.validate_python(named[0])
    except ValidationError:
        return dict(values)
    recognisers = ["ray" if each == address else each for each in names]
    return {**values, "asr": recognisers, "ray_address": address}


class Group(BaseModel):
    """Options that belong together. The first line of the docstring is their heading."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,  # only all of them together are ever made: a quarter of the time that settings take to import
    )

    section: ClassVar[Section]
    per_call: ClassVar[bool] = False
    """Whether a route may change these options for its calls: bridge/settings/routes.py."""

    @classmethod
    def title(cls) -> str:
        """Return the heading of the group."""
        return (cls.__doc__ or "").splitlines()[0].rstrip(".")
