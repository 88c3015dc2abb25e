"""Keeps the SIP process at work: hands its calls on, ends them when it dies, and starts it again."""

import asyncio
import itertools
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

from bridge.admission.lines import Busy, Carrier
from bridge.admission.refusals import Refusals, Why
from bridge.backoff import Backoff
from bridge.legs.sip import child
from bridge.legs.sip.frame_writer import FrameWriter
from bridge.legs.sip.leg import SipLeg
from bridge.legs.sip.options import StackOptions
from bridge.legs.sip.pulse import Pulse
from bridge.timeouts import timeout
from telephony.sip import SipProtocol
from telephony.sip_frames import FrameError, Frames, Kind, fields, frame, on_the_wire, split

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "bridge.legs.sip.process")
_WIRE: Final = "sip"
_START_S: Final = 20.0
_FIRST_PAUSE_S: Final = 0.2
_STEADY_S: Final = 60.0
"""After so much service a death is an accident, and the next start comes soon."""
_FROZEN_S: Final = 10.0
"""A process that says nothing for so long, though it is asked to, is killed."""
_READ: Final = 1 << 18


class SipUnavailable(OSError):
    """The SIP stack does not start; the text says why."""


class SipLink:
    """The bridge's SIP side: one process, its calls, and those we make through it."""

    def __init__(
        self,
        options: StackOptions,
        carrier: Carrier,
        *,
        idle_s: float,
        send_s: float,
        frozen_s: float = _FROZEN_S,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        """`frozen_s`: a process that says nothing for so long is killed; `idle_s`: a call is lost when the process is
        silent for so long; `send_s`: how long it may read nothing."""
        self.options = self._told = options
        self._carrier, self._metrics = carrier, carrier.metrics.sip
        self._idle_s, self._send_s, self._frozen_s, self._command = idle_s, send_s, frozen_s, command
        self._process: subprocess.Popen[bytes] | None = None
        self._to_process: FrameWriter | None = None  # to the process, while it is ready
        self._legs: dict[int, SipLeg] = {}
        self._even = itertools.count(2, 2)  # the process numbers inbound calls oddly
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # of the first start
        self._tasks = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self._refusals = Refusals(carrier.metrics.kept_out)
        self._backoff = Backoff(_FIRST_PAUSE_S, steady_s=_STEADY_S)
        self._why = "the SIP process is not there yet"  # why there is none at work

    @property
    def ready(self) -> bool:
        """True while calls can come in and go out."""
        return self._to_process is not None

    @property
    def trouble(self) -> str:
        """Why calls cannot come in and go out, in words; "" while they can."""
        again = "nothing starts it any more" if self.beyond_repair else "it is being started again"
        return "" if self.ready else f"{self._why.partition(': ')[0]}; {again}: {self._why}"

    @property
    def beyond_repair(self) -> bool:
        """True once the process is not started again any more: a fault of ours."""
        return self._task is not None and self._task.done()

    @property
    def pid(self) -> int | None:
        """The process at work; None before the first start."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        """Start the process; return when it listens.

        Raises:
            SipUnavailable: it does not start; it is not tried again.
        """
        self._task = asyncio.create_task(self._run())
        await asyncio.wait((self._outcome, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not self._outcome.done():
            self._task.result()  # a fault of ours: let it surface
        self._outcome.result()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End the process and what calls it has left."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def dial(self, target: str, headers: Mapping[str, str] | None = None) -> SipLeg:
        """Return the leg of a call to `target`: a SIP address, or a number where there is a trunk. `start` rings it.

        Raises:
            SipUnavailable: the process is being started again.
        """
        if not self.ready:
            raise SipUnavailable("the SIP process is being started again")
        number = next(self._even)
        return self._leg(number, SipProtocol(number, dial=target, headers=headers))

    def renew(self, options: StackOptions) -> None:
        """Go on with the certificate and the passwords of `options`: new connections, new calls, later starts."""
        self.options = options
        self._post(frame(Kind.RENEW, 0, options.to_json()))

    # ------------------------------------------------------------ the process

    async def _run(self) -> None:
        try:
            await self._stay_at_work()
        except Exception as error:  # a fault of ours: /healthz tells of it, calls over other wires go on
            self._why = f"the SIP link has failed: {error!r}"
            log.exception("the SIP link has failed, and no more calls come over SIP")
            raise

    async def _stay_at_work(self) -> None:
        clock_s = asyncio.get_running_loop().time
        async with self._tasks:
            while True:
                error = self._why = await self._live()
                if not self._outcome.done():
                    self._outcome.set_exception(SipUnavailable(error))
                    return
                pause_s = self._backoff.failed(clock_s())
                self._metrics.restarts.inc()
                log.error("%s; it is started again in %g s", error, pause_s)
                await asyncio.sleep(pause_s)  # a port that is taken, or a crash at start, must not spin

    async def _live(self) -> str:
        """Serve with one process from its start to its end; return why it ended."""
        try:
            reader, writer, process = await child.begin(self._command)
        except OSError as error:  # no descriptor or no memory is left, for now
            return f"the SIP process cannot be started: {error}"
        self._process, self._told, why = process, self.options, "the SIP process died"
        try:
            writer.write(on_the_wire([frame(Kind.OPTIONS, 0, self.options.to_json())]))
            why = await self._serve(reader, writer) or why
        except TimeoutError:
            why = f"the SIP process was not ready within {_START_S:g} s"
        except ConnectionError:
            pass  # so ends one that dies with something of ours unread
        except FrameError as error:
            why = f"the SIP process broke: {error}"
        finally:
            self._to_process = None
            self._metrics.up.set(0)
            for leg in self._legs.values():
                leg.lose(why)
            self._legs.clear()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await child.end(process)
        return f"{why} (exit status {process.returncode})" if process.returncode else why

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Hand out frames until there are no more; return why, "" where the process did not say."""
        why, pulse = "", Pulse(self._frozen_s, lambda: self._post(frame(Kind.PING)), self._kill)
        try:
            async with pulse, timeout(_START_S) as start:
                why = await self._hand_out(reader, writer, pulse, start)
        except ConnectionError:
            if not pulse.stopped:
                raise
        return f"the SIP process said nothing for {self._frozen_s:g} s and was killed" if pulse.stopped else why

    async def _hand_out(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pulse: Pulse, start: timeout
    ) -> str:
        frames = Frames()
        while data := await reader.read(_READ):
            pulse.beat()
            for received in frames.feed(data):
                kind, number, body = split(received)
                if kind is Kind.FAILED:
                    return str(fields(body).get("reason", ""))
                if kind is Kind.READY:
                    start.unlimited()
                    self._begin(writer)
                    pulse.start()
                elif kind is not Kind.PONG:
                    self._take(kind, number, body, received)
        return ""

    def _kill(self) -> None:
        if self._process:
            self._metrics.frozen.inc()
            self._process.kill()

    def _begin(self, writer: asyncio.StreamWriter) -> None:
        self._to_process = FrameWriter(writer)
        self._backoff.ready(asyncio.get_running_loop().time())
        self._metrics.up.set(1)
        if self._told != self.options:  # they were renewed while it started
            self.renew(self.options)
        if self._outcome.done():
            log.warning("the SIP process is back")
        else:
            self._outcome.set_result(None)

    # ------------------------------------------------------------ frames

    def _take(self, kind: Kind, number: int, body: bytes, received: bytes) -> None:
        match kind:
            case Kind.INCOMING:
                # The leg is there at once: the end of the call may lie behind its beginning already.
                self._tasks.create_task(self._answer(number, self._leg(number, SipProtocol(number))))
            case Kind.ENDED:
                self._metrics.ended(fields(body).get("statistics"))
                if leg := self._legs.pop(number, None):
                    leg.ended(received)
            case Kind.REGISTERED:
                self._registered(fields(body))
            case Kind.REFUSED:
                self._refused(fields(body))
            case Kind.LATCHED:
                told = fields(body)
                self._metrics.latched.inc()
                log.info(
                    "audio comes from %s, not from %s: it is answered there", told.get("source"), told.get("named")
                )
            case Kind.LOG:
                told = fields(body)
                level = told.get("level")
                log.log(level if isinstance(level, int) else logging.WARNING, "%s", told.get("text"))
            case _:
                if leg := self._legs.get(number):
                    leg.feed(received)

    def _refused(self, told: Mapping[str, object]) -> None:
        """Count a caller whom the process has refused by itself: by too many calls a second, or by a password."""
        reason = str(told.get("reason", ""))
        self._carrier.metrics.refused.labels(reason).inc()
        if reason in {Why.PASSWORD, Why.GUESSES}:
            peer, detail = str(told.get("peer", "")), str(told.get("detail", ""))
            self._refusals.note(_WIRE, Why(reason), peer=peer, detail=detail)

    def _registered(self, told: Mapping[str, object]) -> None:
        ok, text = bool(told.get("ok")), told.get("text")
        self._metrics.registered.set(ok)
        if ok:
            log.info("registered with the trunk: %s", text)
        else:
            log.warning("the trunk does not register us: %s", text)

    async def _answer(self, number: int, leg: SipLeg) -> None:
        try:
            with self._carrier.lines.take():
                await self._carrier.carry(leg, wire=_WIRE)
        except Busy as busy:
            self._carrier.metrics.refused.labels(busy.reason).inc()
            await leg.refuse(str(busy))
        finally:
            if self._legs.get(number) is leg:  # the next process gives the same numbers
                del self._legs[number]

    def _leg(self, number: int, protocol: SipProtocol) -> SipLeg:
        leg = self._legs[number] = SipLeg(protocol, post=self._post, room=self._room, idle_s=self._idle_s)
        return leg

    def _post(self, data: bytes) -> None:
        if self._to_process:
            self._to_process.post(data)

    async def _room(self) -> None:
        """Wait until the process takes more; kill it where it takes nothing for `send_s`."""
        if (out := self._to_process) is None:
            return
        try:
            async with timeout(self._send_s):
                await out.drain()
        except ConnectionError:
            pass  # its reader hears of it and ends the calls
        except TimeoutError:
            log.error("the SIP process has not read for %g s and is ended", self._send_s)
            if self._process:
                self._process.kill()
