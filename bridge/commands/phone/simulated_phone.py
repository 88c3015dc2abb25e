"""A simulated phone: a caller, on the Twilio wire or another line, for tests, load and the development of bots.

It sends 20 ms frames on absolute deadlines. It models the carrier's playout buffer: marks come back when they are
played, all of them at once after a clear. It keeps a timeline and the audio of both sides of the call.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
from yarl import URL

from bot.api import Samples
from bridge.commands.phone.background_sound import BackgroundSound
from bridge.commands.phone.call_record import CallRecord, Moment
from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS, CarrierBuffer, GapWatch, is_voiced
from bridge.commands.phone.carrier_lines import CALLED_AS
from bridge.commands.phone.line_faults import Fault, LineFaults
from bridge.commands.phone.pbx_lines import PBX_WIRES, asked_at
from bridge.commands.phone.phone_line import PhoneLine
from bridge.containment import cancelled
from telephony.events import Clear, Mark, Play, Transcript

SILENCE: Final = b"\xff" * FRAME_BYTES


class SimulatedPhone:
    """One call in progress, made by `dial` or `on_line`. Speak with `say`; what the bot says goes into `record`."""

    def __init__(self, line: PhoneLine, *, fault: Fault = Fault.NONE, call_id: str = "") -> None:
        """`call_id`: what the server calls the call."""
        self.line, self.call_id = line, call_id
        self.record = CallRecord()
        self.fault = fault
        self.closed = asyncio.Event()
        self._faults = LineFaults(fault, garbage=line.garbage)
        self._buffer, self._gaps = CarrierBuffer(), GapWatch()
        self._to_say = bytearray()
        self._said = asyncio.Event()
        self._babble = b""
        self._background: BackgroundSound | None = None
        self._said_in_all = 0  # length of `_to_say` when `say` was called, bytes
        self._began = asyncio.get_running_loop().time()
        self._speaking = False  # the caller hears the bot
        self._quiet_ms = 0.0  # when the caller last heard the bot
        self._changed = asyncio.Event()

    @property
    def now_ms(self) -> float:
        """Milliseconds since the call began."""
        return (asyncio.get_running_loop().time() - self._began) * 1000

    @property
    def speaking(self) -> bool:
        """True while the caller hears the bot."""
        return self._speaking

    async def say(self, mulaw: bytes) -> float:
        """Say a recording, mu-law at 8 kHz; return when its last frame left or the call ended, by `now_ms`."""
        self._to_say += mulaw
        self._said_in_all = len(self._to_say)
        self._note("speech-begins")
        if not self.closed.is_set():
            self._said.clear()
        await self._said.wait()
        return self.now_ms

    def babble(self, mulaw: bytes) -> None:
        """Say `mulaw` again and again, as long as the call lasts."""
        self._babble = mulaw

    def put_behind(self, sound: Samples | None) -> None:
        """Have `sound`, float32 at 8 kHz, heard behind the caller from now on, again and again; None: nothing."""
        self._background = None if sound is None else BackgroundSound(sound)

    async def until(self, happened: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Wait until `happened` is true; it is asked after each event and each frame.

        Raises:
            TimeoutError: it is not true after `timeout_s`.
        """
        async with asyncio.timeout(timeout_s):
            while not happened():
                self._changed.clear()
                await self._changed.wait()

    async def until_heard(self, *, after_ms: float, timeout_s: float = 10.0) -> float:
        """Wait until the caller begins to hear the bot, at or after `after_ms`; return when.

        Raises:
            TimeoutError: the bot is not heard within `timeout_s`.
        """
        await self.until(lambda: self.record.first("audio-heard", after_ms=after_ms) is not None, timeout_s=timeout_s)
        return self.record.first("audio-heard", after_ms=after_ms) or 0.0

    async def until_silent(self, *, for_ms: float = 500.0, timeout_s: float = 30.0) -> None:
        """Wait until the bot was silent for `for_ms` and has nothing left to play.

        Raises:
            TimeoutError: it speaks on for `timeout_s`.
        """
        await self.until(
            lambda: not self._speaking and not self._unheard and self.now_ms - self._quiet_ms >= for_ms,
            timeout_s=timeout_s,
        )

    @property
    def _unheard(self) -> bool:
        return bool(self._buffer.buffered_ms) and not self.line.steady

    async def press(self, digit: str) -> None:
        """Press a key: one of 0-9 * #."""
        await self.line.press(digit)

    async def hang_up(self) -> None:
        """Put the phone down."""
        await self.line.hang_up()

    def abort(self) -> None:
        """Break the connection, without a message."""
        self.line.abort()

    # ------------------------------------------------------------ the two tasks of a call

    async def speak(self) -> None:
        """Send a frame of speech or silence every 20 ms, until cancelled."""
        loop, chunk = asyncio.get_running_loop(), 0
        while True:
            due = self._began + chunk * FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.record.late_ms.append((loop.time() - due) * 1000)
            chunk += 1
            if not self._to_say:
                self._to_say += self._babble
            frame = bytes(self._to_say[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\xff") if self._to_say else SILENCE
            if self._to_say:
                del self._to_say[:FRAME_BYTES]
                if not self._to_say:
                    self._note("speech-ends")
                    self._said.set()
            if self._background:
                frame = self._background.mix(frame)
            await self._send_frame(frame, chunk)
            self.record.caller += frame
            await self._hear()

    async def _send_frame(self, frame: bytes, chunk: int) -> None:
        if self.fault is Fault.ABRUPT and self._to_say and len(self._to_say) < self._said_in_all // 2:
            self.abort()
            return
        for arrived in self._faults.carry(self.line.media(frame, chunk), chunk=chunk):
            await self.line.send(arrived)

    async def listen(self) -> None:
        """Take what the server sends, until it hangs up."""
        async for told in self.line.receive():
            match told:
                case Play(payload):
                    self._buffer.play(payload)
                    self._note("audio-received", str(self._buffer.buffered_ms))
                case Mark(name):
                    self._buffer.mark(name)
                case Clear():
                    self._note("clear", str(self._buffer.buffered_ms))
                    await self._echo(self._buffer.clear())
                    self._gaps.cleared()
                case Transcript(text, final=final):
                    self._note("final" if final else "partial", text)
        self.record.close_code = self.line.close_code
        self._note("closed", str(self.line.close_code))
        self.closed.set()
        self._said.set()  # nobody hears the rest

    async def _hear(self) -> None:
        frame, marks = self._buffer.tick()
        voiced = is_voiced(frame)
        silent = not voiced if self.line.steady else not frame
        if voiced and not self._speaking:
            self._note("audio-heard")
        elif self._speaking and silent:
            self._note("silence")
        gap_ms = self._gaps.hear(frame, at_mark=bool(marks), now_ms=self.now_ms)
        if gap_ms is not None and (voiced or not self.line.steady):
            self._note("gap", f"{gap_ms:.0f} ms")
        if voiced:
            self._speaking = True
        elif silent:
            self._speaking = False
        if not silent:
            self._quiet_ms = self.now_ms
        self.record.bot += frame.ljust(FRAME_BYTES, b"\xff")
        await self._echo(marks)
        self._changed.set()

    async def _echo(self, marks: list[str]) -> None:
        for name in marks:
            self._note("mark", name)
            await self.line.played(name)

    def _note(self, what: str, detail: str = "") -> None:
        self.record.timeline.append(Moment(self.now_ms, what, detail))
        self._changed.set()


@asynccontextmanager
async def dial(
    url: str,
    *,
    call_sid: str = "CA00000000000000000000000000000001",
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    fault: Fault = Fault.NONE,
    tls: ssl.SSLContext | bool = True,
    wire: str = "twilio",
) -> AsyncIterator[SimulatedPhone]:
    """Call `url`, an address where `wire` is answered, as /twilio/stream; hang up at the end of the block.

    `parameters`: custom parameters of the stream, where the wire tells them. `headers`: of the WebSocket request.
    `tls`: who is believed to be the server. `wire`: a name in CALLED_AS or PBX_WIRES; each has an address of its own.

    Raises:
        aiohttp.ClientError: the server is not there or refuses the call.
    """
    told = parameters or {}
    if wire in CALLED_AS and (naming := CALLED_AS[wire].headers(call_sid)):
        url, headers = str(URL(url).extend_query(told)), {**(headers or {}), **naming}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            asked_at(url, wire),
            headers=headers,
            protocols=_subprotocols(wire),
            compress=0,
            max_msg_size=1 << 24,
            ssl=tls,
        ) as socket,
    ):
        line, call_id = await _begun(socket, wire, call_sid, told)
        async with on_line(line, fault=fault, call_id=call_id) as phone:
            yield phone


def _subprotocols(wire: str) -> Sequence[str]:
    return PBX_WIRES[wire].subprotocols if wire in PBX_WIRES else ()


async def _begun(
    socket: aiohttp.ClientWebSocketResponse, wire: str, call_sid: str, parameters: Mapping[str, str]
) -> tuple[PhoneLine, str]:
    """Announce the call; return its line, and what the server calls it."""
    if wire in PBX_WIRES:
        other = PBX_WIRES[wire].line(socket, call_sid)
        await other.begin()
        return other, other.ident
    line = CALLED_AS[wire].line(socket, call_sid=call_sid)
    await line.begin(parameters)
    return line, call_sid


@asynccontextmanager
async def on_line(line: PhoneLine, *, fault: Fault = Fault.NONE, call_id: str = "") -> AsyncIterator[SimulatedPhone]:
    """Call over `line`, on which the call has been announced; hang up at the end of the block."""
    phone = SimulatedPhone(line, fault=fault, call_id=call_id)
    tasks = [asyncio.create_task(phone.listen()), asyncio.create_task(phone.speak())]
    try:
        yield phone
    finally:
        tasks[1].cancel()
        if fault is Fault.NO_STOP:
            async with asyncio.timeout(30):
                await phone.closed.wait()  # it is the server's turn to notice
        with suppress(ConnectionError):
            await line.hang_up()
        await line.close()
        await cancelled(*tasks)
