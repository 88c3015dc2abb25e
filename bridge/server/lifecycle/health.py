"""What the server says of itself: `/healthz`, whether it lives, and `/readyz`, whether it can take a call."""

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

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


class Health:
    """Looks after one server."""

    def __init__(
        self,
        lines: Lines,
        engines: Engines,
        *,
        parts: Callable[[], Mapping[str, Part]],
        ours: bool,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`parts` returns what else a call needs, by name. `ours`: a restart of this process is one of the engines."""
        self._lines, self._engines, self._parts, self._ours, self._clock_s = lines, engines, parts, ours, clock_s
        self._gone_since_s: float | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return the two routes."""
        return [web.get("/healthz", self._alive), web.get("/readyz", self._ready)]

    async def _alive(self, _: web.Request) -> web.Response:
        """Answer 503 only where a restart is the cure: not while the server drains, is full or waits for an engine."""
        await self._look()
        parts = self._parts()
        told = _told(parts)
        broken = [f"{name} does not come back: {told[name]}" for name, part in parts.items() if part.beyond_repair]
        if self._ours and self._gone_s >= HOPELESS_S:
            broken.append(f"no engine for {self._gone_s:.0f} s")
        status = "; ".join(broken) or ("draining" if self._lines.draining else _OK)
        body = {"status": status, "calls": self._lines.taken, **({"parts": told} if told else {})}
        return web.json_response(body, status=503 if broken else 200)

    async def _ready(self, _: web.Request) -> web.Response:
        """Answer 200 where the next call would be taken; the body says of each check whether it holds, and why not."""
        warm, draining = await self._look(), self._lines.draining
        busy = None if draining else self._lines.refusal(Whose.CALLS)
        checks = {
            "serving": "draining" if draining else _OK,
            "models": _OK if warm else "no engine is up",
            "lines": str(busy or _OK),
            **_told(self._parts()),
        }
        ready = set(checks.values()) == {_OK}
        body = {"ready": ready, "calls": self._lines.taken, "checks": checks}
        return web.json_response(body, status=200 if ready else 503)

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


def _told(parts: Mapping[str, Part]) -> Mapping[str, str]:
    return {name: _for_strangers(part.trouble) or _OK for name, part in parts.items()}


def _for_strangers(trouble: str) -> str:
    """Return `trouble` without its details, which name hosts and users; the log has all of it."""
    return short(trouble.partition(": ")[0], _TROUBLE_CHARS)
