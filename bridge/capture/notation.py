"""How what a call is made of is written as JSON, and read again. Pure.

A record is a line of JSON for each thing that happened; docs/replay.md describes them.
"""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bot import actions
from bot.actions import Action, Handoff
from bot.api import Samples
from bot.say import Say
from telephony import events
from telephony.bot_requests import BotRequest
from telephony.events import Event, Media

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT: Final = "voice-bridge wire record"
VERSION: Final = 1

Line = dict[str, object]
"""One line of a record, before it is written."""
T = TypeVar("T")
_ADAPTERS: Final = dict[type, TypeAdapter[Any]]()
"""To make one takes a hundred times of what it is asked."""

_EVENTS: Final = {
    kind.__name__: kind
    for kind in (
        events.Dtmf,
        events.Played,
        events.Finalize,
        events.Malformed,
        events.Notice,
        events.NotTransferred,
        events.CallEnded,
        *get_args(BotRequest),
    )
}
_ACTIONS: Final = {
    kind.__name__: kind
    for kind in (
        actions.PlayFile,
        actions.SendDtmf,
        actions.SendInfo,
        actions.Transfer,
        actions.Hangup,
        actions.SetLanguage,
        actions.SetContext,
        actions.SetVoice,
        actions.Collect,
        actions.PauseRecording,
        actions.ResumeRecording,
    )
}
_SHADES: Final = ("interruptible", "expect", "digits", "keys_interrupt", "goes_on")


@dataclass(frozen=True, slots=True)
class KeptSound:
    """Audio in a line. Whoever writes the line puts it into one of its own, once, and its hash here."""

    samples: bytes
    """Mono float32."""
    sample_rate: int


@dataclass(frozen=True, slots=True)
class FileAt:
    """A file that a line names. Whoever writes the line puts what is in it into one of its own, once."""

    path: str


class NotWritten(ValueError):
    """A line does not say what it has to; the text says what is missing."""


def told(value: "DataclassInstance") -> dict[str, object]:
    """Return the fields of a dataclass that differ from their defaults."""
    return {
        field.name: getattr(value, field.name) for field in fields(value) if getattr(value, field.name) != field.default
    }


def of_kind(kind: type[T], written: object) -> T:
    """Return the dataclass `kind` with the fields that `written` has.

    Raises:
        NotWritten: one is missing, or is none of its values.
    """
    try:
        adapter = _ADAPTERS.get(kind) or _ADAPTERS.setdefault(kind, TypeAdapter(kind))
        return cast(T, adapter.validate_python(written))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise NotWritten(f"{kind.__name__}{f'.{where}' if where else ''}: {first['msg']}") from error


# ---------------------------------------------------------------- what is heard


def event_line(event: Event) -> Line:
    """Return `event` as it is written."""
    if isinstance(event, Media):
        lost = {"concealed": True} if event.concealed else {}
        return {"event": "Media", "audio": event.payload, "at_ms": event.at_ms, **lost}
    return {"event": type(event).__name__, **told(event)}


def event_of(line: Mapping[str, object]) -> Event:
    """Return what `event_line` wrote.

    Raises:
        NotWritten: it is no event.
    """
    name = line.get("event")
    if name == "Media":
        return Media(data_of(line.get("audio")), number_of(line, "at_ms"), concealed=bool(line.get("concealed")))
    if not isinstance(name, str) or (kind := _EVENTS.get(name)) is None:
        raise NotWritten(f"event is {name!r}; known: Media, {', '.join(_EVENTS)}")
    given = {field.name: line[field.name] for field in fields(kind) if field.name in line}
    return cast(Event, of_kind(kind, given))


# ---------------------------------------------------------------- what a bot says


def piece_line(piece: str | Action) -> Line:
    """Return a piece of a reply as it is written; what another bot is handed is not."""
    if isinstance(piece, Say):
        plain = Say("")
        shades = {name: getattr(piece, name) for name in _SHADES if getattr(piece, name) != getattr(plain, name)}
        return {"say": str(piece), **shades}
    if isinstance(piece, str):
        return {"text": piece}
    if isinstance(piece, Handoff):
        return {"do": "Handoff"}
    file = {"file": FileAt(piece.path)} if isinstance(piece, actions.PlayFile) else {}
    return {"do": type(piece).__name__, **told(piece), **file}


def piece_of(line: Mapping[str, object]) -> str | Action | None:
    """Return what `piece_line` wrote; None for the hand-over to another bot.

    Raises:
        NotWritten: it is no piece.
    """
    if isinstance(text := line.get("text"), str) and "do" not in line:
        return text
    if isinstance(say := line.get("say"), str):
        shades = {name: line[name] for name in _SHADES if name in line}
        try:
            return Say(say, **shades)  # type: ignore[arg-type]  # checked there
        except (TypeError, ValueError) as error:
            raise NotWritten(f"say: {error}") from error
    name = line.get("do")
    if name == "Handoff":
        return None
    if not isinstance(name, str) or (kind := _ACTIONS.get(name)) is None:
        raise NotWritten(f"do is {name!r}; known: Handoff, {', '.join(_ACTIONS)}")
    given = {field.name: line[field.name] for field in fields(kind) if field.name in line}
    return cast(Action, of_kind(kind, given))


# ---------------------------------------------------------------- sounds


def sound(samples: Samples, sample_rate: int) -> KeptSound:
    """Return a copy of `samples` for a line."""
    return KeptSound(samples.astype(np.float32, copy=False).tobytes(), sample_rate)


def sound_line(sound: KeptSound) -> Line:
    """Return `sound` as it is written: in 16 bits where that loses nothing."""
    samples = np.frombuffer(sound.samples, np.float32)
    whole = samples * np.float32(32768)
    if len(samples) and np.array_equal(whole, np.rint(whole)) and whole.min() >= -32768 and whole.max() <= 32767:
        return {"as": "int16", "rate": sound.sample_rate, "audio": whole.astype("<i2").tobytes()}
    return {"as": "float32", "rate": sound.sample_rate, "audio": samples.astype("<f4").tobytes()}


def samples_of(line: Mapping[str, object]) -> tuple[Samples, int]:
    """Return the samples that `sound_line` wrote, and their rate in hertz.

    Raises:
        NotWritten: it is no sound.
    """
    data, rate = data_of(line.get("audio")), number_of(line, "rate")
    kind = line.get("as")
    if kind not in {"int16", "float32"} or len(data) % (2 if kind == "int16" else 4) or rate <= 0:
        raise NotWritten(f"as is {kind!r}, rate {rate}, and there are {len(data)} bytes: no sound")
    if kind == "int16":
        return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768), rate
    return np.frombuffer(data, "<f4").astype(np.float32), rate


def data_of(value: object) -> bytes:
    """Return bytes that were written as base64.

    Raises:
        NotWritten: they are not.
    """
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except ValueError as error:
        raise NotWritten("audio is no base64") from error


def number_of(line: Mapping[str, object], name: str) -> int:
    """Return the whole number `name` of a line.

    Raises:
        NotWritten: there is none.
    """
    value = line.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 53:
        raise NotWritten(f"{name} is missing, or no whole number")
    return value


def plain(value: object) -> object:
    """Return what JSON has for `value`: for `json.dumps(default=...)`."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)
