"""Carries the calls of all wires, from the first message to the end. A fault in one call ends no other."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from typing import Final

from bridge import logs
from bridge.admission.lines import Lines
from bridge.admission.load import Load
from bridge.capture.call_capture import CallCapture
from bridge.capture.captured_call import CapturedCall, CarriedCall
from bridge.capture.event_log import EventLog
from bridge.capture.wire_records import WireRecords
from bridge.containment import contained
from bridge.leg import HangupCause, Leg, LegLost, OpeningLeg
from bridge.logs import short
from bridge.metrics import Metrics
from bridge.monitoring.watched_calls import WatchedCall, WatchedCalls, WatchedLeg
from bridge.observer import CallObserver, Observers, RecordingSwitch
from bridge.outbound.consultation import Consultation
from bridge.outbound.dialler import Dialler
from bridge.outbound.overheard import OverheardLeg, Overhearing
from bridge.outbound.warm_transfer import WarmTransferLeg
from bridge.recording.recorded_leg import RecordedLeg
from bridge.recording.recorder import CallRecording
from bridge.recording.recordings import Recordings
from bridge.records.call_log import CallLog, facts, no_call_log
from bridge.records.journal import Journal
from bridge.records.recorded_call import recorded
from bridge.server.call_factory import make_call, standing_of
from bridge.server.resources import Resources
from bridge.server.routing import Ringing, choose
from bridge.settings import Settings
from bridge.settings.route import Route
from bridge.speech.denoising import Denoising
from bridge.tracing.tracing import Tracing
from telephony.errors import RemoteProtocolError
from telephony.events import CallStarted
from telephony.outcome import NotAnswered

log = logging.getLogger(__name__)

OURS: Final = "internal error"
_GOING: Final = "the server is shutting down"
_NUMBER_CHARS: Final = 100
_REASON_CHARS: Final = 300
_GOODBYE_S: Final = 15.0
"""What a call gets beyond its longest, so that its last words are heard."""


_Serve = Callable[[OpeningLeg, CallStarted], Awaitable[str]]


class Switchboard:
    """What all calls share. A wire makes a leg of what reached it, takes a line, and hands the leg over to `carry`."""

    def __init__(
        self,
        settings: Settings,
        resources: Resources,
        metrics: Metrics,
        lines: Lines,
        load: Load,
        *,
        call_log: CallLog | None = None,
        tracing: Tracing | None = None,
        recordings: Recordings | None = None,
        wire_records: WireRecords | None = None,
        dialler: Callable[[], Dialler | None] = lambda: None,
        watched_calls: WatchedCalls | None = None,
    ) -> None:
        """`call_log` keeps what happens on the calls, `recordings` their sound, `wire_records` all that they are made
        of, `tracing` traces them; None does not.
        `dialler` returns what places calls, which is made after this. `watched_calls` has the calls with a record while
        they last."""
        self._watched_calls, self._recordings = watched_calls or WatchedCalls(), recordings
        self._wire_records = wire_records
        self._call_log, self._tracing = call_log or no_call_log(), tracing or Tracing()
        self.settings, self.resources, self.metrics, self.lines, self.load = settings, resources, metrics, lines, load
        self._dialler = dialler

    def answer_with(self, settings: Settings, resources: Resources) -> None:
        """Answer new calls by these; those on the line keep theirs. Engines and limits stay as they were."""
        self.settings, self.resources = settings, resources

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        """Carry one call over `leg` and hang up. Whoever calls this holds a line of `lines`.

        `wire`: what the metrics and the log call it. `peer`: the address it came from, for the log.
        """
        kept = leg.capabilities.audio_out  # who only wants transcripts leaves no record
        journal = (self._call_log if kept else no_call_log()).open(self.metrics.answers(wire))
        observer = Observers(journal, self._tracing.open(journal.record)) if kept else CallObserver()
        converse = partial(self._converse, wire=wire, peer=peer, observer=observer, journal=journal)
        await self._carry(leg, converse, wire=wire, peer=peer, observer=observer)

    async def consult(self, leg: OpeningLeg, wire: str, meeting: Consultation) -> None:
        """Carry a call to somebody who is asked whether they take a caller of ours, as `carry` does."""

        async def meet(leg: OpeningLeg, started: CallStarted) -> str:
            log.info("%s is asked over %s", short(started.callee or "?", _NUMBER_CHARS), wire)
            return await meeting.carry(leg, started, self.metrics.call(wire, started.format))

        await self._carry(leg, meet, wire=wire, peer="", observer=CallObserver())

    async def _carry(self, leg: OpeningLeg, serve: _Serve, *, wire: str, peer: str, observer: CallObserver) -> None:
        with self.metrics.calls.labels(wire).track_inprogress():
            async with leg:
                await self._answer(leg, serve, wire, peer, observer)

    async def _answer(self, leg: OpeningLeg, serve: _Serve, wire: str, peer: str, observer: CallObserver) -> None:
        fault, cause, begun = "", HangupCause.NORMAL, False
        try:
            started = await leg.start(self.settings.start_timeout)
            logs.call_id.set(started.call_id)
            begun = True
            self.metrics.started.labels(wire).inc()
            reason = _GOING if self.lines.ending else await serve(leg, started)
            if self.lines.ending:
                cause = HangupCause.GOING_AWAY
        except NotAnswered as error:
            reason = str(error)
        except RemoteProtocolError as error:
            reason, fault, cause = str(error), "remote", HangupCause.PROTOCOL_ERROR
        except LegLost as error:
            reason, fault, cause = str(error), "ours", HangupCause.INTERNAL_ERROR
        except Exception:  # our fault or a plug-in's: it must not take the server with it
            log.exception("call failed")
            reason, fault, cause = OURS, "ours", HangupCause.INTERNAL_ERROR
        except asyncio.CancelledError:  # whoever carries it is ended: `leg` closes behind us
            self.metrics.ended.labels(wire, "" if self.lines.ending else "ours").inc()
            observer.ended("cut off", fault="" if self.lines.ending else "ours")
            log.info("call ended: cut off")
            raise
        self.metrics.ended.labels(wire, fault).inc()
        if begun:
            observer.ended(reason, fault=fault)
        log.info("call ended: %s%s", short(reason, _REASON_CHARS), "" if begun or not peer else f", peer {peer}")
        await leg.close(reason, cause=cause)

    async def _converse(
        self,
        leg: OpeningLeg,
        started: CallStarted,
        *,
        wire: str,
        peer: str,
        observer: CallObserver,
        journal: Journal,
    ) -> str:
        resources, settings, route = self._profile_of(started, wire)
        caller, callee = (short(number or "?", _NUMBER_CHARS) for number in (started.caller, started.callee))
        via = (f", {route}" if route else "", f", peer {peer}" if peer else "")
        log.info("call from %s to %s over %s%s%s", caller, callee, wire, *via)
        observer.started(facts(started, settings, wire=wire, route=str(route or ""), peer=peer))
        run = partial(self._run, leg, started, wire, resources, settings, observer=observer, journal=journal)
        if self._recordings is None or not leg.capabilities.audio_out:
            return await run()
        async with recorded(self._recordings, settings, started.format, journal) as recording:
            return await run(recording=recording)

    def _capture(self, settings: Settings, record: str) -> CallCapture | None:
        return self._wire_records.open(settings, record) if self._wire_records else None

    def _line(
        self,
        leg: Leg,
        started: CallStarted,
        wire: str,
        resources: Resources,
        *,
        recording: CallRecording | None,
        overhearing: Overhearing,
    ) -> Leg:
        """Return `leg`, which is recorded by `recording`, and which can ask somebody first where there is a bot to want
        that, and a wire to ask them over."""
        line, dialler = RecordedLeg(leg, recording) if recording else leg, self._dialler()
        if not leg.capabilities.audio_out or leg.capabilities.warm_transfer or not dialler or not dialler.wires:
            return line
        return WarmTransferLeg(
            line,
            started.format,
            wire=wire,
            dialler=dialler,
            serve=self.consult,
            tts=resources.tts,
            overhearing=overhearing,
            recording=recording or RecordingSwitch(),
            unrecorded=leg,
        )

    def _overhearing(
        self, wire: str, resources: Resources, settings: Settings, *, observer: CallObserver, journal: Journal
    ) -> Overhearing:
        """Return what transcribes those who speak with each other on a transfer, as it would callers without a bot."""

        async def transcribe(side: OverheardLeg, told: CallObserver) -> str:
            return await self._run(side, side.started, wire, resources, settings, observer=told, journal=journal)

        return Overhearing(transcribe if settings.transcribe_transfers else None, observer)

    def _listed(self, call: WatchedCall) -> AbstractContextManager[None]:
        """Have `call` among the live ones, where it has a bot: the others leave no record."""
        return self._watched_calls.listed(call) if call.leg.capabilities.audio_out else nullcontext()

    def _profile_of(self, started: CallStarted, wire: str) -> tuple[Resources, Settings, Route | None]:
        """Return what answers this call, and the route that says so; None where no route does."""
        ringing = Ringing(
            wire=wire,
            callee=started.callee,
            caller=started.caller,
            direction=started.direction,
            parameters=started.parameters,
        )
        route = choose(self.settings.route, ringing)
        if route is None:
            return self.resources, self.settings, None
        profile = self.resources.profiles[route.number - 1]
        return self.resources.with_profile(profile), profile.settings, route

    async def _run(
        self,
        leg: OpeningLeg,
        started: CallStarted,
        wire: str,
        resources: Resources,
        settings: Settings,
        *,
        observer: CallObserver,
        journal: Journal,
        recording: CallRecording | None = None,
    ) -> str:
        async with self._denoising(leg, wire) as denoising:
            switch = recording or RecordingSwitch()
            watched = WatchedLeg(leg, started.format, secret=lambda: switch.secret)
            overhearing = self._overhearing(wire, resources, settings, observer=observer, journal=journal)
            line = self._line(watched, started, wire, resources, recording=recording, overhearing=overhearing)
            capture = self._capture(settings, journal.record) if leg.capabilities.audio_out else None
            if capture:
                observer = Observers(observer, EventLog(capture))
            with contained("the bot"):
                session = make_call(
                    leg,
                    started,
                    line=line,
                    recording=switch,
                    resources=resources,
                    settings=settings,
                    metrics=self.metrics.call(wire, started.format, observer),
                    denoising=denoising,
                    load=self.load,
                    capture=capture,
                )
            call = CapturedCall(session, capture) if capture else session
            with self._bounded(call, leg, longest_s=settings.max_call_duration):
                try:
                    live = self._call_log.live.operated(observer.record, call)
                    async with overhearing:
                        with live, self._listed(WatchedCall(watched, journal)):
                            return await call.run()
                finally:
                    if call.stopped:
                        observer.stopped()

    @asynccontextmanager
    async def _denoising(self, leg: Leg, wire: str) -> AsyncIterator[Denoising | None]:
        """Yield what denoises the audio of `leg`, where it is wanted; what was heard as it came is counted."""
        standing = standing_of(leg)
        denoising = await self.resources.open_denoising(lambda: self.load.spares_denoising(standing()))
        try:
            yield denoising
        finally:
            if denoising:
                self.metrics.denoiser_bypassed_ms.labels(wire).inc(denoising.bypassed_ms)
                denoising.close()

    @contextmanager
    def _bounded(self, call: CarriedCall, leg: OpeningLeg, *, longest_s: float) -> Iterator[None]:
        """Let `call` be ended from outside: by the server, by the silence of its peer, and once it has its longest."""
        too_long = f"the call reached {longest_s:g} s"
        loop = asyncio.get_running_loop()
        timer = loop.call_later(longest_s, call.finish, too_long)
        last = loop.call_later(longest_s + _GOODBYE_S, call.stop, too_long)  # whoever cannot be told goodbye
        unwatch = leg.watch(call.stop)
        self.lines.calls.add(call)
        if self.lines.draining:  # since it took its line
            call.drain()
        try:
            yield
        finally:
            self.lines.calls.discard(call)
            unwatch()
            timer.cancel()
            last.cancel()
