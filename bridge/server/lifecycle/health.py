"""What the server says of itself: `/healthz`, whether it lives, and `/readyz`, whether it can take a call."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from bridge.admission.lines import Lines
from bridge.admission.load import Whose
from bridge.logs import short

_OK: Final = "ok"
_TROUBLE_CHARS: Final = 200
HOPELESS_S: Final = 300.0
"""An engine of ours that has not come back for so long does not: its own restarts take seconds, or a minute."""


class Part(Protocol):
    """A part of the server that may break."""

    @property
    def trouble(self) -> str:
        """Why no call can come in by it, in words; "" while one can."""

    @property
    def beyond_repair(self) -> bool:
        """True once it does not come back by itself."""


class Engines(Protocol):
    """What hears."""

    async def healthy(self) -> bool:
        """Return whether a decode may succeed."""


async def _alone() -> Mapping[int, Any]:
    return {}


class Health:
    """Looks after one server, or after one worker of it, and tells of all."""

    def __init__(
        self,
        lines: Lines,
        engines: Engines,
        *,
        parts: Callable[[], Mapping[str, Part]],
        ours: bool,
        clock_s: Callable[[], float] = time.monotonic,
        number: int = 1,
        others: Callable[[], Awaitable[Mapping[int, Any]]] = _alone,
    ) -> None:
        """`parts` returns what else a call needs, by name. `ours`: a restart of this process is one of the engines.

        `number`: of this worker; `others` returns by their numbers what `told` says of those that take calls, None of
        one that does not answer.
        """
        self._lines, self._engines, self._parts, self._ours, self._clock_s = lines, engines, parts, ours, clock_s
        self._number, self._others = number, others
        self._gone_since_s: float | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return the two routes."""
        return [web.get("/healthz", self._alive), web.get("/readyz", self._ready)]

    async def told(self) -> dict[str, Any]:
        """Return what there is to say of this process alone, in values of JSON."""
        warm, parts = await self._look(), self._parts()
        told, draining = _told(parts), self._lines.draining
        broken = [f"{name} does not come back: {told[name]}" for name, part in parts.items() if part.beyond_repair]
        if self._ours and self._gone_s >= HOPELESS_S:
            broken.append(f"no engine for {self._gone_s:.0f} s")
        busy = None if draining else self._lines.refusal(Whose.CALLS)
        checks = {
            "serving": "draining" if draining else _OK,
            "models": _OK if warm else "no engine is up",
            "lines": str(busy or _OK),
        }
        return {"broken": broken, "draining": draining, "calls": self._lines.taken, "parts": told, "checks": checks}

    async def _alive(self, _: web.Request) -> web.Response:
        """Answer 503 only where a restart is the cure: not while the server drains, is full or waits for an engine."""
        of_all = await self._of_all()
        several = len(of_all) > 1
        known = {number: told for number, told in of_all.items() if told}
        broken = [
            f"worker {number}: {what}" if several else what for number, told in known.items() for what in told["broken"]
        ]
        draining = all(told["draining"] for told in known.values())
        parts = {name: how for told in known.values() for name, how in told["parts"].items()}
        body: dict[str, object] = {"status": "; ".join(broken) or ("draining" if draining else _OK)}
        body["calls"] = sum(told["calls"] for told in known.values())
        body |= {"parts": parts} if parts else {}
        body |= {"workers": {number: _state(told) for number, told in of_all.items()}} if several else {}
        return web.json_response(body, status=503 if broken else 200)

    async def _ready(self, _: web.Request) -> web.Response:
        """Answer 200 where the next call would be taken; the body says of each check whether it holds, and why not."""
        of_all = await self._of_all()
        known = [told for told in of_all.values() if told]
        parts = {name: how for told in known for name, how in told["parts"].items()}
        best = max(known, key=lambda told: sum(check == _OK for check in told["checks"].values()))
        checks = {**best["checks"], **parts}
        ready = set(checks.values()) == {_OK}
        body = {"ready": ready, "calls": sum(told["calls"] for told in known), "checks": checks}
        return web.json_response(body, status=200 if ready else 503)

    async def _of_all(self) -> Mapping[int, Any]:
        told = {self._number: await self.told(), **await self._others()}
        return dict(sorted(told.items()))

    @property
    def _gone_s(self) -> float:
        return 0.0 if self._gone_since_s is None else self._clock_s() - self._gone_since_s

    async def _look(self) -> bool:
        """Return whether an engine is up, and remember since when none is."""
        if await self._engines.healthy():
            self._gone_since_s = None
            return True
        if self._gone_since_s is None:
            self._gone_since_s = self._clock_s()
        return False


def _state(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "does not answer"
    return "; ".join(told["broken"]) or ("draining" if told["draining"] else _OK)


def _told(parts: Mapping[str, Part]) -> Mapping[str, str]:
    return {name: _for_strangers(part.trouble) or _OK for name, part in parts.items()}


def _for_strangers(trouble: str) -> str:
    """Return `trouble` without its details, which name hosts and users; the log has all of it."""
    return short(trouble.partition(": ")[0], _TROUBLE_CHARS)
