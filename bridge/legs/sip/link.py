"""Keeps the SIP process at work: its calls are carried by the switchboard, its death ends them, it is started again."""

import asyncio
import itertools
import logging
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from bridge.call.lines import Busy, Carrier
from bridge.legs.sip.leg import SipLeg
from bridge.legs.sip.options import StackOptions
from telephony.sip import FrameError, Frames, Kind, SipProtocol, fields, frame, on_the_wire, split

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "bridge.legs.sip.process")
_WIRE: Final = "sip"
_START_S: Final = 20.0
_END_S: Final = 8.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0
"""Seconds of service after which a death is an accident, and the next start comes after the first pause again."""
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
        command: Sequence[str] = _COMMAND,
    ) -> None:
        """`idle_s`: silence of the process after which a call is lost; `send_s`: it may leave frames unread so long."""
        self._options, self._carrier, self._metrics = options, carrier, carrier.metrics.sip
        self._idle_s, self._send_s, self._command = idle_s, send_s, command
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._legs: dict[int, SipLeg] = {}
        self._even = itertools.count(2, 2)  # the process numbers inbound calls oddly
        self._outcome: asyncio.Future[None]
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._ready_s = 0.0

    @property
    def ready(self) -> bool:
        """Whether calls can come in and go out."""
        return self._writer is not None

    @property
    def pid(self) -> int | None:
        """Of the process at work."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process; return when it listens.

        Raises:
            SipUnavailable: it does not, and why; it is not tried again.
        """
        self._outcome = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())
        await asyncio.wait((self._outcome, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not self._outcome.done():
            self._task.result()  # a fault of ours: let it surface
        self._outcome.result()

    async def close(self) -> None:
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

    # ------------------------------------------------------------ the process

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._tasks:
            while True:
                error = await self._live()
                if not self._outcome.done():
                    self._outcome.set_exception(SipUnavailable(error))
                    return
                if loop.time() - self._ready_s > _STEADY_S:
                    pause_s = _FIRST_PAUSE_S
                self._metrics.restarts.inc()
                log.error("%s; it is started again in %g s", error, pause_s)
                await asyncio.sleep(pause_s)  # a port that is taken, or a crash at start, must not spin
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _live(self) -> str:
        """Serve with one process from its start to its end; return why it ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = process = await asyncio.to_thread(
                subprocess.Popen,
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        why = "the SIP process died"
        try:
            writer.write(on_the_wire([frame(Kind.OPTIONS, 0, self._options.to_json())]))
            why = await self._serve(reader, writer) or why
        except TimeoutError:
            why = f"the SIP process was not ready within {_START_S:g} s"
        except ConnectionError:
            pass  # so ends one that dies with something of ours unread
        except FrameError as error:
            why = f"the SIP process broke: {error}"
        finally:
            self._writer = None
            self._metrics.up.set(0)
            for leg in self._legs.values():
                leg.lose(why)
            self._legs.clear()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            await _end(process)
        return f"{why} (exit status {process.returncode})" if process.returncode else why

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Hand out frames until there are no more; return why, "" where it did not say."""
        frames = Frames()
        async with asyncio.timeout(_START_S) as start:
            while data := await reader.read(_READ):
                for received in frames.feed(data):
                    kind, number, body = split(received)
                    if kind is Kind.FAILED:
                        return str(fields(body).get("reason", ""))
                    if kind is Kind.READY:
                        start.reschedule(None)
                        self._begin(writer)
                    else:
                        self._take(kind, number, body, received)
        return ""

    def _begin(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self._ready_s = writer, asyncio.get_running_loop().time()
        self._metrics.up.set(1)
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
                self._carrier.metrics.refused.labels("rate").inc()
            case Kind.LOG:
                told = fields(body)
                level = told.get("level")
                log.log(level if isinstance(level, int) else logging.WARNING, "%s", told.get("text"))
            case _:
                if leg := self._legs.get(number):
                    leg.feed(received)

    def _registered(self, told: Mapping[str, object]) -> None:
        self._metrics.registered.set(bool(told.get("ok")))
        if told.get("ok"):
            log.info("registered with the trunk: %s", told.get("text"))
        else:
            log.warning("the trunk does not register us: %s", told.get("text"))

    async def _answer(self, number: int, leg: SipLeg) -> None:
        try:
            with self._carrier.lines.take():
                await self._carrier.carry(leg, wire=_WIRE)
        except Busy as busy:
            self._carrier.metrics.refused.labels("busy").inc()
            await leg.close(str(busy))
        finally:
            if self._legs.get(number) is leg:  # the next process gives the same numbers
                del self._legs[number]

    def _leg(self, number: int, protocol: SipProtocol) -> SipLeg:
        leg = self._legs[number] = SipLeg(protocol, post=self._post, room=self._room, idle_s=self._idle_s)
        return leg

    def _post(self, data: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(data)

    def _flush(self) -> None:
        if self._writer and self._waiting:
            self._writer.write(on_the_wire(self._waiting))
        self._waiting.clear()

    async def _room(self) -> None:
        """Wait until the process takes more; one that takes nothing for `send_s` is stuck, and ended."""
        if (writer := self._writer) is None:
            return
        try:
            async with asyncio.timeout(self._send_s):
                await writer.drain()
        except ConnectionError:
            pass  # its reader hears of it and ends the calls
        except TimeoutError:
            log.error("the SIP process has not read for %g s and is ended", self._send_s)
            if self._process and self._process.poll() is None:
                self._process.kill()


async def _end(process: subprocess.Popen[bytes]) -> None:
    """Return when it is gone: it ends by itself once its socket is closed."""
    try:
        await asyncio.to_thread(process.wait, _END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
