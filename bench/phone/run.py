"""A run: every call of a set of scenarios to one server, one after the other."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import BaseModel, TypeAdapter

from bot.api import Samples
from phone.caller import Place, dialled
from phone.hearing import Listener
from phone.material import noise_of
from phone.panel import Measured
from phone.play import Patience, Play, Played
from phone.processes import used
from phone.scenarios import Scenario, ScenarioSet

_ASK_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server that is called."""

    name: str
    url: str
    pid: int | None = None
    """Of a server on this machine: what it uses is measured."""
    transcripts: Path | None = None
    """Where a server writes what the caller said (see processes.Local)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


class _Told(BaseModel):
    """A line of a server's transcripts."""

    at: float
    text: str


class Run:
    """Calls `target`."""

    def __init__(
        self,
        target: Target,
        scenarios: ScenarioSet,
        sounds: Mapping[str, Samples],
        *,
        patience: Patience | None = None,
    ) -> None:
        self._target, self._set, self._sounds = target, scenarios, sounds
        self._patience = patience or Patience()
        self._listener: Listener | None = None

    async def warm_up(self) -> None:
        """Make one call that nobody judges: a server's first call of all loads what it needs."""
        for call in self._set.calls[:1]:
            await self._one(call.model_copy(update={"steps": call.steps[:1]}), number=0)

    async def measure(self, measured: Measured, tell: Callable[[Played], None], *, first: int = 1) -> None:
        """Make all calls; add to `measured`, and `tell` of each call once it is over.

        A call that is in `measured` is replaced. `first`: number of the first.
        """
        for number, call in enumerate(self._set.calls, start=first):
            before = used(self._target.pid) if self._target.pid else None
            watch = asyncio.create_task(self._watch(measured))
            try:
                played = await self._one(call, number=number)
            finally:
                watch.cancel()
            if before and self._target.pid:
                measured.usage.cpu_s += used(self._target.pid).cpu_s - before.cpu_s
                measured.usage.seconds += played.seconds
            measured.load.append(os.getloadavg()[0])
            measured.calls[:] = [other for other in measured.calls if other.call != played.call] + [played]
            tell(played)

    async def _watch(self, measured: Measured) -> None:
        while self._target.pid:
            usage = measured.usage
            usage.rss_mb = max(usage.rss_mb, (await asyncio.to_thread(used, self._target.pid)).rss_mb)
            await asyncio.sleep(_ASK_S)

    async def _one(self, call: Scenario, *, number: int) -> Played:
        place = Place(noise=noise_of(call, self._set.seed), faults=call.faults, seed=self._set.seed + number)
        began_s, track = time.time(), b""
        try:
            async with dialled(
                self._target.url,
                place,
                call_sid=f"CA{number:032x}",
                parameters=self._target.parameters,
                headers=self._target.headers,
            ) as caller:
                play = Play(caller, call, self._sounds, self._patience)
                await play.play()
                track = caller.ear.track(caller.now_ms)
            played = play.played
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Played(call.name, call.group, not_reached=len(call.steps), fault=f"{type(error).__name__}: {error}")
        await self._read_back(played, track, began_s)
        return played

    async def _read_back(self, played: Played, track: bytes, began_s: float) -> None:
        """Add what became of dictated numbers: what the bot said, and what the server's transcripts say."""
        for index, (begin_ms, end_ms) in played.answers:
            trial = played.trials[index]
            if self._listener is None:
                self._listener = await asyncio.to_thread(Listener.load)
            heard = await self._listener.hear(track[round(begin_ms * 8) : round(end_ms * 8)])
            told = self._told(began_s + begin_ms / 1000, began_s + end_ms / 1000)
            played.trials[index] = replace(trial, heard=heard, recognised=told)

    def _told(self, begin_s: float, end_s: float) -> str:
        try:
            lines = self._target.transcripts.read_text().splitlines() if self._target.transcripts else []
        except FileNotFoundError:
            return ""  # nothing was told yet
        entries = [_Told.model_validate_json(line) for line in lines]
        return " ".join(entry.text for entry in entries if begin_s <= entry.at <= end_s)


def save(measured: Measured, path: Path) -> None:
    """Write all of a run as JSON, a call a line."""
    document = asdict(measured)
    calls = ",\n".join(json.dumps(call) for call in document.pop("calls"))
    path.write_text(f'{json.dumps(document)[:-1]},\n"calls": [\n{calls}\n]}}\n')


def read(path: Path) -> Measured:
    """Read what `save` wrote.

    Raises:
        OSError: it cannot be read.
        ValueError: it is something else.
    """
    return TypeAdapter(Measured).validate_json(path.read_text())
