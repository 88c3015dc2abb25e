"""The project's own telephone: a caller on the Twilio wire, for tests, load and the development of bots.

It sends 20 ms frames on absolute deadlines, models the carrier's playout buffer (marks come back when played, all of
them at once after a clear), and keeps a timeline and both sides of the call.
"""

import asyncio
import base64
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import aiohttp

FRAME_MS: Final = 20
FRAME_BYTES: Final = 160
SILENCE: Final = b"\xff" * FRAME_BYTES
_VOICED: Final = 0x68
"""A mu-law byte whose low seven bits are below this is louder than about -42 dBFS."""


STUTTER_MS: Final = 1500
"""A shorter pause in the bot's audio is a gap, a longer one the end of what it said."""


class FarEnd:
    """The carrier's playout buffer. Pure: one tick is 20 ms of the caller's ear."""

    def __init__(self) -> None:
        self._queue: deque[bytes | str] = deque()  # audio and, between it, names of marks

    def play(self, payload: bytes) -> None:
        self._queue.append(payload)

    def mark(self, name: str) -> None:
        self._queue.append(name)

    def clear(self) -> list[str]:
        """Drop all audio; return the marks that come back for it."""
        marks = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        return marks

    def tick(self) -> tuple[bytes, list[str]]:
        """Return the next frame heard, empty or short when the buffer runs dry, and the marks that were reached."""
        frame, marks = b"", []
        while self._queue:
            item = self._queue[0]
            if isinstance(item, str):
                marks.append(item)
                self._queue.popleft()
            elif len(frame) < FRAME_BYTES:
                take = FRAME_BYTES - len(frame)
                frame += item[:take]
                self._queue.popleft()
                if item[take:]:
                    self._queue.appendleft(item[take:])
            else:
                break
        return frame, marks

    @property
    def buffered_ms(self) -> int:
        return sum(len(item) for item in self._queue if isinstance(item, bytes)) // 8


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    at_ms: float
    """Since the call began."""
    what: str
    """speech-begins, speech-ends, audio-received, audio-heard, silence, clear, mark, gap, closed."""
    detail: str = ""


@dataclass(slots=True)
class Record:
    """What happened in a call, and what both sides heard: mu-law, 8 kHz, from the same instant."""

    timeline: list[Moment] = field(default_factory=list)
    caller: bytearray = field(default_factory=bytearray)
    bot: bytearray = field(default_factory=bytearray)
    late_ms: list[float] = field(default_factory=list)
    """How late each frame left: the telephone's own honesty."""
    close_code: int | None = None

    def first(self, what: str, *, after_ms: float = 0.0) -> float | None:
        """Return when `what` first happened at or after `after_ms`, None when it did not."""
        return next((m.at_ms for m in self.timeline if m.what == what and m.at_ms >= after_ms), None)

    def count(self, what: str) -> int:
        return sum(moment.what == what for moment in self.timeline)


class Fault(StrEnum):
    """What can be wrong with a caller's line."""

    NONE = "none"
    JITTER = "jitter"  # ten frames arrive together, every 200 ms
    GAPS = "gaps"  # every twentieth frame is lost
    MALFORMED = "malformed"  # twice a second a message is garbage
    ABRUPT = "abrupt"  # the connection breaks in the middle of the first utterance
    NO_STOP = "no-stop"  # the caller is gone, yet nobody says stop and the socket stays open


class Phone:
    """One call in progress. Speak with `say`; whatever the bot says is heard on its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, stream_sid: str, fault: Fault = Fault.NONE) -> None:
        self.record = Record()
        self.fault = fault
        self.closed = asyncio.Event()
        self._socket, self._sid = socket, stream_sid
        self._far_end = FarEnd()
        self._to_say = bytearray()
        self._said = asyncio.Event()
        self._babble = b""
        self._said_in_all = 0  # bytes in `_to_say` when `say` was called
        self._held: list[str] = []  # frames that jitter keeps back
        self._sequence = 1
        self._began = asyncio.get_running_loop().time()
        self._speaking = False  # the bot, at the caller's ear
        self._playing = False  # the newest frame heard was whole
        self._dry_ms: float | None = None  # when the buffer ran dry
        self._at_mark = False  # the newest frame was the last before a mark
        self._quiet_ms = 0.0  # since when the bot is not heard
        self._changed = asyncio.Event()

    @property
    def now_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._began) * 1000

    @property
    def speaking(self) -> bool:
        """True while the bot is heard."""
        return self._speaking

    async def say(self, mulaw: bytes) -> float:
        """Speak a recording (mu-law, 8 kHz); return the call time at which its last frame left, or the call ended."""
        self._to_say += mulaw
        self._said_in_all = len(self._to_say)
        self._note("speech-begins")
        if not self.closed.is_set():
            self._said.clear()
        await self._said.wait()
        return self.now_ms

    def babble(self, mulaw: bytes) -> None:
        """Speak `mulaw` over and over, for as long as the call lasts."""
        self._babble = mulaw

    async def until(self, happened: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Wait until something on the timeline makes `happened` true.

        Raises:
            TimeoutError: nothing did.
        """
        async with asyncio.timeout(timeout_s):
            while not happened():
                self._changed.clear()
                await self._changed.wait()

    async def until_heard(self, *, after_ms: float, timeout_s: float = 10.0) -> float:
        """Wait for the bot to be heard at or after `after_ms`; return when."""
        await self.until(lambda: self.record.first("audio-heard", after_ms=after_ms) is not None, timeout_s=timeout_s)
        return self.record.first("audio-heard", after_ms=after_ms) or 0.0

    async def until_silent(self, *, for_ms: float = 500.0, timeout_s: float = 30.0) -> None:
        """Wait until the bot has not been heard for `for_ms`, with nothing left to play."""
        await self.until(
            lambda: not self._speaking and not self._far_end.buffered_ms and self.now_ms - self._quiet_ms >= for_ms,
            timeout_s=timeout_s,
        )

    async def send(self, event: str, body: Mapping[str, object]) -> None:
        """Send one message of the wire."""
        self._sequence += 1
        await self._socket.send_str(self._message(event, body))

    def _message(self, event: str, body: Mapping[str, object]) -> str:
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._sid, **body}
        return json.dumps(message)

    async def press(self, digit: str) -> None:
        await self.send("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}})

    # ------------------------------------------------------------ the two tasks of a call

    async def speak(self) -> None:
        """Send a frame every 20 ms, speech or silence, until cancelled."""
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
            await self._send_frame(frame, chunk)
            self.record.caller += frame
            await self._hear()

    async def _send_frame(self, frame: bytes, chunk: int) -> None:
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str((chunk - 1) * FRAME_MS)}
        body = {"media": {**media, "payload": base64.b64encode(frame).decode()}}
        match self.fault:
            case Fault.JITTER:
                self._sequence += 1
                self._held.append(self._message("media", body))
                if chunk % 10 == 0:
                    for message in self._held:
                        await self._socket.send_str(message)
                    self._held.clear()
                return
            case Fault.GAPS if chunk % 20 == 0:
                self._sequence += 1
                return
            case Fault.MALFORMED if chunk % 25 == 0:
                await self._socket.send_str('{"event": "media", "media": {"payload": "%%%"}}')
            case Fault.ABRUPT if self._to_say and len(self._to_say) < self._said_in_all // 2:
                self.abort()
                return
        await self.send("media", body)

    def abort(self) -> None:
        """Break the connection without a word."""
        connection = self._socket.get_extra_info("socket")
        if connection is not None:
            connection.shutdown(socket.SHUT_RDWR)

    async def listen(self) -> None:
        """Take what the server sends until the socket closes."""
        async for message in self._socket:
            body = json.loads(message.data)
            match body["event"]:
                case "media":
                    self._far_end.play(base64.b64decode(body["media"]["payload"]))
                    self._note("audio-received", str(self._far_end.buffered_ms))
                case "mark":
                    self._far_end.mark(body["mark"]["name"])
                case "clear":
                    self._note("clear", str(self._far_end.buffered_ms))
                    await self._echo(self._far_end.clear())
                    self._playing, self._dry_ms = False, None
        self.record.close_code = self._socket.close_code
        self._note("closed", str(self._socket.close_code))
        self.closed.set()
        self._said.set()  # nobody hears the rest

    async def _hear(self) -> None:
        frame, marks = self._far_end.tick()
        voiced = sum(byte & 0x7F < _VOICED for byte in frame) > FRAME_BYTES // 8
        if voiced and not self._speaking:
            self._note("audio-heard")
        elif self._speaking and not frame:
            self._note("silence")
        self._watch_buffer(frame, at_mark=bool(marks))
        if voiced:
            self._speaking = True
        elif not frame:
            self._speaking = False
        if voiced or frame:
            self._quiet_ms = self.now_ms
        self.record.bot += frame.ljust(FRAME_BYTES, b"\xff")
        await self._echo(marks)
        self._changed.set()

    def _watch_buffer(self, frame: bytes, *, at_mark: bool) -> None:
        """Note a stutter: audio that ran dry and went on within STUTTER_MS, with no clear between.

        Audio that ends at a mark has ended where the server says it may: that is a pause between sentences.
        """
        if frame and self._dry_ms is not None:
            dry_ms = self.now_ms - self._dry_ms
            if dry_ms < STUTTER_MS:
                self._note("gap", f"{dry_ms:.0f} ms")
            self._dry_ms = None
        if self._playing and len(frame) < FRAME_BYTES:
            self._dry_ms = None if at_mark or self._at_mark else self.now_ms
        self._at_mark = at_mark
        self._playing = len(frame) == FRAME_BYTES

    async def _echo(self, marks: list[str]) -> None:
        for name in marks:
            self._note("mark", name)
            await self.send("mark", {"mark": {"name": name}})

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
) -> AsyncIterator[Phone]:
    """Place a call to a /twilio/stream address and hang up at the end of the block.

    Raises:
        aiohttp.ClientError: the server is not there or refuses the call.
    """
    stream_sid = "MZ" + call_sid[2:]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers, compress=0, max_msg_size=1 << 24) as wire,
    ):
        await wire.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        start = {
            "streamSid": stream_sid,
            "accountSid": "AC00000000000000000000000000000000",
            "callSid": call_sid,
            "tracks": ["inbound"],
            "customParameters": dict(parameters or {}),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        await wire.send_str(
            json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": stream_sid, "start": start})
        )
        phone = Phone(wire, stream_sid=stream_sid, fault=fault)
        tasks = [asyncio.create_task(phone.listen()), asyncio.create_task(phone.speak())]
        try:
            yield phone
        finally:
            tasks[1].cancel()
            if fault is Fault.NO_STOP:
                async with asyncio.timeout(30):
                    await phone.closed.wait()  # it is the server's turn to notice
            with suppress(ConnectionError):
                await phone.send("stop", {"stop": {"accountSid": start["accountSid"], "callSid": call_sid}})
            await wire.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
