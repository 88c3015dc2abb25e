"""Points a number at this server over its carrier's API, and keeps what is needed to take it back."""

import asyncio
import json
import os
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from bridge.legs.carriers.profiles import RestProfile
from bridge.legs.carriers.rest import CarrierRefused, CarrierRest, plain_options, text_at
from bridge.settings import Settings
from bridge.settings.state import state_dir
from bridge.speech.voices.template import Value, written

_TABLES: Final = Path(__file__).with_name("numbers.toml")
_NOTHING: Final = "nothing"
"""What is said for a setting that was empty."""


class NotConnected(RuntimeError):
    """A number does not lead here, or cannot be taken back; the text says why."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one carrier."""

    profile: RestProfile
    connect: Sequence[Mapping[str, Any]]
    disconnect: Sequence[Mapping[str, Any]]


def _read() -> Mapping[str, Numbers]:
    with _TABLES.open("rb") as file:
        return {name: _of(name, table) for name, table in tomllib.load(file).items()}


def _of(name: str, table: Mapping[str, Any]) -> Numbers:
    profile = RestProfile(
        name=name,
        title=table["title"],
        url=table["url"],
        needs=tuple(table["needs"]),
        headers=table["headers"],
        actions={},
        status={},
        documents=table["documents"],
    )
    return Numbers(profile, table["connect"], table["disconnect"])


NUMBERS: Final = _read()
"""By the names of their carriers."""


async def connect(carrier: str, number: str, settings: Settings) -> AsyncIterator[str]:
    """Have `number` lead to this server; yield what was changed, line by line.

    Raises:
        NotConnected: it does not, or not wholly: then what was changed can be taken back.
    """
    if not settings.public_url:
        raise NotConnected("no address under which the carrier reaches this server: --public-url https://HOST")
    numbers, kept = NUMBERS[carrier], _kept(settings, carrier, number)
    if kept.exists():
        raise NotConnected(f"{number} was connected before: `bridge {carrier} disconnect {number}` first")
    known: dict[str, Value] = {
        "number": number,
        "webhook": f"{settings.public_url.rstrip('/')}/{carrier}/voice",
    }
    async with _api(numbers, settings) as rest:
        for request in numbers.connect:
            line = await _do(request, rest, known, settings)
            if line:  # from here on there is something to take back
                await asyncio.to_thread(_keep, kept, known)
                yield line


async def disconnect(carrier: str, number: str, settings: Settings) -> AsyncIterator[str]:
    """Have `number` lead to where it led before; yield what was changed, line by line.

    Raises:
        NotConnected: it was not connected by `connect`, or the carrier refuses.
    """
    numbers, kept = NUMBERS[carrier], _kept(settings, carrier, number)
    try:
        known: dict[str, Value] = json.loads(await asyncio.to_thread(kept.read_text, "utf-8"))
    except FileNotFoundError:
        raise NotConnected(f"{number} was not connected here: {kept} is not there") from None
    except (ValueError, RecursionError) as error:
        raise NotConnected(f"{kept}: {error}") from None
    async with _api(numbers, settings) as rest:
        for request in numbers.disconnect:
            yield await _do(request, rest, known, settings)
    kept.unlink()


async def _do(request: Mapping[str, Any], rest: CarrierRest, known: dict[str, Value], settings: Settings) -> str:
    """Make one request, and add what it takes to `known`; return what the operator reads."""
    try:
        told = await rest.fetch(request, known)
    except CarrierRefused as why:
        raise NotConnected(str(why)) from why
    known.update({name: text_at(told, where) for name, where in request.get("take", {}).items()})
    if path := known.pop("before_path", None):  # Plivo tells a path, and is told the id at its end
        known["before"] = str(path).rstrip("/").rpartition("/")[2]
    if (must := request.get("must")) and not known[must]:
        raise NotConnected(f"{rest.profile.title} has no number {known['number']} in this account")
    values = {**plain_options(settings), **{name: value or _NOTHING for name, value in known.items()}}
    return written(request.get("says", ""), values, str)


@asynccontextmanager
async def _api(numbers: Numbers, settings: Settings) -> AsyncIterator[CarrierRest]:
    options = plain_options(settings)
    if missing := [name for name in numbers.profile.needs if not options.get(name)]:
        wanted = ", ".join(f"BRIDGE_{name.upper()}" for name in missing)
        raise NotConnected(f"{numbers.profile.title}'s API needs {wanted}")
    limit = aiohttp.ClientTimeout(total=settings.twilio_api_timeout)
    async with aiohttp.ClientSession(timeout=limit) as session:
        yield CarrierRest(session, numbers.profile, lambda: options)


def _kept(settings: Settings, carrier: str, number: str) -> Path:
    return state_dir(settings) / "numbers" / f"{carrier}-{number.removeprefix('+')}.json"


def _keep(path: Path, known: Mapping[str, Value]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(dict(known), file, indent=1)
