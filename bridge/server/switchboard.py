"""Calls of every wire, from their first message to their end: whatever goes wrong in one ends it and no other."""

import asyncio
import logging
from typing import Final

from aiohttp import WSCloseCode

from bridge import logs
from bridge.call.lines import Lines
from bridge.leg import LegLost, OpeningLeg
from bridge.metrics import Metrics
from bridge.server.call_factory import make_call
from bridge.server.resources import Resources
from bridge.server.routing import Ringing, choose
from bridge.settings import Settings
from bridge.settings.route import Route
from telephony.errors import RemoteProtocolError
from telephony.events import CallStarted
from telephony.outcome import NotAnswered

log = logging.getLogger(__name__)

OURS: Final = "internal error"
_GOODBYE_S: Final = 15.0
"""So long a call may last beyond its longest for its last words to be heard."""


class Switchboard:
    """What all calls share. A wire makes a leg of what reached it, takes a line, and has it carried here."""

    def __init__(self, settings: Settings, engines: Resources, metrics: Metrics, lines: Lines) -> None:
        self.settings, self.engines, self.metrics, self.lines = settings, engines, metrics, lines

    async def carry(self, leg: OpeningLeg, *, wire: str) -> None:
        """Carry one call over `leg` and close it. The caller of this holds a line of `lines`.

        `wire`: what the metrics and the log call it.
        """
        with self.metrics.calls.labels(wire).track_inprogress():
            await self._answer(leg, wire)

    async def _answer(self, leg: OpeningLeg, wire: str) -> None:
        fault, code = "", WSCloseCode.OK
        try:
            started = await leg.start(self.settings.start_timeout)
            logs.call_id.set(started.call_id)
            engines, settings, route = self._casting(started, wire)
            way = (started.caller or "?", started.callee or "?", wire, f", {route}" if route else "")
            log.info("call from %s to %s over %s%s", *way)
            reason = await self._run(leg, started, wire, engines, settings)
            if self.lines.draining:
                code = WSCloseCode.GOING_AWAY
        except NotAnswered as error:
            reason = str(error)
        except RemoteProtocolError as error:
            reason, fault, code = str(error), "remote", WSCloseCode.PROTOCOL_ERROR
        except LegLost as error:
            reason, fault, code = str(error), "ours", WSCloseCode.INTERNAL_ERROR
        except Exception:  # our fault or a plug-in's: it must not take the server with it
            log.exception("call failed")
            reason, fault, code = OURS, "ours", WSCloseCode.INTERNAL_ERROR
        self.metrics.ended.labels(wire, fault).inc()
        log.info("call ended: %s", reason)
        await leg.close(reason, code=code)

    def _casting(self, started: CallStarted, wire: str) -> tuple[Resources, Settings, Route | None]:
        """Return what this call is answered with, and the route that says so."""
        ringing = Ringing(
            wire=wire,
            callee=started.callee,
            caller=started.caller,
            direction=started.direction,
            parameters=started.parameters,
        )
        route = choose(self.settings.route, ringing)
        if route is None:
            return self.engines, self.settings, None
        profile = self.engines.profiles[route.number - 1]
        return self.engines.with_profile(profile), profile.settings, route

    async def _run(
        self, leg: OpeningLeg, started: CallStarted, wire: str, engines: Resources, settings: Settings
    ) -> str:
        denoising = await self.engines.open_denoising()
        try:
            call = make_call(
                leg,
                started,
                engines=engines,
                settings=settings,
                metrics=self.metrics.call(wire, started.format),
                denoising=denoising,
            )
            longest_s = settings.max_call_duration
            too_long = f"the call reached {longest_s:g} s"
            loop = asyncio.get_running_loop()
            timer = loop.call_later(longest_s, call.finish, too_long)
            last = loop.call_later(longest_s + _GOODBYE_S, call.stop, too_long)  # whoever cannot be told goodbye
            unwatch = leg.watch(call.stop)
            self.lines.calls.add(call)
            try:
                return await call.run()
            finally:
                self.lines.calls.discard(call)
                unwatch()
                timer.cancel()
                last.cancel()
        finally:
            if denoising:
                self.metrics.denoiser_bypassed_ms.labels(wire).inc(denoising.bypassed_ms)
                denoising.close()
